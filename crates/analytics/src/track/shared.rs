//! Several tracks in one blob: two people who pass each other.
//!
//! Each pixel of the blob goes to the track whose predicted box it fits best; what a track was given
//! is taken as the part of it that can be seen. So both keep their identity and neither jumps to the
//! middle of the two.

use watchpost_model::Rect;

use crate::motion::Blob;

/// Reduced pixels to parts of the frame.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Grid {
    /// Width of a reduced pixel.
    pub x: f32,
    /// Height of a reduced pixel.
    pub y: f32,
}

/// A pixel this far from all boxes (1 is a box's edge) is given to none.
const MAX_DISTANCE: f32 = 1.8;
/// A track that is given fewer of the pixels its box would hold is hidden behind the others.
const MIN_SHARE: f32 = 0.12;

/// What can be seen of each of `boxes` in `blob`; `None` for those that are hidden.
pub(crate) fn divide(blob: &Blob, boxes: &[Rect], grid: Grid) -> Vec<Option<Rect>> {
    let mut parts: Vec<Part> = vec![Part::default(); boxes.len()];
    let shapes: Vec<(f32, f32, f32, f32)> = boxes
        .iter()
        .map(|rect| {
            let center = rect.center();
            (center.x, center.y, 2.0 / rect.width.max(1e-4), 2.0 / rect.height.max(1e-4))
        })
        .collect();
    for run in &blob.runs {
        let y = (f32::from(run.y) + 0.5) * grid.y;
        for column in run.from..run.to {
            let x = (f32::from(column) + 0.5) * grid.x;
            let nearest = shapes
                .iter()
                .map(|&(cx, cy, sx, sy)| ((x - cx) * sx).abs().max(((y - cy) * sy).abs() * 0.8))
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(&b.1));
            if let Some((index, distance)) = nearest
                && distance < MAX_DISTANCE
            {
                parts[index].add(i32::from(column), i32::from(run.y));
            }
        }
    }
    parts
        .iter()
        .zip(boxes)
        .map(|(part, rect)| {
            let whole = rect.area() / (grid.x * grid.y).max(1e-9);
            (part.pixels as f32 > MIN_SHARE * whole).then(|| part.rect(grid))
        })
        .collect()
}

/// The pixels given to one track.
#[derive(Clone, Copy, Debug)]
struct Part {
    pixels: u32,
    left: i32,
    top: i32,
    right: i32,
    bottom: i32,
}

impl Default for Part {
    fn default() -> Self {
        Self { pixels: 0, left: i32::MAX, top: i32::MAX, right: i32::MIN, bottom: i32::MIN }
    }
}

impl Part {
    fn add(&mut self, x: i32, y: i32) {
        self.pixels += 1;
        self.left = self.left.min(x);
        self.right = self.right.max(x + 1);
        self.top = self.top.min(y);
        self.bottom = self.bottom.max(y + 1);
    }

    fn rect(&self, grid: Grid) -> Rect {
        Rect::new(
            self.left as f32 * grid.x,
            self.top as f32 * grid.y,
            (self.right - self.left) as f32 * grid.x,
            (self.bottom - self.top) as f32 * grid.y,
        )
    }
}
