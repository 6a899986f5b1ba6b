//! MOTChallenge text (Dendorfer et al., "MOTChallenge: A Benchmark for Single-Camera Multiple Target
//! Tracking", 2020, section 3.4): `frame,id,left,top,width,height,confidence,...`, one box a line, frames and
//! pixels counted from 1.
//!
//! Nine columns are ground truth: the seventh says whether the box counts, the eighth is its class. Others
//! are detections or a tracker's results: the seventh is a confidence, the rest a place in the world.

use std::path::Path;

use watchpost_config::LabelTable;
use watchpost_model::{Detection, Size};

use super::{MAX_FRAMES, Recording, rect};

/// Classes of ground truth, by number from 1 (the same paper, table 3).
const CLASSES: [&str; 12] = [
    "person",
    "person on vehicle",
    "car",
    "bicycle",
    "motorbike",
    "non motorized vehicle",
    "static person",
    "distractor",
    "occluder",
    "occluder on the ground",
    "occluder full",
    "reflection",
];

/// Frames per second that a sequence may say: as for `Input.frame_rate`, and so that every time stays a number.
const RATES: std::ops::RangeInclusive<f64> = 0.001..=1000.0;

/// Longest track id, in bytes, as for lines of JSON. A number may be written with any count of zeros.
const MAX_ID_BYTES: usize = 1024;

/// What a sequence's `seqinfo.ini` says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sequence {
    pub size: Option<Size>,
    pub rate: Option<f64>,
    pub length: Option<u64>,
}

impl Sequence {
    /// The one in the folder of `file`, or in the folder above (`SEQUENCE/det/det.txt`).
    pub fn beside(file: &Path) -> Self {
        let folders = file.ancestors().skip(1).take(2);
        let text =
            folders.filter_map(|folder| std::fs::read_to_string(folder.join("seqinfo.ini")).ok()).next();
        text.map_or_else(Self::default, |text| Self::parse(&text))
    }

    pub fn parse(text: &str) -> Self {
        let value = |key: &str| {
            let pairs = text.lines().filter_map(|line| line.split_once('='));
            let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
            values.next().and_then(|(_, value)| value.trim().parse::<f64>().ok()).filter(|value| *value > 0.0)
        };
        let side = |key| value(key).map(|side| side as u32).filter(|side| *side > 0);
        let size = side("imWidth").zip(side("imHeight")).map(|(width, height)| Size { width, height });
        let length = value("seqLength").map(|length| (length as u64).min(MAX_FRAMES));
        Self { size, rate: value("frameRate").filter(|rate| RATES.contains(rate)), length }
    }
}

/// Reads the rows of a file; those that are not in order are refused alone.
pub(crate) fn parse(text: &[u8], size: Size, sequence: &Sequence, labels: &LabelTable) -> Recording {
    let mut recording =
        Recording { length: sequence.length.unwrap_or(0), rate: sequence.rate, ..Recording::default() };
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match row(line, size, labels) {
            Ok(Some((frame, detection))) => recording.add(number, frame, detection),
            Ok(None) => {}
            Err(why) => recording.refuse(number, why),
        }
    }
    recording
}

/// Frame from 0 and box; `None` for ground truth that does not count.
fn row(line: &str, size: Size, labels: &LabelTable) -> Result<Option<(u64, Detection)>, String> {
    const FORM: &str = "expected frame,id,left,top,width,height,confidence,...";
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.len() < 6 {
        return Err(format!("{} columns: {FORM}", cells.len()));
    }
    let number = |index: usize| {
        let cell = cells[index];
        let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("column {}, `{}`, is no number: {FORM}", index + 1, short(cell)))
    };
    let frame = number(0)?;
    if frame < 1.0 || frame.fract() != 0.0 || frame > MAX_FRAMES as f64 {
        return Err(format!("frame {frame}: expected a whole number from 1 to {MAX_FRAMES}"));
    }
    let id = number(1)?;
    if cells[1].len() > MAX_ID_BYTES {
        return Err(format!("column 2 has {} bytes: expected at most {MAX_ID_BYTES}", cells[1].len()));
    }
    let track_id = (id > 0.0).then(|| cells[1].to_owned());
    let confidence = if cells.len() > 6 { number(6)? } else { 1.0 };
    let ground_truth = cells.len() == 9;
    if ground_truth && confidence == 0.0 {
        return Ok(None);
    }
    let label = match ground_truth.then(|| number(7)).transpose()? {
        None => CLASSES[0],
        Some(class) if class >= 1.0 && class as usize <= CLASSES.len() => CLASSES[class as usize - 1],
        Some(class) => return Err(format!("class {class}: expected 1 to {}", CLASSES.len())),
    };
    let rect = rect([number(2)? - 1.0, number(3)? - 1.0, number(4)?, number(5)?], size)?;
    // With a track it is a flag, and many trackers write 0 or -1.
    let confidence = if track_id.is_some() && confidence <= 0.0 { 1.0 } else { confidence.clamp(0.0, 1.0) };
    let detection = Detection {
        class: labels.classify(label),
        label: label.to_owned(),
        confidence: confidence as f32,
        rect,
        track_id,
        attributes: Vec::new(),
    };
    Ok(Some((frame as u64 - 1, detection)))
}

