//! Hostile manifests and settings: within bounds, and no setting becomes two arguments, no secret one.
//!
//! Input: a manifest, a NUL, the system's settings. The same check replays the corpus in `crates/config/tests/corpus/`.

#![no_main]

#[path = "../../crates/config/tests/corpus/manifest.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
