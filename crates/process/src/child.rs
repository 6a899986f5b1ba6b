//! A running child: what a worker holds in its hands.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::answers::Answer;
use crate::feed::{Feed, Progress, SendError};
use crate::guardian::wire::Order;
use crate::log::{ChildLog, LogLine, Origin};
use crate::output::{Line, Output};

/// How long reading goes on after the last process of a child is gone: only someone who was handed the pipe
/// from outside (a container's daemon) can still hold it.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the kernel may take to end killed processes before `stop` stops waiting for it: one that hangs in
/// a dead network file system can not be ended at all.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

/// How the child's own process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Not known: its keeper was killed, and it with it.
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exited with status {code}"),
            Exit::Signal(signal) => write!(f, "was ended by signal {signal}"),
            Exit::Unknown => write!(f, "was killed together with its keeper"),
        }
    }
}

/// A child that is gone with all its descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// How its own process ended.
    pub exit: Exit,
    /// Processes it had left behind, killed with it. A child that goes into the background leaves itself.
    pub left_behind: u32,
}

/// Where a child is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Its process runs.
    Running,
    /// Its process has ended; descendants are being killed.
    Ending(Exit),
    /// Nothing is left of it.
    Gone(Ended),
}

/// A running child. Dropping it kills it with all its descendants; [`Child::stop`] does it orderly.
///
/// Every method may be called from several tasks.
#[derive(Debug)]
pub struct Child {
    pub(crate) pid: u32,
    pub(crate) feed: Arc<Feed>,
    pub(crate) output: Arc<Output>,
    pub(crate) log: Arc<ChildLog>,
    pub(crate) life: watch::Receiver<Life>,
    /// Readers still at work, that of [`Stdout::Lines`](crate::Stdout::Lines) not counted: it waits for us.
    pub(crate) readers: watch::Receiver<usize>,
    pub(crate) orders: OwnedWriteHalf,
    /// Ended with the handle.
    pub(crate) _tasks: JoinSet<()>,
}

impl Child {
    /// Process id, and number of its process group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Puts a message in the queue, waiting for room; the framing byte is added. Returns its number, from 1.
    /// Fails only with [`SendError::Closed`].
    pub async fn send(&self, message: Bytes) -> Result<u64, SendError> {
        self.feed.send(message).await
    }

    /// The same without waiting.
    pub fn try_send(&self, message: Bytes) -> Result<u64, SendError> {
        self.feed.try_send(message)
    }

    /// Accepts no more messages; once those in the queue are written, the child finds the end of its input.
    pub fn close_stdin(&self) {
        self.feed.close(false);
    }

    /// Messages sent so far.
    pub fn sent(&self) -> u64 {
        self.feed.sent()
    }

    /// How far the child has come.
    pub fn progress(&self) -> Progress {
        self.feed.progress()
    }

    /// Messages wholly read by the child; right after its death too, once [`Progress::settled`].
    pub fn read_through(&self) -> u64 {
        self.feed.progress().read
    }

    /// To wait for progress: `changed().await`, then `borrow_and_update()`.
    pub fn watch_progress(&self) -> watch::Receiver<Progress> {
        self.feed.subscribe()
    }

    /// How long something has been unread (with answers: unanswered) without any progress; `None` if nothing
    /// is. While [`Progress::last_read`] is `None` the start-up timeout applies, after that the other.
    pub fn stalled_for(&self) -> Option<Duration> {
        self.feed.stalled_for()
    }

