//! An instance's log as its writers and workers see it: entries instead of bytes.
//!
//! Entries that were just read are kept as they are, so receivers neither decode nor convert what another
//! has decoded or converted already.

#[cfg(test)]
use std::time::Duration;
use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use watchpost_journal as journal;

use crate::{
    entrance::Entrance,
    entry::{Body, Encoded, Entry, Stored},
    latency::Marks,
    latest::Latest,
    tail::Tail,
    worker::RateState,
};

/// How many recent entries stay decoded per log. With one receiver a window behind another this is
/// enough for both to share; farther behind, each decodes for itself.
const RECENT_ENTRIES: usize = 8192;
/// And at most this many bytes of JSON, so that crops do not fill the memory.
const RECENT_BYTES: usize = 4 << 20;

/// A cursor's state key: one per receiver.
const CURSOR: &str = "cursor/";

/// State changes that go into the log together with entries.
pub(crate) type StateChange = (String, Option<Bytes>);

/// An instance's log. Cheap to clone.
#[derive(Clone)]
pub(crate) struct InstanceLog {
    tail: Arc<Tail>,
    recent: Arc<Mutex<Recent>>,
    latest: Arc<Latest>,
    /// When its entries came.
    marks: Arc<Marks>,
}

/// What [`InstanceLog::read`] found.
pub(crate) struct Batch {
    pub entries: Vec<(u64, Arc<Entry>)>,
    /// Where to read on.
    pub next: u64,
    /// How many entries from `from` to `next` are gone: trimmed by a limit, or damaged.
    pub lost: u64,
}

/// Where a receiver stands, and what it asked to be kept with that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub position: u64,
    /// With `every_s` or `max_per_s`: where thinning out stood before it.
    pub state: RateState,
    pub resume: Option<Bytes>,
}

/// Marks, in a kept position, that the state of `max_per_s` and the moment of `every_s` follow: a bit that no
/// position reaches.
const HAS_RATES: u64 = 1 << 63;
/// In place of a step or window: there is none.
const NONE: i64 = i64::MIN;

impl Cursor {
    /// Position and step ([`NONE`]: none); where a rate is limited ([`HAS_RATES`]) also the step's moment, the
    /// window and the count in it; then what to resume with. All 8 bytes, little endian.
    fn to_bytes(&self) -> Bytes {
        let RateState { step, window } = self.state;
        let has_rates = step.is_some() || window.is_some();
        let mut kept = (self.position | if has_rates { HAS_RATES } else { 0 }).to_le_bytes().to_vec();
        let (step, moment) = step.unwrap_or((NONE, 0));
        kept.extend_from_slice(&step.to_le_bytes());
        if has_rates {
            let (window, taken) = window.unwrap_or((NONE, 0));
            for part in [moment, window, taken.into()] {
                kept.extend_from_slice(&part.to_le_bytes());
            }
        }
        kept.extend_from_slice(self.resume.as_deref().unwrap_or_default());
        kept.into()
    }

    fn from_bytes(kept: &Bytes) -> Option<Self> {
        let part = |index: usize| kept.get(index * 8..)?.first_chunk::<8>().copied();
        let number = |index: usize| part(index).map(i64::from_le_bytes);
        let first = u64::from_le_bytes(part(0)?);
        let (position, has_rates) = (first & !HAS_RATES, first & HAS_RATES != 0);
        let step = number(1).filter(|step| *step != NONE);
        let (state, at) = if has_rates {
            let (moment, window, taken) = (number(2)?, number(3)?, number(4)?);
            let window = (window != NONE).then(|| (window, u32::try_from(taken).unwrap_or(u32::MAX)));
            (RateState { step: step.map(|step| (step, moment)), window }, 5 * 8)
        } else {
            // Written before moments were kept: the step begins anew, which at most repeats one object.
            (RateState::default(), 2 * 8)
        };
        let resume = (kept.len() > at).then(|| kept.slice(at..));
        Some(Self { position, state, resume })
    }
}

impl InstanceLog {
    /// For tests: whoever appends waits for room as long as it takes.
    #[cfg(test)]
    pub fn new(store: journal::Log) -> Self {
        Self::open(store, Arc::default())
    }

