//! Hostile schedules: whatever was asked before, the answer is what the clock on the wall says.
//!
//! Input: a schedule as JSON, a NUL, moments of eight bytes. The same check replays the corpus in `crates/config/tests/corpus/`.

#![no_main]

#[path = "../../crates/config/tests/corpus/hours.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
