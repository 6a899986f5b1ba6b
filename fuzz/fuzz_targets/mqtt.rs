//! Hostile brokers: however their bytes come in, the answers are the same, and within what a publisher can work with.
//!
//! Input: a size of pieces, and what comes over the connection. Taken by its files, since their room links GStreamer; the
//! same check replays the corpus beside them.

#![no_main]

#[allow(dead_code, reason = "a protocol's name is for people")]
#[path = "../../crates/export/src/mqtt/answer.rs"]
mod answer;
#[path = "../../crates/export/tests/corpus/mqtt.rs"]
mod check;
#[allow(dead_code, reason = "what follows from a refusal is the connection's business")]
#[path = "../../crates/export/src/mqtt/reason.rs"]
mod reason;

use answer::{Answer, MAX_PACKET_BYTES, Protocol, answer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
