//! What anybody wants: only that is made and logged.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use parking_lot::Mutex;
use watchpost_export::{Common, Crops, Selection};
use watchpost_schema::{SchemaId, streams::StreamName};

/// The union of what an instance's receivers have selected. Changes while the instance runs.
///
/// One bit for each id and stream: it is asked for every record, and both are short closed lists.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    records: AtomicU32,
    streams: AtomicU32,
    /// Of which streams' objects somebody wants the crops, and of which the whole picture.
    crops: AtomicU32,
    wholes: AtomicU32,
    by: Mutex<By>,
}

/// Who wants what.
#[derive(Debug, Default)]
struct By {
    receivers: Bits,
    /// Those that only look for a while, by a number of their own.
    guests: BTreeMap<u64, Bits>,
    next_guest: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bits {
    records: u32,
    streams: u32,
}

/// Something is wanted as long as this is held.
pub(crate) struct Guard {
    wanted: Arc<Wanted>,
    guest: u64,
}

const _: () = assert!(SchemaId::ALL.len() <= 32 && StreamName::ALL.len() <= 32, "a bit for each");

impl Wanted {
    /// What the receivers have selected, from now on.
    pub fn set<'a>(&self, selections: impl IntoIterator<Item = &'a Selection>) {
        let mut by = self.by.lock();
        by.receivers = Bits::of(selections);
        self.unite(&by);
    }

    /// Wants this besides, for a while.
    pub fn also(wanted: &Arc<Self>, selection: &Selection) -> Guard {
        let mut by = wanted.by.lock();
        let guest = by.next_guest;
        by.next_guest += 1;
        by.guests.insert(guest, Bits::of([selection]));
        wanted.unite(&by);
        drop(by);
        Guard { wanted: wanted.clone(), guest }
    }

    /// Of which streams' objects somebody wants pictures, by what their exports say.
    pub fn set_pictures<'a>(&self, exports: impl Iterator<Item = (&'a Selection, &'a Common)>) {
        let (mut crops, mut wholes) = (0, 0);
        for (selection, common) in exports {
            let Selection::Stream(stream) = selection else { continue };
            crops |= if common.crops == Crops::None { 0 } else { bit(*stream as u32) };
            wholes |= if common.output_image { bit(*stream as u32) } else { 0 };
        }
        self.crops.store(crops, Ordering::Release);
        self.wholes.store(wholes, Ordering::Release);
    }

    /// Whether the objects of `stream` carry the pictures of what is in them.
    pub fn crops(&self, stream: StreamName) -> bool {
        self.crops.load(Ordering::Acquire) & bit(stream as u32) != 0
    }

    /// Whether the objects of `stream` carry the whole rendered picture.
    pub fn whole_picture(&self, stream: StreamName) -> bool {
        self.wholes.load(Ordering::Acquire) & bit(stream as u32) != 0
    }

    fn unite(&self, by: &By) {
        let all = || by.guests.values().chain([&by.receivers]);
        self.records.store(all().fold(0, |bits, one| bits | one.records), Ordering::Release);
        self.streams.store(all().fold(0, |bits, one| bits | one.streams), Ordering::Release);
    }

    pub fn record(&self, id: SchemaId) -> bool {
        self.records.load(Ordering::Acquire) & bit(id as u32) != 0
    }

    pub fn stream(&self, stream: StreamName) -> bool {
        self.streams.load(Ordering::Acquire) & bit(stream as u32) != 0
    }
}

impl Bits {
    fn of<'a>(selections: impl IntoIterator<Item = &'a Selection>) -> Self {
        let mut bits = Self::default();
        for selection in selections {
            match selection {
                Selection::Records(ids) => ids.keys().for_each(|id| bits.records |= bit(*id as u32)),
                Selection::Stream(stream) => bits.streams |= bit(*stream as u32),
            }
        }
        bits
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut by = self.wanted.by.lock();
        by.guests.remove(&self.guest);
        self.wanted.unite(&by);
    }
}

const fn bit(number: u32) -> u32 {
    1 << number
}

#[cfg(test)]
mod tests {
    use watchpost_schema::Version;

    use super::*;

    #[test]
    fn exactly_what_was_selected_is_wanted() {
        let wanted = Wanted::default();
        let ids = [SchemaId::EventAreaEnter, SchemaId::Statistics];
        let records = Selection::Records(ids.iter().map(|id| (*id, Version::V2)).collect());
        wanted.set([&records, &Selection::Stream(StreamName::Statistics)]);
        assert!(SchemaId::ALL.iter().all(|id| wanted.record(*id) == ids.contains(id)));
        assert!(StreamName::ALL.iter().all(|s| wanted.stream(*s) == (*s == StreamName::Statistics)));
        let looking = Wanted::also(&Arc::new(Wanted::default()), &records);
        assert!(looking.wanted.record(SchemaId::Statistics));
        let wanted_there = looking.wanted.clone();
        drop(looking);
        assert!(!wanted_there.record(SchemaId::Statistics));
        wanted.set([]);
        assert!(!SchemaId::ALL.iter().any(|id| wanted.record(*id)));
    }
}
