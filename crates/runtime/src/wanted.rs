//! What anybody wants: only that is made and logged.

use std::collections::BTreeSet;

use parking_lot::RwLock;
use watchpost_export::Selection;
use watchpost_schema::{SchemaId, streams::StreamName};

/// The union of what an instance's receivers have selected. Changes while the instance runs.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeSet<SchemaId>,
    streams: BTreeSet<StreamName>,
}

impl Wanted {
    /// Replaces the union by that of `selections`.
    pub fn set<'a>(&self, selections: impl IntoIterator<Item = &'a Selection>) {
        let mut inner = Inner::default();
        for selection in selections {
            match selection {
                Selection::Records(ids) => inner.records.extend(ids.keys()),
                Selection::Stream(stream) => {
                    inner.streams.insert(*stream);
                }
            }
        }
        *self.inner.write() = inner;
    }

    pub fn record(&self, id: SchemaId) -> bool {
        self.inner.read().records.contains(&id)
    }

    pub fn stream(&self, stream: StreamName) -> bool {
        self.inner.read().streams.contains(&stream)
    }
}
