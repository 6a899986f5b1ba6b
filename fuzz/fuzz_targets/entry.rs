//! Bytes in an instance's log: what is read of them is all that they are.
//!
//! Taken by its file, as for `answer`.

#![no_main]

#[path = "../../crates/runtime/tests/corpus/entry.rs"]
mod check;
#[allow(dead_code, reason = "what the pipeline needs beside it")]
#[path = "../../crates/runtime/src/entry.rs"]
mod entry;

use entry::{Body, Encoded, Entry, GroupWriter};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
