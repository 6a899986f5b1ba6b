//! Hostile output of an exporter that answers: however it is cut into chunks, the answers are the same.
//!
//! Input: two sizes of chunks, and the output. The parser is taken by its file, since it is nobody's but its room's; the
//! same check replays the corpus beside it.

#![no_main]

#[path = "../../crates/process/src/answers.rs"]
mod answers;
#[path = "../../crates/process/tests/corpus/answers.rs"]
mod check;
#[allow(dead_code, reason = "what reading of pipes needs beside it")]
#[path = "../../crates/process/src/lines.rs"]
mod lines;

use answers::{Answer, answer};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
