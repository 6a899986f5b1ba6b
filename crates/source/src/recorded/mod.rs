//! Recorded detections in the field's formats, turned into what lines of JSON would say.
//!
//! A whole file is read at once: rows of one frame may stand anywhere in it.

mod coco;
mod mot;

use std::{collections::BTreeMap, io::Read as _, path::Path};

use watchpost_model::{Detection, Rect, Size};

use crate::{
    SourceError,
    ndjson::{Line, Read, Setup, open_file},
};

/// Largest file, in bytes: some millions of boxes. It is held in memory while it is read.
const MAX_BYTES: u64 = 512 << 20;
/// Most frames: four days at 25 a second. More is a number gone wrong, and each costs an object.
pub(crate) const MAX_FRAMES: u64 = 10_000_000;
/// Frames a second where nobody says: as for lines of JSON without times.
const DEFAULT_RATE: f64 = 25.0;
/// Smallest side of a box that is left in the frame, in pixels.
const MIN_SIDE_PIXELS: f64 = 1e-3;

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// MOTChallenge text: det.txt, gt.txt, a tracker's results.
    Mot,
    /// COCO JSON: results, or a dataset with images and categories.
    Coco,
}

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// What was seen, by frame from 0.
    frames: BTreeMap<u64, Vec<Detection>>,
    /// Frames there are, those after the last box too.
    length: u64,
    /// Rows that are not in order: number from 1, and why.
    refused: Vec<(u64, String)>,
    /// Frames per second, where the file or one beside it says.
    rate: Option<f64>,
}

impl Recording {
    fn add(&mut self, frame: u64, detection: Detection) {
        self.length = self.length.max(frame + 1);
        self.frames.entry(frame).or_default().push(detection);
    }

    /// A line for every frame: in one that is not listed, nothing was seen.
    fn lines(self, rate: Option<f64>) -> impl Iterator<Item = Read> {
        let rate = rate.or(self.rate).unwrap_or(DEFAULT_RATE);
        let mut frames = self.frames;
        let refused = self.refused.into_iter().map(|(number, why)| Read::Refused(number, why));
        refused.chain((0..self.length).map(move |frame| {
            let detections = frames.remove(&frame).unwrap_or_default();
            let timestamp_ms = Some(frame as f64 * 1000.0 / rate);
            Read::Line(
                frame + 1,
                Line { frame_id: Some(frame), timestamp_ms, detections, refused: Vec::new() },
            )
        }))
    }
}

/// Reads the file at `path`.
///
/// # Errors
/// It cannot be read, is none of its kind, or nobody says how many pixels its frames have.
pub(crate) fn read(
    kind: Kind,
    path: &Path,
    setup: &Setup,
) -> Result<impl Iterator<Item = Read> + Send + use<>, SourceError> {
    let refused = |why: String| SourceError::new(setup.pointer, format!("{}: {why}", path.display()));
    let mut text = Vec::new();
    let file = open_file(path, setup.pointer)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut text).map_err(|error| refused(error.to_string()))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(refused(format!("longer than {} MiB: split it", MAX_BYTES >> 20)));
    }
    let recording = match kind {
        Kind::Mot => {
            let sequence = mot::Sequence::beside(path);
            let size =
                setup.size.or(sequence.size).ok_or_else(|| refused(unknown_size("its seqinfo.ini")))?;
            mot::parse(&text, size, &sequence, &setup.labels)
        }
        Kind::Coco => coco::parse(&text, setup.size, &setup.labels).map_err(refused)?,
    };
    Ok(recording.lines(setup.rate))
}

fn unknown_size(other: &str) -> String {
    format!(
        "boxes are in pixels, and nobody says of how many: set Input.frame_size to {{\"width\": ..., \
         \"height\": ...}}, give the video in Input.video_uri, or {other} beside it"
    )
}

/// A box in pixels as parts of the frame, cut at its edges: trackers guess beyond them.
///
/// # Errors
/// What is wrong with it.
fn rect([left, top, width, height]: [f64; 4], size: Size) -> Result<Rect, String> {
    let shown = || format!("the box [{left}, {top}, {width}, {height}]");
    if ![left, top, width, height].iter().all(|number| number.is_finite()) {
        return Err(format!("{} has a part that is no number", shown()));
    }
    if width <= 0.0 || height <= 0.0 {
        return Err(format!("{} has no area: expected a width and a height above 0", shown()));
    }
    let (w, h) = (f64::from(size.width), f64::from(size.height));
    let (x0, y0) = (left.clamp(0.0, w), top.clamp(0.0, h));
    let (x1, y1) = ((left + width).clamp(0.0, w), (top + height).clamp(0.0, h));
    if x1 - x0 < MIN_SIDE_PIXELS || y1 - y0 < MIN_SIDE_PIXELS {
        return Err(format!("{} lies outside the frame of {w}x{h} pixels", shown()));
    }
    Ok(Rect::new((x0 / w) as f32, (y0 / h) as f32, ((x1 - x0) / w) as f32, ((y1 - y0) / h) as f32).clamped())
}
