//! Where an instance's records and objects go in: straight to the recorder, or through the preprocess
//! command's inbox.

use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use watchpost_journal as journal;
use watchpost_model::Group;

use crate::{
    entrance::Entrance,
    entry::Encoded,
    log::StateChange,
    recorder::{RecordError, Recorder},
    tail::Tail,
};

/// The log before the preprocess command: messages as the command is given them.
pub(crate) type Inbox = Tail;

/// What [`Inbox::messages`] found.
pub(crate) struct Messages {
    pub messages: Vec<(u64, Bytes)>,
    /// Where to read on.
    pub next: u64,
    /// How many from where it was read to `next` are gone: damaged on the disk, or given up while it was full.
    pub lost: u64,
}

/// The way into the log. It may change while the instance runs, between two frames.
pub(crate) struct Intake {
    way: RwLock<Way>,
}

/// With a preprocess command there are two logs: its answers cannot be had a second time, so it runs
/// once per record, not once per slow receiver. Stream objects and pictures do not pass it.
pub(crate) enum Way {
    /// No preprocess command.
    Direct(Arc<Recorder>),
    /// The inbox, from which the preprocess command is fed (`preprocess.rs`).
    Inbox { inbox: Arc<Inbox>, recorder: Arc<Recorder> },
}

impl Intake {
    pub fn new(way: Way) -> Self {
        Self { way: RwLock::new(way) }
    }

    /// Takes what one frame gave. Durable within 10 ms, `state` in the same write as the groups.
    pub fn take(
        &self,
        groups: &[&Group],
        objects: Vec<Encoded>,
        state: Vec<StateChange>,
    ) -> Result<(), RecordError> {
        match &*self.way.read() {
            Way::Direct(recorder) => recorder.record(groups, objects, state),
            Way::Inbox { inbox, recorder } => {
                let entries = recorder.messages(groups);
                if !entries.is_empty() || !state.is_empty() {
                    match inbox.append(entries, state)? {
                        Some(first) => recorder.log().latest().enter_inbox(groups, first),
                        None => {
                            let records = groups.iter().map(|group| group.records.len() as u64);
                            inbox.entrance().lose(records.sum());
                        }
                    }
                }
                recorder.record(&[], objects, vec![])
            }
        }
    }

    /// What is asked for room, and gives notice of trouble.
    pub fn entrance(&self) -> Arc<Entrance> {
        match &*self.way.read() {
            Way::Direct(recorder) | Way::Inbox { recorder, .. } => recorder.log().shared_entrance(),
        }
    }

    /// Exchanges the way for the one that `make` gives, beside something for the caller. Nobody writes
    /// meanwhile.
    pub fn switch<T, E>(&self, make: impl FnOnce() -> Result<(Way, T), E>) -> Result<T, E> {
        let mut way = self.way.write();
        let (new, beside) = make()?;
        *way = new;
        Ok(beside)
    }

    /// Appended here, state such as open events is written with the records that go with it.
    pub fn state_log(&self) -> journal::Log {
        match &*self.way.read() {
            Way::Direct(recorder) => recorder.log().store().clone(),
            Way::Inbox { inbox, .. } => inbox.store().clone(),
        }
    }
}

impl Inbox {
    pub fn open(store: journal::Log, recorder: &Recorder) -> Self {
        Tail::new(store, recorder.log().shared_entrance())
    }

    /// Messages from position `from` on, at most about `limit`.
    pub fn messages(&self, from: u64, limit: journal::ReadLimit) -> Result<Messages, journal::Error> {
        let batch = self.read(from, limit)?;
        // Empty ones were given up while the journal could not be written: see `Tail::forget`.
        let whole = batch.entries.into_iter().filter(|entry| !entry.data.is_empty());
        let messages: Vec<_> = whole.map(|entry| (entry.position, entry.data)).collect();
        let lost = batch.next.saturating_sub(from) - messages.len() as u64;
        Ok(Messages { messages, next: batch.next, lost })
    }
}
