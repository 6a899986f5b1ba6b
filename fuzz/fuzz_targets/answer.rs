//! Hostile lines of a preprocess command: what is taken is fit for every receiver, what is refused is said in a line.
//!
//! The parser is taken by its file: the room it belongs to links GStreamer, which a fuzzer must not. The same check
//! replays the corpus beside the parser.

#![no_main]

#[path = "../../crates/runtime/src/preprocess/answer.rs"]
mod answer;
#[path = "../../crates/runtime/tests/corpus/answer.rs"]
mod check;

use answer::parse;

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
