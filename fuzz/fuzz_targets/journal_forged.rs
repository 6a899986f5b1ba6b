//! A store put together at will of parts whose sums are right: recovery ends, within bounds, and invents no entry.
//!
//! Input: decisions, byte by byte. The check is made inside the room, as for `journal_damaged`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| watchpost_journal::testing::check_forged(data));
