//! Hostile recordings of detections, MOT and COCO: what is taken lies in its frame, and what is refused is said briefly.
//!
//! Input: COCO JSON, or an `m`, a `seqinfo.ini`, a NUL and MOT text. Taken by its files, since their room links GStreamer;
//! the same check replays the corpus beside them.

#![no_main]

#[path = "../../crates/source/tests/corpus/recording.rs"]
mod check;
#[path = "../../crates/source/src/recorded/coco.rs"]
mod coco;
#[allow(dead_code, reason = "a sequence is also looked for on disk")]
#[path = "../../crates/source/src/recorded/mot.rs"]
mod mot;
#[path = "../../crates/source/src/recorded/recording.rs"]
mod recording;

use mot::Sequence;
use recording::{MAX_FRAMES, Recording, rect, unknown_size};

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data));
