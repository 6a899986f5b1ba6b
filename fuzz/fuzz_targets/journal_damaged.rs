//! A store of known content whose files are damaged: recovery gives back what was written, where it was written.
//!
//! Input: damages of six bytes. The check is made inside the room, whose files are its secret; there it also replays
//! the corpus (`crates/journal/src/testing`).

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchpost_journal::testing::check_damaged(data));
