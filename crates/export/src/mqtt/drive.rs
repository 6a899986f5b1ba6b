//! The task that keeps one connection: writes what the window lets go, reads what the broker answers, and notices
//! when nothing comes any more.
//!
//! Writing, reading and the clock are waited for at the same time. A broker that has stopped reads nothing, so a
//! write to it never ends; whoever waits for that alone waits for good. (This is why the connection is not left to
//! `rumqttc`: with a keep-alive of 5 s its 0.34 has not noticed a broker stopped by SIGSTOP after a minute, since
//! it writes, reads and pings in turn.)

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::Notify,
    time::{Instant, sleep_until},
};

use super::{
    answer::{self, Answer, Protocol},
    link::{Input, Link, Output, Target},
    window::{Limits, PutOff, Window},
    wire,
};
use crate::receiver::ReceiverError;

/// Gathered for one write. More would only delay the first of it.
const WRITE_BYTES: usize = 64 << 10;
/// Without a keep-alive of its own: how long a broker may leave something unanswered.
const SILENCE: Duration = Duration::from_secs(60);
/// At the end: how long the farewell may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the receiver and its connection share.
pub(crate) struct Shared {
    pub state: Mutex<Inner>,
    /// There is something to send.
    pub work: Notify,
    /// Something was answered, or the connection ended.
    pub news: Notify,
}

pub(crate) struct Inner {
    pub window: Window,
    pub stage: Stage,
}

/// How far a connection is.
#[derive(Debug)]
pub(crate) enum Stage {
    Running,
    /// To say these last bytes and go.
    Leaving(Bytes),
    /// It is over.
    Ended(ReceiverError),
}

/// Why a connection ended.
struct End {
    error: ReceiverError,
    /// It may have been over what was sent.
    suspicious: bool,
}

impl End {
    fn plain(error: ReceiverError) -> Self {
        Self { error, suspicious: false }
    }
}

struct Drive {
    shared: Arc<Shared>,
    target: Target,
    protocol: Protocol,
    limits: Limits,
    /// The broker is asked for a sign of life when it has said nothing for so long.
    ping_after: Option<Duration>,
    /// It is given up when it leaves something unanswered, and takes nothing, for so long.
    silence: Duration,
    out: BytesMut,
    /// Bytes that the socket has taken.
    flushed: u64,
    needs_flush: bool,
    heard: Instant,
    /// Since when the broker owes something, or did last move.
    moved: Instant,
    pinged: bool,
    /// It has answered a ping: it is well, and whatever ends the connection is something that it was sent.
    well: bool,
}

/// Keeps `link` until it ends, saying `first` first; what came of it is in `shared`.
pub(crate) async fn drive(shared: Arc<Shared>, target: Target, link: Link, limits: Limits, first: BytesMut) {
    let keep_alive_s = link.welcome.keep_alive_s.unwrap_or(target.hello.keep_alive_s);
    let keep_alive = Duration::from_secs(keep_alive_s.into());
    let now = Instant::now();
    let mut drive = Drive {
        shared: shared.clone(),
        target,
        protocol: link.protocol,
        limits,
        ping_after: (!keep_alive.is_zero()).then_some(keep_alive / 2),
        silence: if keep_alive.is_zero() { SILENCE } else { keep_alive },
        out: first,
        flushed: 0,
        needs_flush: false,
        heard: now,
        moved: now,
        pinged: false,
        well: false,
    };
    let end = drive.run(link.input, link.output, link.read).await;
    let mut inner = shared.state.lock();
    if end.suspicious {
        inner.window.died();
    }
    inner.stage = Stage::Ended(end.error);
    drop(inner);
    shared.news.notify_one();
}

impl Drive {
    async fn run(&mut self, mut input: Input, mut output: Output, mut read: BytesMut) -> End {
        loop {
            // What came with the broker's welcome is dealt with before anything is waited for.
            if let Err(end) = self.answers(&mut read) {
                return end;
            }
            if let Some(farewell) = self.next_bytes() {
                return self.leave(&mut output, farewell).await;
            }
            let awaiting = self.is_awaiting();
            let until = match (awaiting, self.ping_after) {
                (true, _) => Some(self.moved + self.silence),
                (false, Some(after)) => Some(self.heard + after),
                (false, None) => None,
            };
            tokio::select! {
                biased;
                got = input.read_buf(&mut read) => match got {
                    Ok(0) => return self.closed("closed the connection"),
                    Ok(_) => {
                        self.heard = Instant::now();
                        self.moved = self.heard;
                    }
                    Err(error) => return End { error: self.target.broken(&error), suspicious: true },
                },
                moved = push(&mut output, &mut self.out), if !self.out.is_empty() || self.needs_flush => match moved {
                    Ok(0) => self.needs_flush = false,
                    Ok(bytes) => self.wrote(bytes as u64),
                    Err(error) => return End { error: self.target.broken(&error), suspicious: true },
                },
                () = self.shared.work.notified(), if self.out.len() < WRITE_BYTES => {
                    if !awaiting {
                        self.moved = Instant::now();
                    }
                }
                () = time(until) => {
                    if awaiting {
                        let seconds = self.silence.as_secs_f32();
                        let text = format!("{}: no sign of life for {seconds} s", self.target.address);
                        return End::plain(ReceiverError::Retry(text));
                    }
                    self.ping();
                }
            }
        }
    }

