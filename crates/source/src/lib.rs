//! Ways in: everything that gives frames, and the table [`SOURCES`] of all of them.
//!
//! A source is one line in the table and one builder. Whatever it reads, it gives the same thing:
//! [`Item`]s, each a [`Frame`](watchpost_model::Frame) with both clocks set (PRODUCT section 4
//! "Time"), perhaps with a detector's word on it. Reconnecting, looping, pacing and limits of rate
//! happen here, so nobody behind sees them, except as [`Status`] and as notices.
//!
//! No async: a source is driven by the instance's own thread through [`Source::next`], which never
//! blocks longer than its timeout, also while a camera cannot be reached.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod backoff;
mod beside;
mod clock;
mod detector;
mod limiter;
mod ndjson;
mod recorded;
mod source;
mod table;
mod video;

pub use ndjson::{Body, Inlet, Line, LineError, MAX_LINE_BYTES, NotTaking, Posted, parse_line};
pub use source::{Item, Next, Pass, Source, SourceError, SourceInfo, Status};
pub use table::{Children, Host, Request, SOURCES, SourceKind, Yields, check, find, is_file, open};
