//! Hostile records: numbered, converted and made rows of without a loss, a valid one into a valid one.
//!
//! Input: the JSON. The same check replays the corpus in `crates/schema/tests/corpus/`.

#![no_main]

#[path = "../../crates/schema/tests/corpus/record.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
