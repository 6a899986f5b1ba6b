//! What can go wrong, with the place and the remedy.

use std::{io, path::PathBuf};

use crate::commit::Commit;

/// Errors of the store. Those of single calls: a store that cannot write pauses and says so in
/// [`crate::Health`] instead.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the folder open.
    #[error("journal {}: in use by process {holder}; one process per data folder, stop it or choose another --data folder", dir.display())]
    Locked {
        /// The folder.
        dir: PathBuf,
        /// Process id of the holder, as it wrote it, or "unknown".
        holder: String,
    },
    /// The folder could not be opened or recovered.
    #[error("journal {}: {}", dir.display(), crate::health::reason(doing, source))]
    Open {
        /// The folder.
        dir: PathBuf,
        /// What was being done.
        doing: String,
        /// The system's reason.
        source: io::Error,
    },
    /// Written by another version.
    #[error("journal {}: format version {found}, this program reads {expected}; use the program that wrote it", dir.display())]
    Version {
        /// The folder.
        dir: PathBuf,
        /// Version found.
        found: u32,
        /// Version expected.
        expected: u32,
    },
    /// Reading a segment failed.
    #[error("journal: log {log:?}: reading position {position}: {source}")]
    Read {
        /// The log.
        log: String,
        /// Where.
        position: u64,
        /// The system's reason.
        source: io::Error,
    },
    /// A commit over the limit.
    #[error("journal: commit of {bytes} bytes, at most {limit} fit; split it")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// A name that is empty or over 200 bytes, or a state key over 65535 bytes.
    #[error("journal: name of {bytes} bytes, expected 1 to {limit}")]
    Name {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The log was deleted.
    #[error("journal: log {0:?} was deleted")]
    Deleted(String),
    /// There is no such log.
    #[error("journal: no log {0:?}")]
    Unknown(String),
    /// The store was closed.
    #[error("journal: the store was closed")]
    Closed,
    /// A bounded wait ran out.
    #[error("journal: not durable within {timeout_ms} ms; see the journal's health")]
    TimedOut {
        /// The bound.
        timeout_ms: u64,
    },
}

/// Why nothing was appended by [`crate::Log::try_append`].
#[derive(Debug, thiserror::Error)]
pub enum TryAppendError {
    /// Too much waits to be written; the commit is handed back.
    #[error("journal: too many bytes wait to be written")]
    Full(Commit),
    /// Any other reason.
    #[error(transparent)]
    Error(#[from] Error),
}
