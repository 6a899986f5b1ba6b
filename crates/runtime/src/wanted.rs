//! What anybody wants: only that is made and logged.

use std::sync::atomic::{AtomicU32, Ordering};

use watchpost_export::Selection;
use watchpost_schema::{SchemaId, streams::StreamName};

/// The union of what an instance's receivers have selected. Changes while the instance runs.
///
/// One bit for each id and stream: it is asked for every record, and both are short closed lists.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    records: AtomicU32,
    streams: AtomicU32,
}

const _: () = assert!(SchemaId::ALL.len() <= 32 && StreamName::ALL.len() <= 32, "a bit for each");

impl Wanted {
    /// Replaces the union by that of `selections`.
    pub fn set<'a>(&self, selections: impl IntoIterator<Item = &'a Selection>) {
        let (mut records, mut streams) = (0, 0);
        for selection in selections {
            match selection {
                Selection::Records(ids) => ids.keys().for_each(|id| records |= bit(*id as u32)),
                Selection::Stream(stream) => streams |= bit(*stream as u32),
            }
        }
        self.records.store(records, Ordering::Release);
        self.streams.store(streams, Ordering::Release);
    }

    pub fn record(&self, id: SchemaId) -> bool {
        self.records.load(Ordering::Acquire) & bit(id as u32) != 0
    }

    pub fn stream(&self, stream: StreamName) -> bool {
        self.streams.load(Ordering::Acquire) & bit(stream as u32) != 0
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
        wanted.set([]);
        assert!(!SchemaId::ALL.iter().any(|id| wanted.record(*id)));
    }
}
