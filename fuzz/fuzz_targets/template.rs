//! Hostile templates with hostile values: parsing never panics, a path never leaves its root.
//!
//! Input: the template, a NUL, the object's JSON (or the text of its key `a`). The same check replays
//! the corpus in `crates/template/tests/corpus.rs`.

#![no_main]

#[path = "../../crates/template/tests/corpus/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
