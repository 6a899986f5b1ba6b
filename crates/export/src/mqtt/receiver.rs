//! The receiver that publishes to a broker.
//!
//! Delivered is what the broker has acknowledged: PUBACK for QoS 1, PUBCOMP for QoS 2; what the socket has taken for
//! QoS 0, which promises nothing.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::{sync::Notify, task::JoinHandle, time::timeout};
use tracing::Instrument;

use super::{
    answer::Protocol,
    drive::{Inner, Shared, Stage, drive},
    link::Target,
    message::Maker,
    resume::Resume,
    window::{Limits, Window},
    wire::{self, QoS, Will},
};
use crate::receiver::{Delivery, Outcome, Receiver, ReceiverError};

/// Deliveries that may be unanswered: more than are in flight, so that the next ones are at hand when an
/// acknowledgement makes room.
const WINDOW: usize = 4096;
/// And bytes of them: four large crops of a 4K frame, or thousands of events.
const WINDOW_BYTES: usize = 16 << 20;
/// Messages of QoS 2 in flight in version 3.1.1, where a broker cannot say how many it takes: Mosquitto takes 20 and
/// answers what is over them as if it had taken them, but has not (PUBREC, with a reason that 3.1.1 does not carry).
const UNTOLD_MAX: u16 = 10;
/// At the end, how long the broker has to acknowledge the rest. Within the 10 s that TERM gives Watchpost itself.
const LAST_ANSWERS: Duration = Duration::from_secs(3);
/// How long leaving may take besides.
const LEAVING: Duration = Duration::from_secs(2);

pub(crate) struct MqttReceiver {
    target: Target,
    expiry_s: Option<NonZeroU32>,
    shared: Arc<Shared>,
    connection: Option<Connection>,
    /// A broker may remember what was in flight: not before the first connection, nor after one that was left in
    /// order.
    has_session: bool,
}

/// The task that keeps a connection; it ends with it.
struct Connection {
    task: JoinHandle<()>,
    protocol: Protocol,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl MqttReceiver {
    pub fn new(target: Target, expiry_s: Option<NonZeroU32>, maker: Maker) -> Self {
        let ended = Stage::Ended(ReceiverError::Retry("not connected".to_owned()));
        let inner = Mutex::new(Inner { window: Window::new(maker), stage: ended });
        let shared = Arc::new(Shared { state: inner, work: Notify::new(), news: Notify::new() });
        Self { target, expiry_s, shared, connection: None, has_session: false }
    }

    /// Waits until something can be said, or the connection is over and all is said.
    async fn next_outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        loop {
            {
                let mut inner = self.shared.state.lock();
                let outcomes = inner.window.outcomes();
                if !outcomes.is_empty() {
                    return Ok(outcomes);
                }
                if let Stage::Ended(error) = &inner.stage {
                    return Err(error.clone());
                }
            }
            self.shared.news.notified().await;
        }
    }
}

#[async_trait]
impl Receiver for MqttReceiver {
    async fn open(&mut self, resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        let resume = Resume::parse(resume)?;
        if let Some(mut old) = self.connection.take() {
            old.task.abort();
            // Only when it is gone may another write to the window.
            let _cancelled = (&mut old.task).await;
        }
        let clean = !self.has_session || self.shared.state.lock().window.has_leftovers();
        let link = self.target.connect(clean).await?;
        let (protocol, welcome) = (link.protocol, &link.welcome);
        tracing::debug!(
            address = %self.target.address, version = protocol.name(), remembered = welcome.session_present, "connected"
        );
        let limits = Limits {
            protocol,
            receive_max: match (protocol, self.target.qos) {
                (Protocol::V311, QoS::ExactlyOnce) => UNTOLD_MAX,
                _ => welcome.receive_max,
            },
            max_packet: welcome.max_packet,
            expiry_s: self.expiry_s,
        };
        let first = {
            let mut inner = self.shared.state.lock();
            inner.window.restart(welcome.session_present && !clean, resume);
            inner.stage = Stage::Running;
            inner.window.greeting(&limits)
        };
        self.has_session = true;
        let driven = drive(self.shared.clone(), self.target.clone(), link, limits, first);
        let task = tokio::spawn(driven.in_current_span());
        self.connection = Some(Connection { task, protocol });
        Ok(())
    }

    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        {
            let mut inner = self.shared.state.lock();
            if inner.window.len() == 0
                && let Stage::Ended(error) = &inner.stage
            {
                return Err(error.clone());
            }
            for delivery in batch {
                inner.window.take(delivery);
            }
        }
        self.shared.work.notify_one();
        Ok(())
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        self.next_outcomes().await
    }

    async fn lost(&mut self) -> ReceiverError {
        loop {
            if let Stage::Ended(error) = &self.shared.state.lock().stage {
                return error.clone();
            }
            self.shared.news.notified().await;
        }
    }

    fn window(&self) -> usize {
        let inner = self.shared.state.lock();
        if inner.window.bytes() < WINDOW_BYTES { WINDOW } else { inner.window.len().max(1) }
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        let mut outcomes = Vec::new();
        let answered = timeout(LAST_ANSWERS, async {
            while self.shared.state.lock().window.len() > 0 {
                match self.next_outcomes().await {
                    Ok(more) => outcomes.extend(more),
                    Err(_) => return false,
                }
            }
            true
        });
        let all = answered.await.unwrap_or(false);
        let Some(mut connection) = self.connection.take() else { return Ok(outcomes) };
        {
            let mut inner = self.shared.state.lock();
            if matches!(inner.stage, Stage::Running) {
                let unavailable =
                    self.target.hello.will.as_ref().filter(|_| inner.window.maker.home.is_some());
                inner.stage = Stage::Leaving(farewell(connection.protocol, all, unavailable));
            }
        }
        self.shared.work.notify_one();
        if timeout(LEAVING, &mut connection.task).await.is_err() {
            tracing::debug!("{}: left without its word", self.target.address);
        }
        outcomes.extend(self.shared.state.lock().window.outcomes());
        Ok(outcomes)
    }
}

/// DISCONNECT; with nothing in flight the broker need not remember us. `last`: what the last will would have said,
/// where it is to be said in any case.
fn farewell(protocol: Protocol, forget: bool, last: Option<&Will>) -> Bytes {
    let mut bytes = BytesMut::new();
    if let Some(will) = last {
        wire::note(protocol, &will.topic, will.message.clone(), &mut bytes);
    }
    wire::disconnect(protocol, forget, &mut bytes);
    bytes.freeze()
}
