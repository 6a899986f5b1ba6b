//! What must hold for any file of recorded detections; shared by the fuzz target and the plain test.

use watchpost_config::LabelTable;
use watchpost_model::Size;

use super::{MAX_FRAMES, Recording, Sequence, coco, mot};

/// Longest text that says what is wrong with a row.
const MAX_SAID_BYTES: usize = 4096;

/// `data`: COCO JSON or, with an `m` in front, a `seqinfo.ini`, a NUL and MOT text.
pub(crate) fn check(data: &[u8]) {
    let labels = LabelTable::default();
    let given = Some(Size { width: 200, height: 100 });
    let Some(rest) = data.strip_prefix(b"m") else {
        for size in [given, None] {
            match coco::parse(data, size, &labels) {
                Ok(recording) => is_in_order(&recording),
                Err(why) => assert!(why.len() < MAX_SAID_BYTES, "{why}"),
            }
        }
        return;
    };
    let at = rest.iter().position(|byte| *byte == 0).unwrap_or(rest.len());
    let sequence = Sequence::parse(&String::from_utf8_lossy(&rest[..at]));
    let Some(size) = sequence.size.or(given) else { return };
    is_in_order(&mot::parse(rest.get(at + 1..).unwrap_or_default(), size, &sequence, &labels));
}

fn is_in_order(recording: &Recording) {
    assert!(recording.length <= MAX_FRAMES);
    assert!(recording.rate.is_none_or(|rate| (0.001..=1000.0).contains(&rate)), "{:?}", recording.rate);
    assert!(recording.frames.keys().all(|frame| *frame < recording.length));
    for seen in recording.frames.values().flatten() {
        let [x, y, width, height] = [seen.rect.x, seen.rect.y, seen.rect.width, seen.rect.height];
        assert!(x >= 0.0 && y >= 0.0 && width > 0.0 && height > 0.0, "{seen:?}");
        assert!(x + width <= 1.000_1 && y + height <= 1.000_1, "{seen:?}");
        assert!((0.0..=1.0).contains(&seen.confidence), "{seen:?}");
        assert!(!seen.label.is_empty() && seen.label.len() <= 1024);
        assert!(seen.track_id.as_ref().is_none_or(|id| !id.is_empty() && id.len() <= 1024));
    }
    for (number, why) in &recording.refused {
        assert!(*number > 0 && !why.is_empty() && why.len() < MAX_SAID_BYTES, "{number}: {why}");
    }
}