    /// Answers come since the last call, in order; [`Progress::answered`] counts them.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.output.take_answers()
    }

    /// Lines of STDOUT ([`Stdout::Lines`](crate::Stdout::Lines)) as soon as there are any; empty only at its end.
    /// Losing the race in a `select!` loses no line.
    pub async fn lines(&self) -> Vec<Line> {
        self.output.lines().await
    }

    /// Like [`Child::lines`] after [`Child::close_stdin`], but empty also when the child has read everything and
    /// then been silent for `silence`: some filters never end by themselves.
    pub async fn drain_lines(&self, silence: Duration) -> Vec<Line> {
        let mut progress = self.feed.subscribe();
        loop {
            let now = *progress.borrow_and_update();
            let all_read = now.read == self.feed.sent() || now.settled;
            let last = now.last_read.map_or(self.output.last(), |read| read.max(self.output.last()));
            let deadline = Instant::from_std(last) + silence;
            tokio::select! {
                biased;
                lines = self.output.lines() => return lines,
                _ = progress.changed(), if !now.settled => {}
                () = tokio::time::sleep_until(deadline), if all_read => return Vec::new(),
            }
        }
    }

    /// Where it is in its life.
    pub fn life(&self) -> Life {
        *self.life.borrow()
    }

    /// Waits until the child's own process has ended, without waiting for what it leaves behind.
    pub async fn exited(&self) -> Exit {
        let mut life = self.life.clone();
        let life = life.wait_for(|life| *life != Life::Running).await.map(|life| *life);
        match life {
            Ok(Life::Ending(exit) | Life::Gone(Ended { exit, .. })) => exit,
            Ok(Life::Running) | Err(_) => Exit::Unknown,
        }
    }

    /// Waits until nothing is left of the child, its counts are final and its last answers are in.
    pub async fn ended(&self) -> Ended {
        let mut life = self.life.clone();
        let ended = match life.wait_for(|life| matches!(life, Life::Gone(_))).await.as_deref() {
            Ok(Life::Gone(ended)) => *ended,
            _ => Ended { exit: Exit::Unknown, left_behind: 0 },
        };
        let mut progress = self.feed.subscribe();
        let mut readers = self.readers.clone();
        let _ = progress.wait_for(|progress| progress.settled).await;
        let _ = tokio::time::timeout(LAST_WORDS, readers.wait_for(|count| *count == 0)).await;
        ended
    }

    /// Ends the child: closes its STDIN (what is still in our queue is dropped), waits up to `grace`, sends
    /// `SIGTERM` to its group, waits up to `grace` again, kills all its descendants. Returns when nothing is
    /// left; 10 s after the kill in any case.
    pub async fn stop(&self, grace: Duration) -> Ended {
        self.feed.close(true);
        if let Ok(ended) = tokio::time::timeout(grace, self.ended()).await {
            return ended;
        }
        self.order(Order::Terminate).await;
        if let Ok(ended) = tokio::time::timeout(grace, self.ended()).await {
            return ended;
        }
        self.kill().await
    }

    /// Kills the child with all its descendants at once. Returns when nothing is left; after 10 s in any case.
    pub async fn kill(&self) -> Ended {
        self.order(Order::End).await;
        let ended = tokio::time::timeout(KILL_TIMEOUT + LAST_WORDS, self.ended()).await;
        // Not before: a child that sees the end of its input would begin to end in order, and sometimes manage it.
        self.feed.close(true);
        ended.unwrap_or_else(|_| {
            self.log.note("it does not end although killed; its keeper goes on trying");
            Ended { exit: Exit::Unknown, left_behind: 0 }
        })
    }

    /// Logs a line of its STDOUT that was no answer, as [`Stdout::Log`](crate::Stdout::Log) would.
    pub fn say(&self, line: &[u8]) {
        if !line.is_empty() {
            self.log.line(Origin::Stdout, line, line.len() as u64);
        }
    }

    /// Notes something about its life among its last lines ([`Spec::talk`](crate::Spec::talk)), for people.
    pub fn tell(&self, text: &str) {
        self.log.tell(text);
    }

    /// The last lines it wrote that were not answers.
    pub fn recent_lines(&self) -> Vec<LogLine> {
        self.log.recent()
    }

    /// How it ended, with its last words on STDERR: mostly they say why.
    pub fn death(&self, ended: Ended) -> String {
        let lines = self.recent_lines();
        let said =
            lines.iter().rev().find(|line| line.origin == Origin::Stderr && !line.text.trim().is_empty());
        match said {
            Some(line) => format!("{}; its last words: {}", ended.exit, line.text.trim()),
            None => ended.exit.to_string(),
        }
    }

    /// A single byte always fits: the keeper reads them as they come. When it is gone, so is the child.
    async fn order(&self, order: Order) {
        if self.orders.writable().await.is_ok() {
            let _ = self.orders.try_write(&[order.byte()]);
        }
    }
}
