//! A log of the store with its newest items in memory, as they were made.
//!
//! Two things need them: live receivers, which would otherwise all decode what was encoded a moment ago; and
//! whoever reads while the journal cannot be written, when memory is the only place where they are.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use watchpost_journal as journal;

use crate::{entrance::Entrance, log::StateChange};

/// What it costs to keep an item.
pub(crate) trait Weigh {
    /// Its bytes, roughly.
    fn weight(&self) -> usize;
}

/// One log of the store. Shared by whoever writes and whoever reads.
pub(crate) struct Tail<T> {
    store: journal::Log,
    entrance: Arc<Entrance>,
    /// Held from giving out positions to filling `recent`, so that `recent` has the order of the log.
    /// Taken before `recent`; readers take `recent` alone and never wait for the store.
    writing: Mutex<()>,
    recent: Mutex<Recent<T>>,
    /// Tells of appends while nothing becomes durable.
    appended: Notify,
}

impl<T: Weigh + Clone> Tail<T> {
    /// Keeps at most so many items and bytes in memory, and those that are not durable anyway: of them there
    /// are never more than the store itself has room for.
    pub fn new(store: journal::Log, entrance: Arc<Entrance>, items: usize, bytes: usize) -> Self {
        Self {
            store,
            entrance,
            writing: Mutex::default(),
            recent: Mutex::new(Recent::new(items, bytes)),
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

    /// Appends items, as `encoded`, and state changes, all or nothing: see [`Entrance::append`].
    pub fn append(
        &self,
        items: Vec<T>,
        encoded: Vec<Bytes>,
        state: Vec<StateChange>,
    ) -> Result<Option<u64>, journal::Error> {
        let _writing = self.writing.lock();
        let commit = journal::Commit { entries: encoded, state };
        let Some(first) = self.entrance.append(&self.store, commit)? else { return Ok(None) };
        self.recent.lock().push(first, items, || self.store.durable_end());
        if self.entrance.passes_undurable() {
            self.appended.notify_waiters();
        }
        Ok(Some(first))
    }

    /// Items from `from` on, at most `limit`, as far as they may be read; `None` if `from` is not in memory.
    pub fn recent(&self, from: u64, limit: usize) -> Option<Vec<(u64, T)>> {
        let durable = self.store.durable_end();
        let undurable = self.entrance.passes_undurable();
        let recent = self.recent.lock();
        let end = if undurable { recent.end() } else { durable };
        recent.read(from, end, limit)
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
            if *undurable.borrow_and_update() && position < self.recent.lock().end() {
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

/// The last items, without gaps, in order.
struct Recent<T> {
    first: u64,
    items: VecDeque<T>,
    bytes: usize,
    most_items: usize,
    most_bytes: usize,
}

impl<T: Weigh + Clone> Recent<T> {
    fn new(most_items: usize, most_bytes: usize) -> Self {
        Self { first: 0, items: VecDeque::new(), bytes: 0, most_items, most_bytes }
    }

    fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    fn push(&mut self, first: u64, items: Vec<T>, durable_end: impl FnOnce() -> u64) {
        if first != self.end() {
            self.items.clear();
            self.bytes = 0;
        }
        if self.items.is_empty() {
            self.first = first;
        }
        for item in items {
            self.bytes += item.weight();
            self.items.push_back(item);
        }
        if self.is_over() {
            let durable = durable_end();
            while self.is_over() && self.first < durable {
                let Some(oldest) = self.items.pop_front() else { break };
                self.bytes -= oldest.weight();
                self.first += 1;
            }
        }
    }

    fn is_over(&self) -> bool {
        self.items.len() > self.most_items || self.bytes > self.most_bytes
    }

    /// Items from `from` up to `end`; `None` if `from` is not here.
    fn read(&self, from: u64, end: u64, limit: usize) -> Option<Vec<(u64, T)>> {
        let offset = usize::try_from(from.checked_sub(self.first)?).ok()?;
        if offset >= self.items.len() {
            return None;
        }
        let count = usize::try_from(end.saturating_sub(from)).unwrap_or(usize::MAX).min(limit);
        Some((from..).zip(self.items.iter().skip(offset).take(count).cloned()).collect())
    }
}
