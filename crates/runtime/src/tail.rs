//! A log of the store, and in memory what of it is not durable yet: whoever reads while the journal cannot be
//! written finds it nowhere else.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use watchpost_journal as journal;

use crate::{entrance::Entrance, log::StateChange};

/// One log of the store. Shared by whoever writes and whoever reads.
pub(crate) struct Tail {
    store: journal::Log,
    entrance: Arc<Entrance>,
    /// Held from giving out positions to filling `undurable`, so that it has the order of the log. Taken
    /// before `undurable`; readers take that alone and never wait for the store.
    writing: Mutex<()>,
    undurable: Mutex<Undurable>,
    /// Tells of appends while nothing becomes durable.
    appended: Notify,
}

impl Tail {
    pub fn new(store: journal::Log, entrance: Arc<Entrance>) -> Self {
        Self {
            store,
            entrance,
            writing: Mutex::default(),
            undurable: Mutex::default(),
            appended: Notify::new(),
        }
    }

    pub fn store(&self) -> &journal::Log {
        &self.store
    }

    pub fn entrance(&self) -> &Entrance {
        &self.entrance
    }

    pub fn shared_entrance(&self) -> Arc<Entrance> {
        self.entrance.clone()
    }

    /// Appends entries and state changes, all or nothing: see [`Entrance::append`].
    pub fn append(
        &self,
        entries: Vec<Bytes>,
        state: Vec<StateChange>,
    ) -> Result<Option<u64>, journal::Error> {
        // A source that waits for the journal is read from the journal alone.
        if !self.entrance.is_live() {
            return self.entrance.append(&self.store, journal::Commit { entries, state });
        }
        let _writing = self.writing.lock();
        let commit = journal::Commit { entries: entries.clone(), state };
        let Some(first) = self.entrance.append(&self.store, commit)? else { return Ok(None) };
        self.undurable.lock().push(first, entries, self.store.durable_end());
        if self.entrance.passes_undurable() {
            self.appended.notify_waiters();
        }
        Ok(Some(first))
    }

    /// Entries from `from` on, at most about `limit`: durable ones, and while nothing becomes durable those of
    /// a live source too ([`Entrance`]).
    pub fn read(&self, from: u64, limit: journal::ReadLimit) -> Result<journal::Batch, journal::Error> {
        if self.entrance.passes_undurable() {
            let undurable = self.undurable.lock();
            if let Some(batch) = undurable.read(from, limit) {
                return Ok(batch);
            }
            if from >= self.store.durable_end() && from < undurable.first {
                let lost = Some(from..undurable.first);
                return Ok(journal::Batch { entries: Vec::new(), next: undurable.first, lost });
            }
        }
        self.store.read(from, limit)
    }

    /// Makes room in the store while nothing becomes durable: what is before `before` has been delivered, or is
    /// given up. It keeps its positions, and reads as lost.
    pub fn forget(&self, before: u64) {
        self.store.forget_pending(before);
        self.undurable.lock().forget(before);
    }

    /// The middle of what is in memory only.
    pub fn half_in_memory(&self) -> u64 {
        let undurable = self.undurable.lock();
        undurable.first + undurable.entries.len() as u64 / 2
    }

    /// Waits until there is something to read at `position`: durable, or while nothing becomes durable and
    /// the source cannot wait, appended.
    pub async fn wait_past(&self, position: u64) -> Result<(), journal::Error> {
        let Some(mut undurable) = self.entrance.watch_undurable() else {
            return self.store.wait_past(position).await;
        };
        loop {
            let appended = self.appended.notified();
            tokio::pin!(appended);
            appended.as_mut().enable();
            undurable.mark_unchanged();
            if self.entrance.passes_undurable() && position < self.undurable.lock().end() {
                return Ok(());
            }
            tokio::select! {
                biased;
                durable = self.store.wait_past(position) => return durable,
                changed = undurable.changed() => if changed.is_err() {
                    return Err(journal::Error::Closed);
                },
                () = &mut appended => {}
            }
        }
    }
}

/// The last entries, without gaps, in order. Never more than the store itself has room for while it cannot be
/// written.
#[derive(Default)]
struct Undurable {
    first: u64,
    entries: VecDeque<Bytes>,
}

impl Undurable {
    fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    fn push(&mut self, first: u64, entries: Vec<Bytes>, durable_end: u64) {
        if first != self.end() {
            self.entries.clear();
        }
        if self.entries.is_empty() {
            self.first = first;
        }
        self.entries.extend(entries);
        self.forget(durable_end);
    }

    fn forget(&mut self, before: u64) {
        while self.first < before && self.entries.pop_front().is_some() {
            self.first += 1;
        }
    }

    /// Entries from `from` on; `None` if it is not here.
    fn read(&self, from: u64, limit: journal::ReadLimit) -> Option<journal::Batch> {
        let offset = usize::try_from(from.checked_sub(self.first)?).ok()?;
        if offset >= self.entries.len() {
            return None;
        }
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for (position, data) in (from..).zip(self.entries.range(offset..)).take(limit.entries) {
            if bytes > limit.bytes {
                break;
            }
            bytes += data.len();
            entries.push(journal::Entry { position, data: data.clone() });
        }
        Some(journal::Batch { next: from + entries.len() as u64, entries, lost: None })
    }
}
