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
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/ndjson");
    let mut replayed = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        check::check(&std::fs::read(file.unwrap().path()).unwrap(), parse);
        replayed += 1;
    }
    assert!(replayed >= 10, "the corpus of {folder} is gone");
}
