//! Hostile instance files: what is wrong has a place and a line, what is good is saved as it was loaded.
//!
//! Input: the file. The same check replays the corpus in `crates/config/tests/corpus/`.

#![no_main]

#[path = "../../crates/config/tests/corpus/instance.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