    /// Puts what may be sent into `out`; the last bytes of all, if it is time to go.
    fn next_bytes(&mut self) -> Option<Bytes> {
        if self.out.len() >= WRITE_BYTES {
            return None;
        }
        let mut inner = self.shared.state.lock();
        if let Stage::Leaving(farewell) = &inner.stage {
            return Some(farewell.clone());
        }
        let needs_ping = inner.window.fill(&self.limits, self.well, &mut self.out, WRITE_BYTES);
        drop(inner);
        if needs_ping {
            self.ping();
        }
        None
    }

    fn is_awaiting(&self) -> bool {
        !self.out.is_empty()
            || self.needs_flush
            || self.pinged
            || self.shared.state.lock().window.is_awaiting()
    }

    fn ping(&mut self) {
        if !self.pinged {
            self.pinged = true;
            self.moved = Instant::now();
            wire::ping(&mut self.out);
        }
    }

    fn wrote(&mut self, bytes: u64) {
        self.moved = Instant::now();
        self.needs_flush = true;
        self.flushed += bytes;
        let settled = {
            let mut inner = self.shared.state.lock();
            inner.window.flushed(self.flushed);
            inner.window.has_settled()
        };
        if settled {
            self.shared.news.notify_one();
        }
    }

    /// Takes in all answers that are there.
    fn answers(&mut self, read: &mut BytesMut) -> Result<(), End> {
        if read.is_empty() {
            return Ok(());
        }
        let shared = self.shared.clone();
        let mut inner = shared.state.lock();
        let answered = loop {
            let answer = match answer::answer(self.protocol, read) {
                Ok(Some(answer)) => answer,
                Ok(None) => break Ok(()),
                Err(_) => {
                    let text = format!("{}: what it answers is not MQTT", self.target.address);
                    break Err(End::plain(ReceiverError::Retry(text)));
                }
            };
            let put_off = match answer {
                Answer::Acked(id, reason) => inner.window.acked(id, &reason),
                Answer::Received(id, reason) => inner.window.received(id, &reason),
                Answer::Completed(id, _) => {
                    inner.window.completed(id);
                    Ok(())
                }
                Answer::Pong => {
                    (self.pinged, self.well) = (false, true);
                    Ok(())
                }
                Answer::Goodbye(reason) => {
                    let fix = reason.fix();
                    let colon = if fix.is_empty() { "" } else { ": " };
                    let text = format!("{} ended the connection: {reason}{colon}{fix}", self.target.address);
                    let suspicious = !reason.is_no_ones_fault();
                    break Err(End { error: ReceiverError::later(text, reason.pause()), suspicious });
                }
                Answer::Connected(_) | Answer::Other => Ok(()),
            };
            if let Err(PutOff(reason)) = put_off {
                let text = format!("{} takes nothing for now: {reason}", self.target.address);
                break Err(End::plain(ReceiverError::Retry(text)));
            }
        };
        let settled = inner.window.has_settled();
        drop(inner);
        if settled {
            shared.news.notify_one();
        }
        answered
    }

    fn closed(&self, what: &str) -> End {
        End { error: ReceiverError::Retry(format!("{} {what}", self.target.address)), suspicious: true }
    }

    /// Says goodbye, so that the broker does not publish the last will.
    async fn leave(&mut self, output: &mut Output, farewell: Bytes) -> End {
        self.out.extend_from_slice(&farewell);
        let said = async {
            output.write_all_buf(&mut self.out).await?;
            output.flush().await?;
            output.shutdown().await
        };
        if !matches!(tokio::time::timeout(FAREWELL, said).await, Ok(Ok(()))) {
            tracing::debug!("{}: it was not there any more to be left in order", self.target.address);
        }
        End::plain(ReceiverError::Retry("the connection was closed".to_owned()))
    }
}

/// Hands bytes to the socket; when there are none, makes sure that TLS keeps none back, and says 0. May be dropped
/// at any point.
async fn push(output: &mut Output, out: &mut BytesMut) -> std::io::Result<usize> {
    if out.is_empty() {
        return output.flush().await.map(|()| 0);
    }
    match output.write_buf(out).await {
        Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
        other => other,
    }
}

async fn time(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
