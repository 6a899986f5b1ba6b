//! The durable side of a log in memory: what readers see.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    commit::Entry,
    format::{ENTRY_HEADER, SegmentName},
};

/// Entries of one log that became durable together, as they stand on disk (see `format`).
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub first: u64,
    pub bytes: Bytes,
    /// Where each entry's header begins in `bytes`.
    pub offsets: Arc<[u32]>,
}

impl Run {
    pub fn end(&self) -> u64 {
        self.first + self.offsets.len() as u64
    }

    /// Memory it holds.
    pub fn cost(&self) -> u64 {
        (self.bytes.len() + 4 * self.offsets.len()) as u64 + 128
    }

    /// The entry at `position`, which must lie within.
    pub fn entry(&self, position: u64) -> Option<Entry> {
        let at = usize::try_from(position.checked_sub(self.first)?).ok()?;
        let from = *self.offsets.get(at)? as usize + ENTRY_HEADER;
        let to = self.offsets.get(at + 1).map_or(self.bytes.len(), |next| *next as usize);
        Some(Entry { position, data: self.bytes.slice(from..to) })
    }
}

/// One segment file, up to where it is known to be good.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub name: SegmentName,
    /// Position after its last entry.
    pub end: u64,
    /// Length in use; anything behind is not there.
    pub bytes: u64,
    /// Position and offset of some runs, ascending, at least [`INDEX_STEP`] bytes apart. `None`
    /// until a reader first needs it: a thousand logs are opened without reading a segment.
    pub index: Option<Vec<(u64, u64)>>,
    /// Nothing is added any more.
    pub closed: bool,
}

/// Distance of indexed runs: what a read may have to skip over.
pub(crate) const INDEX_STEP: u64 = 64 << 10;

impl Segment {
    pub fn first(&self) -> u64 {
        self.name.first
    }

    /// Notes a run, if it lies far enough from the last one noted.
    pub fn note(index: &mut Vec<(u64, u64)>, position: u64, offset: u64) {
        if index.last().is_none_or(|(_, last)| offset >= last + INDEX_STEP) {
            index.push((position, offset));
        }
    }
}

/// What readers see of a log. Changed by the writer thread only (segment indexes by readers).
#[derive(Debug, Default)]
pub(crate) struct View {
    pub durable_end: u64,
    /// The newest runs, consecutive, up to `durable_end`.
    pub tail: VecDeque<Run>,
    /// Up to here entries are in segment files.
    pub stored_end: u64,
    /// Bytes of the tail that are not.
    pub unstored_bytes: u64,
    /// Ascending. A hole between two is a lost range.
    pub segments: VecDeque<Segment>,
    /// Number for the next segment file made.
    pub generation: u32,
    pub state: BTreeMap<String, Bytes>,
    /// What the last finished checkpoint has synced: up to this position, and this length of the
    /// segment that ends there.
    pub synced: (u64, u64),
}

impl View {
    /// Where the memory tail begins.
    pub fn tail_first(&self) -> u64 {
        self.tail.front().map_or(self.durable_end, |run| run.first)
    }

    /// What a checkpoint of this moment would sync.
    pub fn stored(&self) -> (u64, u64) {
        (self.stored_end, self.segments.back().map_or(0, |last| last.bytes))
    }

    pub fn apply(&mut self, changes: impl IntoIterator<Item = (String, Option<Bytes>)>) {
        apply(&mut self.state, changes);
    }

    /// Bytes of entries from `start` up to `end`: exact for whole segments, by proportion within
    /// one.
    pub fn bytes_between(&self, start: u64, end: u64) -> u64 {
        let part = |first: u64, last: u64, bytes: u64| {
            let (from, to) = (start.max(first), end.min(last));
            if to <= from {
                return 0;
            }
            (u128::from(bytes) * u128::from(to - from) / u128::from(last - first)) as u64
        };
        let stored: u64 = self.segments.iter().map(|s| part(s.first(), s.end, s.bytes)).sum();
        let unstored = self.tail.iter().filter(|run| run.first >= self.stored_end);
        stored + unstored.map(|run| part(run.first, run.end(), run.bytes.len() as u64)).sum::<u64>()
    }
}

pub(crate) fn apply(
    state: &mut BTreeMap<String, Bytes>,
    changes: impl IntoIterator<Item = (String, Option<Bytes>)>,
) {
    for (key, value) in changes {
        match value {
            Some(value) => state.insert(key, value),
            None => state.remove(&key),
        };
    }
}
