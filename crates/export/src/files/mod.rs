//! What all exports to files share: names, batches, syncs, and what is kept to go on after a crash.
//!
//! ```text
//! send ──▶ Names (path by template) ──▶ Content (bytes by format) ──▶ Batch ──▶ Store (disk)
//!                                                                     one per ≤ 10 ms
//! ```
//! Beside it: [`rotate`] says when a file has had enough, [`house`] compresses what was rotated out and deletes what
//! [`retention`] does not keep, both by the [`mark`] on each file.
//!
//! Two stores: [`append::Appender`] writes behind what a file holds and syncs once per batch,
//! [`each::Replacer`] writes one file per object under a temporary name and renames it. Nothing is
//! reported delivered before it is synced (PRODUCT section 12 "Delivered means").

mod append;
mod batch;
mod compress;
mod content;
mod each;
mod fault;
mod folder;
mod house;
pub(crate) mod mark;
mod names;
mod pending_note;
mod receiver;
mod resume;
mod retention;
mod rotate;
mod turn;
mod written;

pub(crate) use batch::Chunk;
pub(crate) use compress::Compress;
pub(crate) use content::{Content, Head};
pub(crate) use each::{Replacer, key_of};
pub(crate) use house::House;
pub(crate) use names::Names;
pub(crate) use receiver::{FileReceiver, FileSetup, Mode, Store};
pub use retention::Retention;
pub(crate) use rotate::{Rolling, Rotate};
pub(crate) use written::WrittenFiles;
