//! The handle of one log.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    commit::{Batch, Commit, ReadLimit},
    error::{Error, TryAppendError},
    journal::Closer,
    log_core::LogCore,
    ops::Op,
    reader,
    shared::Shared,
};

/// Largest commit, as entries of one log in one group must fit a u32 length.
const MOST_COMMIT_BYTES: u64 = 256 << 20;
/// Longest state key.
const MOST_KEY_BYTES: usize = u16::MAX as usize;

/// One log of a [`crate::Journal`]. Cheap to clone; keeps the store open.
#[derive(Clone)]
pub struct Log {
    pub(crate) shared: Arc<Shared>,
    pub(crate) core: Arc<LogCore>,
    pub(crate) _closer: Arc<Closer>,
}

/// What was seen of a log's growth.
#[derive(Debug)]
pub struct Watch(watch::Receiver<u64>);

impl Log {
    /// Made with the log and kept with it: a log deleted and made again has another one.
    pub fn id(&self) -> Uuid {
        self.core.id
    }

    /// The name it was opened by.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// Adds a commit to the next group and returns the position of its first entry (or, without
    /// entries, of the next one). Durable a few milliseconds later: see [`Log::wait_durable`].
    /// Blocks while too many bytes wait to be written, as when the disk is full; from async code
    /// use [`Log::try_append`].
    pub fn append(&self, commit: Commit) -> Result<u64, Error> {
        let cost = self.check(&commit)?;
        if !self.shared.reserve(cost, None) {
            return Err(Error::Closed);
        }
        self.add(commit, cost)
    }

    /// The same without blocking: hands the commit back if too many bytes wait.
    pub fn try_append(&self, commit: Commit) -> Result<u64, TryAppendError> {
        self.append_within(commit, Duration::ZERO)
    }

    /// The same, blocking for at most `timeout`.
    pub fn append_within(&self, commit: Commit, timeout: Duration) -> Result<u64, TryAppendError> {
        let cost = self.check(&commit)?;
        if !self.shared.reserve(cost, Some(Instant::now() + timeout)) {
            if self.shared.is_closed() {
                return Err(Error::Closed.into());
            }
            return Err(TryAppendError::Full(commit));
        }
        Ok(self.add(commit, cost)?)
    }

    /// Waits until [`Log::try_append`] may succeed again; spurious returns happen.
    pub async fn wait_room(&self) {
        // Room may have come between the refusal and this call: never wait for long.
        let room = self.shared.room_async.notified();
        let _ = tokio::time::timeout(Duration::from_millis(50), room).await;
    }

    /// Changes state with the next group.
    pub fn set_state(&self, changes: Vec<(String, Option<Bytes>)>) -> Result<(), Error> {
        self.append(Commit { entries: Vec::new(), state: changes }).map(|_| ())
    }

    /// A value as last set here, durable or not; after a crash the last durable one.
    pub fn state(&self, key: &str) -> Option<Bytes> {
        self.core.pending.lock().live.get(key).cloned()
    }

    /// A value as it would be found after a crash now.
    pub fn durable_state(&self, key: &str) -> Option<Bytes> {
        self.core.view.lock().state.get(key).cloned()
    }