    pub fn open(store: journal::Log, entrance: Arc<Entrance>) -> Self {
        let tail = Arc::new(Tail::new(store, entrance));
        Self { tail, recent: Arc::default(), latest: Arc::default(), marks: Arc::default() }
    }

    /// The latest events, whether they are in the log or not, and who has them.
    pub fn latest(&self) -> &Arc<Latest> {
        &self.latest
    }

    pub fn id(&self) -> uuid::Uuid {
        self.store().id()
    }

    /// Appends entries and state changes, all or nothing. They are durable, and visible to readers,
    /// within 10 ms. `None`: there was no room, see [`Entrance::append`].
    pub fn append(
        &self,
        entries: Vec<Encoded>,
        state: Vec<StateChange>,
    ) -> Result<Option<u64>, journal::Error> {
        let count = entries.len() as u64;
        let first = self.tail.append(entries.into_iter().map(|Encoded(bytes)| bytes).collect(), state)?;
        if let Some(first) = first.filter(|_| count > 0) {
            self.marks.put(first, first + count);
        }
        Ok(first)
    }

    /// Entries from position `from` on, at most `entries` of them and about `bytes`: durable ones, and while
    /// nothing becomes durable those of a live source too ([`Entrance`]).
    pub fn read(&self, from: u64, entries: usize, bytes: usize) -> Result<Batch, journal::Error> {
        if let Some(found) = self.recent.lock().read(from, entries) {
            let next = from + found.len() as u64;
            return Ok(Batch { entries: found, next, lost: 0 });
        }
        let batch = self.tail.read(from, journal::ReadLimit { entries, bytes })?;
        let mut decoded = Vec::with_capacity(batch.entries.len());
        for journal::Entry { position, data } in batch.entries {
            if data.is_empty() {
                // Given up while the journal could not be written: see `Tail::forget`.
                continue;
            }
            match Entry::decode(position, &data) {
                Ok(entry) => decoded.push((position, Arc::new(entry))),
                Err(error) => tracing::error!("{error}; it is passed over"),
            }
        }
        // Everything that should be there and is not: trimmed, damaged, or not to be understood.
        let lost = (batch.next - from).saturating_sub(decoded.len() as u64);
        if lost == 0 {
            self.recent.lock().keep(&mut decoded);
        }
        Ok(Batch { entries: decoded, next: batch.next, lost })
    }

    /// Waits until there is something to read at `position`.
    pub async fn wait_past(&self, position: u64) -> Result<(), journal::Error> {
        self.tail.wait_past(position).await
    }

    /// Gives up what is before `before`, in favour of what comes: see [`Tail::forget`].
    pub fn forget(&self, before: u64) {
        self.tail.forget(before);
    }

    /// See [`Tail::half_in_memory`].
    pub fn half_in_memory(&self) -> u64 {
        self.tail.half_in_memory()
    }

    /// How the log is entered, and whether it can be.
    pub fn entrance(&self) -> &Entrance {
        self.tail.entrance()
    }

    /// The same for another log of the instance.
    pub fn shared_entrance(&self) -> Arc<Entrance> {
        self.tail.shared_entrance()
    }

    /// When its entries came.
    pub fn marks(&self) -> &Marks {
        &self.marks
    }

    /// First position not yet given out.
    pub fn end(&self) -> u64 {
        self.store().end()
    }

    pub fn store(&self) -> &journal::Log {
        self.tail.store()
    }

    /// For tests: waits until all that was appended before is on disk; `false` if that took longer than `limit`.
    #[cfg(test)]
    pub fn sync(&self, limit: Duration) -> bool {
        self.store().wait_durable_blocking(self.store().end(), limit).is_ok()
    }

    /// The receiver's cursor; `None` for one that has none yet.
    pub fn cursor(&self, receiver: &str) -> Option<Cursor> {
        Cursor::from_bytes(&self.store().state(&cursor_key(receiver))?)
    }

    /// Where the receiver would go on after a crash now; `None` if it has no cursor on disk yet.
    pub fn durable_cursor(&self, receiver: &str) -> Option<u64> {
        Cursor::from_bytes(&self.store().durable_state(&cursor_key(receiver))?).map(|cursor| cursor.position)
    }

