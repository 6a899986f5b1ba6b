//! What goes into a log and what comes out.

use std::ops::Range;

use bytes::Bytes;

/// Entries and state changes that are stored together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// Appended in this order, at consecutive positions.
    pub entries: Vec<Bytes>,
    /// Applied in this order; `None` removes the key. Keys are up to 65535 bytes.
    pub state: Vec<(String, Option<Bytes>)>,
}

impl Commit {
    /// Bytes this commit holds while it waits, with the bookkeeping around it.
    pub(crate) fn cost(&self) -> u64 {
        let entries: u64 = self.entries.iter().map(|entry| entry_cost(entry.len())).sum();
        let state: u64 = self.state.iter().map(|(key, value)| state_cost(key, value.as_ref())).sum();
        entries + state + COMMIT_COST
    }
}

/// Bookkeeping around a commit.
pub(crate) const COMMIT_COST: u64 = 128;

/// An entry of so many bytes, with 12 bytes of framing and index.
pub(crate) fn entry_cost(len: usize) -> u64 {
    len as u64 + 12
}

/// Keys and values appear twice: encoded, and live.
pub(crate) fn state_cost(key: &str, value: Option<&Bytes>) -> u64 {
    2 * (key.len() + value.map_or(0, Bytes::len)) as u64 + 64
}

/// One entry as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number in the log, from 0.
    pub position: u64,
    /// What was appended. Shares memory with its neighbours: copy it to keep it for long.
    pub data: Bytes,
}

/// How much one read may return. The first entry is returned whatever its size.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of entries together.
    pub bytes: usize,
}

impl Default for ReadLimit {
    fn default() -> Self {
        ReadLimit { entries: 1000, bytes: 1 << 20 }
    }
}

/// The answer to a read: consecutive entries, then perhaps a damaged range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Consecutive entries. The first one lies past the position asked for only where the log
    /// was trimmed or `lost` says so.
    pub entries: Vec<Entry>,
    /// Where to read on.
    pub next: u64,
    /// Positions after the last of `entries` whose bytes are damaged on disk and cannot be read
    /// any more. `next` is past them.
    pub lost: Option<Range<u64>>,
}
