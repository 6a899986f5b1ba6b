//! The contract between a worker and whatever it delivers to.
//!
//! A worker (in `runtime`) reads an instance's log from the receiver's cursor, cuts each entry down to
//! what the receiver selected and hands it over with [`Receiver::send`]. The receiver answers through
//! [`Receiver::outcomes`], which is the only thing that moves the cursor. Between the two lies the
//! receiver's window: what has been taken and not yet answered for. After any error the worker opens
//! the receiver anew and starts again at the cursor, so everything unanswered is sent again, in order,
//! before anything newer.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use thiserror::Error;
use watchpost_process::Talk;
use watchpost_schema::{SchemaId, Version, streams::StreamName};

use crate::picture::Written;

/// Something a log can be delivered to: a file, a broker, a program.
///
/// What every receiver owes, checked for all of [`crate::FORMATS`] by one conformance test:
/// - nothing is reported delivered before it is as durable as PRODUCT section 12 says for its kind;
/// - deliveries leave in the order they were taken;
/// - dropping it at any moment loses nothing but what it had not reported;
/// - `send` and `outcomes` may be dropped while they wait (they are *cancel safe*): what `send` took
///   before is either still answered for or sent again after the next `open`.
#[async_trait]
pub trait Receiver: Send {
    /// Makes ready to take deliveries from the cursor on.
    ///
    /// `resume` is the last [`Outcome::Delivered::resume`] that was kept with the cursor, `None` the
    /// first time.
    ///
    /// # Errors
    /// As [`ReceiverError`] says, with nothing taken.
    async fn open(&mut self, resume: Option<&[u8]>) -> Result<(), ReceiverError>;

    /// Takes deliveries, in order; at most [`Receiver::window`] may be unanswered. Returns when they
    /// are taken, which is not when they are delivered.
    ///
    /// # Errors
    /// As [`ReceiverError`] says; the worker opens it anew and sends again from the cursor.
    async fn send(&mut self, batch: Vec<Delivery>) -> Result<(), ReceiverError>;

    /// Waits until something can be said of what was taken, and says it. Never returns an empty list.
    /// Is called only while something is unanswered.
    ///
    /// # Errors
    /// As for `send`.
    async fn outcomes(&mut self) -> Result<Vec<Outcome>, ReceiverError>;

    /// How many deliveries may be unanswered at once; at least 1.
    fn window(&self) -> usize {
        1024
    }

    /// Waits until it notices that it cannot go on although nothing is unanswered: a connection that is lost while
    /// there is nothing to send should show, and be there again when there is. Is called only then.
    async fn lost(&mut self) -> ReceiverError {
        std::future::pending().await
    }

    /// Until when it does nothing with what it has, and would do nothing more with more: whoever feeds it may
    /// wait as long, and then feed it at once what has come meanwhile.
    fn rests_until(&self) -> Option<std::time::Instant> {
        None
    }

    /// Everything before `position` is done with for good: the cursor is on disk past it, and no crash makes it come
    /// again. Told now and then; at the beginning too.
    fn kept(&mut self, position: u64) {
        let _of_no_concern = position;
    }

    /// Whether it waits for [`Self::kept`] to do something.
    fn awaits_kept(&self) -> bool {
        false
    }

    /// What its child says is to be kept there from its next `open` on. One without a child has nothing to say.
    fn keep_talk(&mut self, talk: Talk) {
        let _without_a_child = talk;
    }

    /// Flushes and closes. What could still be delivered is in the answer; afterwards the receiver may
    /// be opened again.
    ///
    /// # Errors
    /// As for `send`.
    async fn close(&mut self) -> Result<Vec<Outcome>, ReceiverError>;

    /// What it has written since it was made, for the table at the end of a run: each file, or a
    /// folder of like files with their number. Nothing where nothing stays on this machine.
    fn written(&self) -> Vec<Written> {
        Vec::new()
    }
}

/// One entry of the log, cut down to what a receiver selected.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its place in the log; rises from delivery to delivery, not without gaps.
    pub position: u64,
    /// The wall clock it speaks of, Unix ms: the `{sys.time}` of dynamic strings.
    pub time_ms: i64,
    /// A group's records in order, or one stream object. Never empty.
    pub items: Vec<Item>,
}

/// One JSON object, serialised once and shared by all receivers of its version.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// One JSON object in UTF-8, minified, without a line end.
    pub json: Bytes,
}

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A record of a schema version.
    Record(SchemaId, Version),
    /// An object of a stream.
    Object(StreamName),
}

/// What became of deliveries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything up to and including this position is delivered, or was refused before.
    Delivered {
        /// The last position that is done with.
        through: u64,
        /// What `open` needs to go on behind it (a file's length, counts); kept with the cursor in
        /// the same write. `None` leaves what was kept.
        resume: Option<Bytes>,
    },
    /// The receiver will never take this: it becomes a dead letter. Comes before the `Delivered`
    /// that passes over it.
    Refused {
        /// Which delivery.
        position: u64,
        /// Which of its items; `None`: all of them.
        item: Option<usize>,
        /// In the receiver's words.
        reason: String,
    },
}

/// Why a receiver cannot go on. Each says what was tried, what came back and what would mend it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReceiverError {
    /// May pass by itself: a dead connection, a child that ended. Tried again with growing pauses.
    #[error("{0}")]
    Retry(String),
    /// As `Retry`, with a pause of at least this length: whoever refused wants no more tries, or people have to
    /// mend something first.
    #[error("{reason}")]
    Later {
        /// In the receiver's words.
        reason: String,
        /// Until the next try.
        pause: Duration,
    },
    /// The receiver died over its oldest unanswered delivery; as `Retry`, and after
    /// [`POISON_DEATHS`] in a row with the same oldest one that one becomes a dead letter.
    #[error("{0}")]
    Died(String),
    /// The disk is full or a permission is missing. As `Retry`, shown as `blocked`.
    #[error("{0}")]
    Blocked(String),
    /// Only a change of its settings can help. Not tried again.
    #[error("{0}")]
    Failed(String),
}

impl ReceiverError {
    /// As `Retry` where there is no pause.
    pub(crate) fn later(reason: impl Into<String>, pause: Duration) -> Self {
        match (reason.into(), pause) {
            (reason, Duration::ZERO) => Self::Retry(reason),
            (reason, pause) => Self::Later { reason, pause },
        }
    }
}

/// Deaths in a row over the same oldest delivery that make it a dead letter (PRODUCT 9).
pub const POISON_DEATHS: u32 = 5;
