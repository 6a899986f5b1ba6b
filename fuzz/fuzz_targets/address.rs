//! Hostile addresses: a broker's is read as it was meant, without its password in what is said of it; a path is said to be
//! outside the data folder whenever it is.
//!
//! Input: the address. The parser is taken by its file, since its room links GStreamer; the same check replays the corpus
//! beside it.

#![no_main]

#[path = "../../crates/export/src/mqtt/address.rs"]
mod address;
#[path = "../../crates/export/tests/corpus/address.rs"]
mod check;

use address::Address;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