    /// All keys that begin with `prefix`, in order, with their values.
    pub fn states(&self, prefix: &str) -> Vec<(String, Bytes)> {
        let pending = self.core.pending.lock();
        let from = pending.live.range(prefix.to_owned()..);
        let matching = from.take_while(|(key, _)| key.starts_with(prefix));
        matching.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Position that the next entry appended will have.
    pub fn end(&self) -> u64 {
        self.core.pending.lock().end
    }

    /// Entries before this position survive any crash, and can be read.
    pub fn durable_end(&self) -> u64 {
        *self.core.durable_end.borrow()
    }

    /// First position that is not trimmed.
    pub fn start(&self) -> u64 {
        self.core.start()
    }

    /// Reads durable entries from `from` on (or from the start, if that was trimmed). Never waits
    /// for entries to come; may wait for the disk for older ones. Damaged entries are reported and
    /// stepped over ([`Batch::lost`]).
    pub fn read(&self, from: u64, limit: ReadLimit) -> Result<Batch, Error> {
        self.alive()?;
        reader::read(&self.shared.open, &self.core, from, limit)
    }

    /// For a store that cannot write: makes room by giving up the bytes of entries before `before` that wait to
    /// be written. They keep their positions and will read as empty entries. What the writer has in hand already
    /// stays as it is.
    pub fn forget_pending(&self, before: u64) {
        let freed = self.core.pending.lock().forget(before);
        if freed > 0 {
            self.shared.release(freed);
        }
    }

    /// Part of the room for what waits to be written that is taken, by all logs together.
    pub fn pressure(&self) -> f64 {
        self.shared.pending_bytes() as f64 / self.shared.options.pending_bytes.max(1) as f64
    }

    /// Forgets entries before `before` (at most the durable end). Whole segment files are freed
    /// with the next group.
    pub fn trim(&self, before: u64) -> Result<(), Error> {
        let start = before.min(self.durable_end());
        if self.core.start.fetch_max(start, Ordering::AcqRel) < start {
            self.add_op(&Op::Trimmed { start })?;
        }
        Ok(())
    }

    /// Bytes that entries not yet trimmed take on disk. Whole segments may linger beyond it.
    pub fn bytes(&self) -> u64 {
        self.bytes_between(self.start(), u64::MAX)
    }

    /// Bytes of durable entries from position `from` up to `to`, approximately.
    pub fn bytes_between(&self, from: u64, to: u64) -> u64 {
        self.core.view.lock().bytes_between(from.max(self.start()), to)
    }

    /// Waits until all entries before `end` are durable.
    pub async fn wait_durable(&self, end: u64) -> Result<(), Error> {
        let mut seen = self.core.durable_end.subscribe();
        loop {
            if *seen.borrow_and_update() >= end {
                return Ok(());
            }
            self.going_on()?;
            if seen.changed().await.is_err() {
                return Err(Error::Closed);
            }
        }
    }

    /// Waits until something more is durable, entries or state. What became so before the call counts, if it was
    /// after `seen` was made: see [`Log::watch`].
    pub async fn wait_more(&self, seen: &mut Watch) -> Result<(), Error> {
        self.going_on()?;
        seen.0.changed().await.map_err(|_| Error::Closed)
    }

    /// To wait from here on with [`Log::wait_more`].
    pub fn watch(&self) -> Watch {
        Watch(self.core.durable_end.subscribe())
    }

    /// Waits until the durable end is past `position`: there is something to read from there.
    pub async fn wait_past(&self, position: u64) -> Result<(), Error> {
        self.wait_durable(position.saturating_add(1)).await
    }

    /// The same as [`Log::wait_durable`] for plain threads, for at most `timeout`.
    pub fn wait_durable_blocking(&self, end: u64, timeout: Duration) -> Result<(), Error> {
        let until = Instant::now() + timeout;
        let mut view = self.core.view.lock();
        while view.durable_end < end {
            self.going_on()?;
            if self.core.grown.wait_until(&mut view, until).timed_out() && view.durable_end < end {
                return Err(Error::TimedOut { timeout_ms: timeout.as_millis() as u64 });
            }
        }
        Ok(())
    }

    /// Waits until all that was appended here before is durable, state changes too. For times when nobody else
    /// changes state here: while somebody does, it goes on waiting, for at most `timeout`.
    pub fn sync_blocking(&self, timeout: Duration) -> Result<(), Error> {
        let until = Instant::now() + timeout;
        loop {
            let (end, live) = {
                let pending = self.core.pending.lock();
                (pending.end, pending.live.clone())
            };
            let mut view = self.core.view.lock();
            if view.durable_end >= end && view.state == live {
                return Ok(());
            }
            self.going_on()?;
            if self.core.grown.wait_until(&mut view, until).timed_out() {
                return Err(Error::TimedOut { timeout_ms: timeout.as_millis() as u64 });
            }
        }
    }

    fn check(&self, commit: &Commit) -> Result<u64, Error> {
        self.alive()?;
        if self.shared.is_closed() {
            return Err(Error::Closed);
        }
        let cost = commit.cost();
        if cost > MOST_COMMIT_BYTES {
            return Err(Error::TooLarge { bytes: cost, limit: MOST_COMMIT_BYTES });
        }
        match commit.state.iter().find(|(key, _)| key.len() > MOST_KEY_BYTES) {
            Some((key, _)) => Err(Error::Name { bytes: key.len(), limit: MOST_KEY_BYTES }),
            None => Ok(cost),
        }
    }

    fn add(&self, commit: Commit, cost: u64) -> Result<u64, Error> {
        let mut pending = self.core.pending.lock();
        if pending.deleted {
            drop(pending);
            self.shared.release(cost);
            return Err(Error::Deleted(self.core.name.clone()));
        }
        let first = pending.add(commit, cost);
        if !std::mem::replace(&mut pending.queued, true) {
            self.shared.enqueue(self.core.clone());
        }
        Ok(first)
    }

    /// Operations are small and always have room: a full disk must not keep one from trimming.
    pub(crate) fn add_op(&self, op: &Op) -> Result<(), Error> {
        let mut pending = self.core.pending.lock();
        if pending.deleted {
            return Err(Error::Deleted(self.core.name.clone()));
        }
        pending.add_op(op);
        if matches!(op, Op::Deleted) {
            pending.deleted = true;
            self.core.deleted.store(true, Ordering::Release);
        }
        if !std::mem::replace(&mut pending.queued, true) {
            self.shared.enqueue(self.core.clone());
        }
        Ok(())
    }

    fn alive(&self) -> Result<(), Error> {
        if self.core.deleted.load(Ordering::Acquire) {
            return Err(Error::Deleted(self.core.name.clone()));
        }
        Ok(())
    }

    fn going_on(&self) -> Result<(), Error> {
        self.alive()?;
        if self.shared.has_ended() { Err(Error::Closed) } else { Ok(()) }
    }
}

impl std::fmt::Debug for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Log")
            .field("name", &self.core.name)
            .field("id", &self.core.id)
            .finish_non_exhaustive()
    }
}
