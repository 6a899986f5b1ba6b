//! The receiver that delivers to an exporter's child process.
//!
//! Delivered is what the child has read, or with `acknowledge` what it has answered. The child is started by
//! `open` and lives until it fails or the receiver is closed; why and when it is started again is the
//! worker's business, as for every receiver.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use watchpost_process::{
    Answer, Child, Ended, Exit, Guardian, Life, Progress, SendError, SpawnError, Spec, Stdin, Talk,
};

use super::window::Window;
use crate::receiver::{Delivery, Outcome, Receiver, ReceiverError};

/// Deliveries that may be under way in read-count mode: enough to fill the pipe of 256 KiB with small records
/// twice over.
const READ_WINDOW: usize = 4096;

/// At the end, how long the child has to read and answer the rest; then how long after the closing of its
/// STDIN, and again after `SIGTERM`. Together within the 10 s that TERM gives Watchpost itself.
pub(super) const LAST_ANSWERS: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_millis(1500);

/// How long a child whose STDIN is closed may take to end by itself before it is killed: usually it is just
/// dying.
const CLOSED_GRACE: Duration = Duration::from_secs(1);

/// `EX_TEMPFAIL` of `sysexits.h`. A child that ends with it says that no message is to blame, only what it
/// delivers to: its end counts for no poison rule, however long an outage lasts.
const TRY_LATER: Exit = Exit::Code(75);

#[derive(Clone)]
pub(super) struct Settings {
    pub spec: Spec,
    pub batch: bool,
    pub acknowledge: bool,
    pub window: usize,
    pub retries: u32,
    pub timeout: Duration,
    pub start_timeout: Duration,
}

pub(super) struct ExporterReceiver {
    settings: Settings,
    guardian: Guardian,
    child: Option<Child>,
    /// Marked as seen before each look at the child, so that nothing in between is missed.
    progress: watch::Receiver<Progress>,
    window: Window,
    /// Messages of this child that were read; the window knows only what is left.
    read: u64,
    /// Why this child is of no use any more. Said once everything it still achieved is.
    failure: Option<Failure>,
    /// How the last child that was closed ended.
    pub(super) last_end: Option<LastEnd>,
}

/// The end of a child that was closed in order.
#[derive(Clone, Copy, Debug)]
pub(super) struct LastEnd {
    pub ended: Ended,
    /// When its input ended; else it had to be told, or killed.
    pub by_itself: bool,
}

/// Why a child is of no use any more.
struct Failure {
    reason: String,
    /// Whether the oldest unanswered message may be what ended it.
    suspect: bool,
}

impl Failure {
    /// It is of no use, and is ended for it.
    fn new(child: &Child, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        child.tell(&reason);
        Self { reason, suspect: true }
    }

    fn of_death(child: &Child, ended: Ended) -> Self {
        child.tell(&ended.exit.to_string());
        Self { reason: child.death(ended), suspect: ended.exit != TRY_LATER }
    }
}

impl ExporterReceiver {
    pub(super) fn new(settings: Settings, guardian: Guardian) -> Self {
        let progress = watch::channel(Progress::default()).1;
        Self {
            settings,
            guardian,
            child: None,
            progress,
            window: Window::default(),
            read: 0,
            failure: None,
            last_end: None,
        }
    }

    /// How far the child has come.
    pub(super) fn progress(&self) -> Progress {
        self.child.as_ref().map(Child::progress).unwrap_or_default()
    }

    /// Gives the child as much as it may have.
    fn pump(&mut self) {
        let Some(child) = &self.child else { return };
        let limit = if self.settings.acknowledge { self.settings.window } else { usize::MAX };
        while self.window.unanswered() < limit
            && let Some(message) = self.window.next()
        {
            match child.try_send(message.json.clone()) {
                Ok(_) => self.window.next_is_sent(),
                // Full: more when it has read. Closed: its end is seen elsewhere.
                Err(SendError::Full(_) | SendError::Closed(_)) => return,
            }
        }
    }

    /// Takes in what the child has read or answered.
    fn collect(&mut self) {
        let Some(child) = &self.child else { return };
        if self.settings.acknowledge {
            for answer in child.take_answers() {
                match answer {
                    Answer::Ok => self.window.oldest_is_done(),
                    Answer::Error(reason) => self.window.oldest_failed(reason, self.settings.retries),
                }
            }
        } else {
            let read = child.progress().read;
            for _ in self.read..read {
                self.window.oldest_is_done();
            }
            self.read = read;
        }
    }

