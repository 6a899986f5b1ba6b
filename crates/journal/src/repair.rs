//! What was found broken when a store was opened.

use std::{fmt, ops::Range};

/// Something found broken on opening, and what became of it. To be said aloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// The last group was not wholly written when the power went. It was never acknowledged, and
    /// is cut off; its intact commits are kept.
    TornTail {
        /// The write-ahead file.
        file: String,
        /// Bytes cut off.
        bytes: u64,
    },
    /// Acknowledged bytes of a write-ahead file are damaged. What is known to be lost follows as
    /// [`Repair::Lost`]; state changes among them cannot be named.
    Damaged {
        /// The file.
        file: String,
        /// What was found.
        what: String,
    },
    /// Entries that cannot be read any more. Reads say so too ([`crate::Batch::lost`]).
    Lost {
        /// The log.
        log: String,
        /// Their positions.
        positions: Range<u64>,
    },
    /// The snapshot of logs and state is unreadable: logs and entries were found again from the
    /// segment files, state (cursors, counts) only as far as the write-ahead files have it.
    Snapshot {
        /// What was found.
        what: String,
    },
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Repair::TornTail { file, bytes } => {
                write!(f, "{file}: {bytes} bytes of an unfinished write cut off; none of it was acknowledged")
            }
            Repair::Damaged { file, what } => write!(f, "{file}: {what}; everything else was kept"),
            Repair::Lost { log, positions } => write!(
                f,
                "log {log:?}: {} entries from position {} on are damaged on disk and lost",
                positions.end - positions.start,
                positions.start
            ),
            Repair::Snapshot { what } => {
                write!(f, "snapshot: {what}; logs and entries found again from their files, check cursors")
            }
        }
    }
}