fn short(cell: &str) -> String {
    cell.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchpost_model::ObjectClass;

    use super::*;

    const SIZE: Size = Size { width: 200, height: 100 };

    fn read(text: &str) -> Recording {
        parse(text.as_bytes(), SIZE, &Sequence::default(), &LabelTable::default())
    }

    #[test]
    fn detections_results_and_ground_truth() {
        let recording = read("3,-1,11,21,40,50,0.75,-1,-1,-1\r\n1, 7, 191, 1, 40, 10, -1, -1, -1, -1\n");
        assert_eq!((recording.length, recording.refused.len()), (3, 0));
        let seen = &recording.frames[&2][0];
        assert_eq!(
            (seen.confidence, seen.track_id.as_deref(), seen.class),
            (0.75, None, ObjectClass::Person)
        );
        assert!((seen.rect.x - 0.05).abs() < 1e-6 && (seen.rect.y - 0.2).abs() < 1e-6);
        let cut = &recording.frames[&0][0];
        assert_eq!((cut.confidence, cut.track_id.as_deref()), (1.0, Some("7")));
        assert!((cut.rect.x - 0.95).abs() < 1e-6 && (cut.rect.width - 0.05).abs() < 1e-6);
        let truth = read("1,1,1,1,9,9,1,3,1\n1,2,1,1,9,9,0,1,1\n");
        let seen: Vec<_> = truth.frames[&0].iter().map(|seen| seen.label.as_str()).collect();
        assert_eq!(seen, ["car"]);
    }

    #[test]
    fn a_bad_row_is_refused_alone() {
        let rows = "1,1,1,1\n0,1,1,1,9,9,1\n1,x,1,1,9,9,1\n1,1,NaN,1,9,9,1\n1,1,1,1,0,9,1\n1,1,900,1,9,9,1\n\
                    1,1,1,1,9,9,1,77,1\n2,1,1,1,9,9,1";
        let recording = read(rows);
        let form = "expected frame,id,left,top,width,height,confidence,...";
        let expected = [
            (1, format!("4 columns: {form}")),
            (2, "frame 0: expected a whole number from 1 to 10000000".to_owned()),
            (3, format!("column 2, `x`, is no number: {form}")),
            (4, format!("column 3, `NaN`, is no number: {form}")),
            (5, "the box [0, 0, 0, 9] has no area: expected a width and a height above 0".to_owned()),
            (6, "the box [899, 0, 9, 9] lies outside the frame of 200x100 pixels".to_owned()),
            (7, "class 77: expected 1 to 12".to_owned()),
        ];
        assert_eq!(recording.refused, expected);
        assert_eq!(recording.frames.keys().collect::<Vec<_>>(), [&1]);
    }

    #[test]
    fn a_sequence_says_size_rate_and_length() {
        let text = "[Sequence]\nname=MOT17-02\nimDir=img1\nframeRate=30\nseqLength=600\nimWidth=1920\nimHeight=1080\n";
        let expected =
            Sequence { size: Some(Size { width: 1920, height: 1080 }), rate: Some(30.0), length: Some(600) };
        assert_eq!(Sequence::parse(text), expected);
        assert_eq!(Sequence::parse("imWidth=0\nframeRate=fast"), Sequence::default());
    }

    proptest! {
        #[test]
        fn whatever_comes_in_every_box_is_inside_the_frame(text in "([0-9.,eNa-]{0,40}\n){0,8}") {
            let recording = read(&text);
            for detection in recording.frames.values().flatten() {
                let rect = detection.rect;
                prop_assert!(rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.width <= 1.0001 && rect.y + rect.height <= 1.0001);
                prop_assert!((0.0..=1.0).contains(&detection.confidence));
            }
            prop_assert!(recording.length <= MAX_FRAMES);
        }

        #[test]
        fn a_box_comes_back_as_it_was(
            frame in 1_u64..1000, id in 1_u32.., x in 0.0..190.0_f64, y in 0.0..90.0_f64, w in 1.0..10.0_f64, h in 1.0..10.0_f64,
        ) {
            let recording = read(&format!("{frame},{id},{},{},{w},{h},0.5,-1,-1,-1", x + 1.0, y + 1.0));
            let seen = &recording.frames[&(frame - 1)][0];
            prop_assert_eq!(seen.track_id.clone(), Some(id.to_string()));
            prop_assert!((f64::from(seen.rect.x) * 200.0 - x).abs() < 1e-3 && (f64::from(seen.rect.height) * 100.0 - h).abs() < 1e-3);
        }
    }
}