    /// Waits until the child has come further, or sets `failure`. May be dropped at any point.
    async fn wait(&mut self) {
        let Some(child) = &self.child else {
            let reason = "it was not started".to_owned();
            self.failure.get_or_insert(Failure { reason, suspect: true });
            return;
        };
        let seen = child.progress();
        let (limit, what) = match (seen.last_read, self.settings.acknowledge) {
            (None, _) => (self.settings.start_timeout, "has not begun to read within start_timeout_ms"),
            (Some(_), false) => (self.settings.timeout, "has not read what it was sent within timeout_ms"),
            (Some(_), true) => (self.settings.timeout, "has not answered what it was sent within timeout_ms"),
        };
        let stalled = child.stalled_for().unwrap_or_default();
        if stalled >= limit {
            let reason = format!("{what} ({} ms) and was ended", limit.as_millis());
            self.failure = Some(Failure::new(child, reason));
            child.kill().await;
            return;
        }
        let closed = seen.stdin == Stdin::Refused;
        let look_again = if closed { CLOSED_GRACE } else { limit - stalled };
        tokio::select! {
            biased;
            ended = child.ended() => self.failure = Some(Failure::of_death(child, ended)),
            _ = self.progress.changed(), if !closed => {}
            () = tokio::time::sleep(look_again) => if closed {
                self.failure = Some(Failure::new(child, "closed its STDIN and was ended"));
                child.kill().await;
            },
        }
    }
}

#[async_trait]
impl Receiver for ExporterReceiver {
    async fn open(&mut self, _resume: Option<&[u8]>) -> Result<(), ReceiverError> {
        if let Some(old) = self.child.take() {
            old.kill().await;
        }
        self.window.restart();
        self.read = 0;
        self.failure = None;
        match self.guardian.spawn(self.settings.spec.clone()).await {
            Ok(child) => {
                self.progress = child.watch_progress();
                self.child = Some(child);
                Ok(())
            }
            Err(error @ (SpawnError::Program(_) | SpawnError::Dir { .. } | SpawnError::Invalid(_))) => {
                Err(ReceiverError::Failed(error.to_string()))
            }
            Err(error) => Err(ReceiverError::Retry(error.to_string())),
        }
    }

    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError> {
        if self.window.is_empty()
            && let Some(child) = &self.child
            && let Life::Gone(ended) = child.life()
        {
            child.tell(&ended.exit.to_string());
            // It ended over nothing: that is no mark against the delivery that finds it so.
            return Err(ReceiverError::Retry(child.death(ended)));
        }
        for delivery in &batch {
            self.window.take(delivery, self.settings.batch);
        }
        self.pump();
        Ok(())
    }

    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        loop {
            self.progress.mark_unchanged();
            self.collect();
            let outcomes = self.window.outcomes();
            if !outcomes.is_empty() {
                self.pump();
                return Ok(outcomes);
            }
            if let Some(failure) = &self.failure {
                // A child that has read nothing did not die over the message it never saw.
                let has_read = self.child.as_ref().is_some_and(|child| child.progress().last_read.is_some());
                let error =
                    if has_read && failure.suspect { ReceiverError::Died } else { ReceiverError::Retry };
                return Err(error(failure.reason.clone()));
            }
            self.pump();
            self.wait().await;
        }
    }

    fn window(&self) -> usize {
        if self.settings.acknowledge { self.settings.window.max(1) } else { READ_WINDOW }
    }

    /// One that ends while there is nothing to do is started again too, and that it ended shows.
    async fn lost(&mut self) -> ReceiverError {
        let Some(child) = &self.child else { return std::future::pending().await };
        let ended = child.ended().await;
        child.tell(&ended.exit.to_string());
        ReceiverError::Retry(child.death(ended))
    }

    fn keep_talk(&mut self, talk: Talk) {
        self.settings.spec.talk = talk;
    }

    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError> {
        let Some(child) = self.child.take() else { return Ok(Vec::new()) };
        child.close_stdin();
        let by_itself = tokio::time::timeout(LAST_ANSWERS, child.ended()).await.is_ok();
        let ended = child.stop(GRACE).await;
        child.tell(&format!("{} when told to", ended.exit));
        self.last_end = Some(LastEnd { ended, by_itself });
        self.child = Some(child);
        self.collect();
        self.child = None;
        let outcomes = self.window.outcomes();
        self.window.restart();
        Ok(outcomes)
    }
}
