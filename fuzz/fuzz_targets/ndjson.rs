//! Hostile lines of detections: whatever comes in, a line or an error comes out, and boxes lie in the frame.
//!
//! The parser is taken by its file: the room it belongs to links GStreamer, which a fuzzer must not. The same
//! check replays the corpus in `crates/source/tests/corpus.rs`.

#![no_main]

#[path = "../../crates/source/tests/corpus/check.rs"]
mod check;
#[path = "../../crates/source/src/ndjson/parse.rs"]
mod parse;

use check::Parsed;
use watchpost_config::LabelTable;

fn read(line: &[u8]) -> Result<Parsed, String> {
    let line = parse::parse_line(line, &LabelTable::default()).map_err(|error| error.0)?;
    let rects = line.detections.iter().map(|seen| seen.rect);
    Ok(Parsed {
        boxes: rects.map(|rect| [rect.x, rect.y, rect.width, rect.height]).collect(),
        confidences: line.detections.iter().map(|seen| seen.confidence).collect(),
        refused: line.refused,
    })
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| check::check(data, read));