    /// Waits until the receiver's cursor on disk is at `position` or past it.
    pub async fn wait_durable_cursor(&self, receiver: &str, position: u64) -> Result<(), journal::Error> {
        let mut seen = self.store().watch();
        while self.durable_cursor(receiver).is_none_or(|durable| durable < position) {
            self.store().wait_more(&mut seen).await?;
        }
        Ok(())
    }

    /// Keeps the receiver's cursor with the next group of writes; `None` forgets it.
    pub fn set_cursor(&self, receiver: &str, cursor: Option<&Cursor>) -> Result<(), journal::Error> {
        self.store().set_state(vec![(cursor_key(receiver), cursor.map(Cursor::to_bytes))])
    }

    /// The names of all receivers that have a cursor.
    pub fn cursors(&self) -> Vec<String> {
        let kept = self.store().states(CURSOR);
        kept.iter().filter_map(|(key, _)| key.strip_prefix(CURSOR)).map(str::to_owned).collect()
    }

    /// A renamed receiver goes on where it was.
    pub fn rename_cursor(&self, old: &str, new: &str) -> Result<(), journal::Error> {
        let Some(kept) = self.store().state(&cursor_key(old)) else { return Ok(()) };
        self.store().set_state(vec![(cursor_key(old), None), (cursor_key(new), Some(kept))])
    }

    /// The same without ever waiting, for async code; `false` if the store has no room just now.
    pub fn try_set_cursor(&self, receiver: &str, cursor: &Cursor) -> Result<bool, journal::Error> {
        let state = vec![(cursor_key(receiver), Some(cursor.to_bytes()))];
        match self.store().try_append(journal::Commit { entries: vec![], state }) {
            Ok(_) => Ok(true),
            Err(journal::TryAppendError::Full(_)) => Ok(false),
            Err(journal::TryAppendError::Error(error)) => Err(error),
        }
    }
}

fn cursor_key(receiver: &str) -> String {
    format!("{CURSOR}{receiver}")
}

/// The entries read last, without gaps, in order.
#[derive(Default)]
struct Recent {
    first: u64,
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Recent {
    /// Keeps what was read, consecutive entries, if it goes on from what is kept or lies past it. Whoever read
    /// the same at the same time and was quicker is followed: all then share one entry.
    fn keep(&mut self, read: &mut [(u64, Arc<Entry>)]) {
        let Some((first, _)) = read.first() else { return };
        let end = self.first + self.entries.len() as u64;
        if *first > end {
            self.entries.clear();
            self.bytes = 0;
        }
        if self.entries.is_empty() {
            self.first = *first;
        }
        for (position, entry) in read {
            match position.checked_sub(self.first).map(|at| self.entries.get(at as usize)) {
                Some(Some(known)) => *entry = known.clone(),
                Some(None) => {
                    self.bytes += size(entry);
                    self.entries.push_back(entry.clone());
                }
                // From somebody far behind: of use to nobody else.
                None => {}
            }
        }
        while self.entries.len() > RECENT_ENTRIES || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.entries.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.first += 1;
        }
    }

    /// Entries from `from` on; `None` if `from` is not here.
    fn read(&self, from: u64, limit: usize) -> Option<Vec<(u64, Arc<Entry>)>> {
        let offset = usize::try_from(from.checked_sub(self.first)?).ok()?;
        if offset >= self.entries.len() {
            return None;
        }
        let end = self.entries.len().min(offset.saturating_add(limit));
        Some((from..).zip(self.entries.range(offset..end).cloned()).collect())
    }
}

fn size(entry: &Entry) -> usize {
    match &entry.body {
        Body::Group(records) => records.iter().map(Stored::len).sum(),
        Body::Object(_, json) => json.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_cursor_is_read_back() {
        for step in [None, Some((-3, -2_999)), Some((7, 7_000_001))] {
            for window in [None, Some((12, 3))] {
                for resume in [None, Some(Bytes::from_static(b"{}"))] {
                    let cursor = Cursor { position: 42, state: RateState { step, window }, resume };
                    assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Some(cursor));
                }
            }
        }
        assert_eq!(Cursor::from_bytes(&Bytes::from_static(b"short")), None);
    }
}
