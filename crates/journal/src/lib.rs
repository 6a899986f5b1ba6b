//! The durable store: logs, cursors, small state.
//!
//! One [`Journal`] per data folder holds many [`Log`]s. A log is a sequence of opaque entries,
//! numbered without gaps from 0, and a small map of state (cursors, counts, open events). A
//! [`Commit`] adds entries and changes state in one step: after a crash it is there wholly or not
//! at all. All commits of all logs share one group sync, so a thousand logs cost no more syncs
//! than one.
//!
//! Readers only ever see what a crash cannot take back. What a record means is unknown here.
//!
//! Where to read on:
//! - `format`: every byte on the disk, in prose and in code;
//! - `writer`: the one thread through which everything is written, and what it does when it cannot;
//! - `recover`: how a folder left behind by a crash becomes a store again;
//! - `reader`: how entries are found, and how a damaged one is stepped over.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod checkpoint;
mod commit;
mod error;
mod files;
mod format;
mod health;
mod journal;
mod lock;
mod log;
mod log_core;
mod ops;
mod options;
mod os_files;
mod reader;
mod recover;
mod repair;
mod replay;
mod rewrite;
mod runs;
mod salvage;
mod segment;
mod settle;
mod shared;
mod snapshot;
mod view;
mod wal;
mod writer;

pub use commit::{Batch, Commit, Entry, ReadLimit};
pub use error::{Error, TryAppendError};
pub use health::Health;
pub use journal::Journal;
pub use log::{Log, Watch};
pub use options::Options;
pub use repair::Repair;

#[cfg(any(test, feature = "fuzz"))]
#[cfg_attr(feature = "fuzz", doc(hidden), allow(missing_docs, dead_code))]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a check that fails panics")]
pub mod testing;
