//! One log in memory: what waits to be written, and what is durable.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    commit::{COMMIT_COST, Commit, entry_cost, state_cost},
    format::{ENTRY_HEADER, FrameHeader, RUN_HEADER, RunHeader, put_entry},
    ops::{Op, put_state},
    view::{Run, View, apply},
};

/// One log. Lock order: `pending`, then the queue of `Shared`; `view` alone.
pub(crate) struct LogCore {
    pub number: u32,
    pub id: Uuid,
    pub name: String,
    pub pending: Mutex<Pending>,
    pub view: Mutex<View>,
    /// Told after `view` has changed; waited on with `view` locked.
    pub grown: Condvar,
    /// The durable end, for those who wait without a thread.
    pub durable_end: watch::Sender<u64>,
    /// First position that is not trimmed.
    pub start: AtomicU64,
    pub deleted: AtomicBool,
}

/// What the next group takes along.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Position of the next entry appended.
    pub end: u64,
    /// The run being built, with room for its header.
    run: Vec<u8>,
    offsets: Vec<u32>,
    ops: Vec<u8>,
    /// Keys changed since the last group. A group is on disk as a whole or not at all, so of several
    /// changes of a key only the last need be written.
    changed: BTreeSet<String>,
    /// State with all changes made so far, durable or not.
    pub live: BTreeMap<String, Bytes>,
    /// Waits in the writer's queue.
    pub queued: bool,
    pub deleted: bool,
    /// Bytes reserved for it in `Shared`.
    pub cost: u64,
    /// Size of the run before: the next one is probably alike.
    hint: usize,
    /// Frames that still have to say that the log was made: two, so that one damaged block does
    /// not cost a log its name.
    pub announce: u8,
}

/// One log's part of a group.
pub(crate) struct Frame {
    pub header: FrameHeader,
    pub ops: Vec<u8>,
    pub changes: Vec<(String, Option<Bytes>)>,
    pub run: Option<Run>,
    pub cost: u64,
    pub deleted: bool,
}

/// A run never begins with more room than this, whatever the one before was.
const MOST_ROOM: usize = 1 << 20;

impl Pending {
    pub fn with(end: u64, live: BTreeMap<String, Bytes>) -> Self {
        Pending { end, live, ..Pending::default() }
    }

    /// Adds a commit; returns the position of its first entry.
    pub fn add(&mut self, commit: Commit, cost: u64) -> u64 {
        let first = self.end;
        if !commit.entries.is_empty() && self.run.is_empty() {
            self.run.reserve(self.hint.min(MOST_ROOM) + RUN_HEADER);
            self.run.resize(RUN_HEADER, 0);
        }
        for (position, entry) in (first..).zip(&commit.entries) {
            self.offsets.push(self.run.len() as u32);
            put_entry(&mut self.run, position, entry);
        }
        self.end += commit.entries.len() as u64;
        for (key, value) in commit.state {
            if !self.changed.contains(&key) {
                self.changed.insert(key.clone());
            }
            // Values are copied: a slice of a large buffer must not keep all of it.
            apply(&mut self.live, [(key, value.map(|value| Bytes::copy_from_slice(&value)))]);
        }
        self.cost += cost;
        first
    }

    pub fn add_op(&mut self, op: &Op) {
        op.encode(&mut self.ops);
    }

    /// Empties the entries before `before`; returns the cost that is free again. Positions stay, so nothing else
    /// changes for anybody.
    pub fn forget(&mut self, before: u64) -> u64 {
        let first = self.end - self.offsets.len() as u64;
        let old = std::mem::take(&mut self.run);
        let ends = self.offsets.iter().skip(1).map(|at| *at as usize).chain([old.len()]);
        let mut cost = COMMIT_COST;
        let mut offsets = Vec::with_capacity(self.offsets.len());
        for (position, (from, to)) in (first..).zip(self.offsets.iter().zip(ends)) {
            if self.run.is_empty() {
                self.run.resize(RUN_HEADER, 0);
            }
            let entry = if position < before { &[][..] } else { &old[*from as usize + ENTRY_HEADER..to] };
            offsets.push(self.run.len() as u32);
            put_entry(&mut self.run, position, entry);
            cost += entry_cost(entry.len());
        }
        self.offsets = offsets;
        // Only the last change of a key is written: what the others were reserved for is free too.
        cost += self.changed.iter().map(|key| state_cost(key, self.live.get(key))).sum::<u64>();
        let freed = self.cost.saturating_sub(cost);
        self.cost -= freed;
        freed
    }

    /// Hands everything over to the writer.
    pub fn take(&mut self, log: &LogCore) -> Frame {
        self.queued = false;
        let mut ops = std::mem::take(&mut self.ops);
        if self.announce > 0 {
            self.announce -= 1;
            let mut made = Vec::new();
            Op::Made { id: log.id, name: log.name.clone() }.encode(&mut made);
            made.append(&mut ops);
            ops = made;
        }
        let mut changes = Vec::with_capacity(self.changed.len());
        for key in std::mem::take(&mut self.changed) {
            let value = self.live.get(&key).cloned();
            put_state(&mut ops, &key, value.as_ref());
            changes.push((key, value));
        }
        let count = self.offsets.len();
        let first = self.end - count as u64;
        let mut bytes = std::mem::take(&mut self.run);
        let run = (count > 0).then(|| {
            let len = (bytes.len() - RUN_HEADER) as u32;
            let header = RunHeader { log: log.number, first, count: count as u32, len };
            bytes[..RUN_HEADER].copy_from_slice(&header.encode());
            self.hint = bytes.len() + bytes.len() / 8;
            if bytes.capacity() > bytes.len() + bytes.len() / 2 {
                bytes.shrink_to_fit();
            }
            Run { first, bytes: bytes.into(), offsets: std::mem::take(&mut self.offsets).into() }
        });
        if count == 0 {
            self.hint = 0;
        }
        let header = FrameHeader {
            log: log.number,
            ops_len: ops.len() as u32,
            ops_crc: crc32fast::hash(&ops),
            run_len: run.as_ref().map_or(0, |run| run.bytes.len() as u32),
            first,
            count: count as u32,
        };
        let cost = std::mem::take(&mut self.cost);
        Frame { header, ops, changes, run, cost, deleted: self.deleted }
    }
}

impl LogCore {
    pub fn new(number: u32, id: Uuid, name: String, start: u64, view: View) -> Self {
        let end = view.durable_end;
        LogCore {
            number,
            id,
            name,
            pending: Mutex::new(Pending::with(end, view.state.clone())),
            view: Mutex::new(view),
            grown: Condvar::new(),
            durable_end: watch::Sender::new(end),
            start: AtomicU64::new(start),
            deleted: AtomicBool::new(false),
        }
    }

    /// Makes a frame visible that is on disk.
    pub fn publish(&self, frame: &mut Frame) {
        let mut view = self.view.lock();
        if let Some(run) = frame.run.take() {
            view.unstored_bytes += run.bytes.len() as u64;
            view.durable_end = run.end();
            view.tail.push_back(run);
        }
        view.apply(std::mem::take(&mut frame.changes));
        let end = view.durable_end;
        drop(view);
        // State-only frames wake waiters too: `wait_durable` may wait for just that.
        self.durable_end.send_replace(end);
        self.grown.notify_all();
    }

    /// Wakes all who wait for this log to grow, to look again.
    pub fn wake(&self) {
        let _view = self.view.lock();
        self.durable_end.send_modify(|_| {});
        self.grown.notify_all();
    }

    pub fn start(&self) -> u64 {
        self.start.load(Ordering::Acquire)
    }
}
