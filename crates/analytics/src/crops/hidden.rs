//! Privacy masks: what they cover is filled in a picture as soon as it is copied, so that no crop shows it.

use watchpost_model::{Point, Size};

/// Near black in video range, as the masks of whole pictures are.
const LUMA: u8 = 30;
const NO_COLOUR: u8 = 128;

/// Where a piece lies in its frame, in pixels of that frame.
pub(super) struct Place {
    pub frame: Size,
    pub left: usize,
    pub top: usize,
    /// From one pixel of the piece to the next.
    pub step: usize,
}

/// Fills what lies in any of `masks`, polygons in parts of the frame, by the even-odd rule. A pixel that is covered in
/// part is filled.
pub(super) fn hide(
    masks: &[Vec<Point>],
    place: &Place,
    (width, height): (usize, usize),
    luma: &mut [u8],
    mut chroma: Option<&mut [Vec<u8>; 2]>,
) {
    let (frame_width, frame_height) = (place.frame.width as f32, place.frame.height as f32);
    let mut crossings = Vec::new();
    for mask in masks {
        for (y, row) in luma.chunks_exact_mut(width).enumerate() {
            let middle = ((place.top + y * place.step) as f32 + 0.5) / frame_height;
            meets(mask, middle, &mut crossings);
            for pair in crossings.chunks_exact(2) {
                let column = |x: f32| (x * frame_width - place.left as f32) / place.step as f32;
                let from = (column(pair[0]).floor().max(0.0) as usize).min(width);
                let to = (column(pair[1]).ceil().max(0.0) as usize).min(width);
                if from >= to {
                    continue;
                }
                row[from..to].fill(LUMA);
                for plane in chroma.iter_mut().flat_map(|planes| planes.iter_mut()) {
                    let row = (y / 2).min((height / 2).saturating_sub(1)) * (width / 2);
                    plane[row + from / 2..row + to.div_ceil(2).min(width / 2)].fill(NO_COLOUR);
                }
            }
        }
    }
}

/// Where the horizontal at `y` meets the edges of `polygon`, from left to right.
fn meets(polygon: &[Point], y: f32, crossings: &mut Vec<f32>) {
    crossings.clear();
    for (index, from) in polygon.iter().enumerate() {
        let to = polygon[(index + 1) % polygon.len()];
        if (from.y <= y) != (to.y <= y) {
            crossings.push(from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x));
        }
    }
    crossings.sort_unstable_by(f32::total_cmp);
}
