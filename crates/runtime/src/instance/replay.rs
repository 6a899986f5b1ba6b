//! Where in the log a record is, by its number.

use thiserror::Error;
use watchpost_journal as journal;

use crate::{entry::Body, log::InstanceLog, recorder};

/// Entries looked at together.
const READ_ENTRIES: usize = 4096;
const READ_BYTES: usize = 4 << 20;

/// Why records cannot be delivered again.
#[derive(Debug, Error)]
pub(crate) enum ReplayError {
    /// Not logged yet.
    #[error("record {from} is not in the log yet; {}", newest(.next))]
    NotYet {
        /// What was asked for.
        from: u64,
        /// The next record's number.
        next: u64,
    },
    /// Delivered and no longer kept.
    #[error("record {from} is no longer kept; the oldest is {oldest}: give that, or none to begin there")]
    NoLonger {
        /// What was asked for.
        from: u64,
        /// The oldest record's number.
        oldest: u64,
    },
    /// The log cannot be read or written.
    #[error(transparent)]
    Journal(#[from] journal::Error),
}

fn newest(next: &u64) -> String {
    next.checked_sub(1).map_or("it is empty".to_owned(), |newest| format!("the newest is {newest}"))
}

/// A place in the log.
pub(crate) struct Back {
    pub position: u64,
    /// Records from there to the end.
    pub records: u64,
}

/// The entry that holds record `from`; `None`: the oldest entry.
///
/// Numbers have no gaps, so the log is counted back from its end. That needs no number in the records, which
/// version 1 does not have.
pub(crate) fn find(log: &InstanceLog, from: Option<u64>) -> Result<Back, ReplayError> {
    let next = recorder::next_sequence(log);
    let start = log.store().start();
    if let Some(from) = from.filter(|from| *from >= next) {
        return Err(ReplayError::NotYet { from, next });
    }
    let mut counts = Vec::new();
    let mut position = start;
    while position < log.store().durable_end() {
        let batch = log.read(position, READ_ENTRIES, READ_BYTES)?;
        counts.extend(batch.entries.iter().map(|(position, entry)| match &entry.body {
            Body::Group(records) => (*position, records.len() as u64),
            Body::Object(..) => (*position, 0),
        }));
        position = batch.next;
    }
    let Some(from) = from else {
        return Ok(Back { position: start, records: counts.iter().map(|(_, records)| records).sum() });
    };
    let mut number = next;
    for (position, records) in counts.iter().rev() {
        number = number.saturating_sub(*records);
        if number <= from {
            return Ok(Back { position: *position, records: next - number });
        }
    }
    Err(ReplayError::NoLonger { from, oldest: number })
}
