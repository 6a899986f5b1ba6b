//! Replays the fuzz target's corpus.

#[path = "corpus/check.rs"]
mod check;

use check::Parsed;
use watchpost_config::LabelTable;

fn parse(line: &[u8]) -> Result<Parsed, String> {
    let line = watchpost_source::parse_line(line, &LabelTable::default()).map_err(|error| error.0)?;
    let rects = line.detections.iter().map(|seen| seen.rect);
    Ok(Parsed {
        boxes: rects.map(|rect| [rect.x, rect.y, rect.width, rect.height]).collect(),
        confidences: line.detections.iter().map(|seen| seen.confidence).collect(),
        refused: line.refused,
    })
}

#[test]
fn the_corpus_replays() {
    watchpost_testkit::replay("ndjson", |line| check::check(line, parse));
}
