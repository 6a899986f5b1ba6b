//! Secrets in any text with addresses: shown, they are gone, and nothing else is changed.
//!
//! Input: a text; between two NULs a secret. The same check replays the corpus in `crates/config/tests/corpus/`.

#![no_main]

#[path = "../../crates/config/tests/corpus/secrets.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
