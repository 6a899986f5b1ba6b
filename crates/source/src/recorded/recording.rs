//! What a file of recorded detections says, and what is the same in all formats. Without files, so that it can be fuzzed.

use std::collections::BTreeMap;

use watchpost_model::{Detection, Rect, Size};

/// Most frames: four days at 25 a second. More is a number gone wrong, and each costs an object.
pub(crate) const MAX_FRAMES: u64 = 10_000_000;
/// Boxes of one frame; more is a detector gone wild, and would cost analysis its time. As for lines of JSON.
const MAX_DETECTIONS: usize = 10_000;
/// Rows of which it is kept why they are refused: a file of something else is nothing but such rows.
const MAX_REFUSED: usize = 1000;
/// Smallest side of a box that is left in the frame, in pixels.
const MIN_SIDE_PIXELS: f64 = 1e-3;

/// What a file says.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// What was seen, by frame from 0.
    pub frames: BTreeMap<u64, Vec<Detection>>,
    /// Frames there are, those after the last box too.
    pub length: u64,
    /// Rows that are not in order, the first of them: number from 1, and why.
    pub refused: Vec<(u64, String)>,
    /// The number of the last such row, and how many there are besides.
    pub refused_more: (u64, u64),
    /// Frames per second, where the file or one beside it says.
    pub rate: Option<f64>,
}

impl Recording {
    /// Takes the box of row `number`.
    pub fn add(&mut self, number: u64, frame: u64, detection: Detection) {
        let seen = self.frames.entry(frame).or_default();
        if seen.len() == MAX_DETECTIONS {
            let why = format!("more than {MAX_DETECTIONS} boxes in frame {frame}, counted from 0");
            return self.refuse(number, why);
        }
        seen.push(detection);
        self.length = self.length.max(frame + 1);
    }

    /// Row `number` is not in order.
    pub fn refuse(&mut self, number: u64, why: String) {
        if self.refused.len() < MAX_REFUSED {
            self.refused.push((number, why));
        } else {
            self.refused_more = (number, self.refused_more.1 + 1);
        }
    }
}

pub(crate) fn unknown_size(other: &str) -> String {
    format!(
        "boxes are in pixels, and nobody says of how many: set Input.frame_size to {{\"width\": ..., \
         \"height\": ...}}, give the video in Input.video_uri, or {other} beside it"
    )
}

/// A box in pixels as parts of the frame, cut at its edges: trackers guess beyond them.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn rect([left, top, width, height]: [f64; 4], size: Size) -> Result<Rect, String> {
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
