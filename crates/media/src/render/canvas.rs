//! Shapes on the planes of a picture: no colour conversion, chroma at its own half size.

use watchpost_model::Size;

use super::Color;

/// Parts of 256 that a shape covers.
pub(super) const OPAQUE: u16 = 256;

/// A colour in the picture's own terms, video range.
#[derive(Clone, Copy)]
pub(super) struct Ink {
    y: u8,
    u: u8,
    v: u8,
}

impl Ink {
    /// ITU-R BT.709 from 720 rows on, BT.601 below: what GStreamer and players assume too.
    pub(super) fn new(color: Color, size: Size) -> Self {
        let (kr, kb) = if size.height >= 720 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let [r, g, b] = [color.r, color.g, color.b].map(|channel| f32::from(channel) / 255.0);
        let luma = kr * r + (1.0 - kr - kb) * g + kb * b;
        let chroma = |difference: f32, k: f32| 128.0 + 224.0 * difference / (2.0 * (1.0 - k));
        Self {
            y: (16.0 + 219.0 * luma).round() as u8,
            u: chroma(b - luma, kb).round() as u8,
            v: chroma(r - luma, kr).round() as u8,
        }
    }
}

/// The planes that are drawn on. Everything outside is cut off.
pub(super) struct Canvas<'a> {
    pub(super) size: Size,
    pub(super) luma: PlaneMut<'a>,
    /// U and V, or UV, or nothing.
    pub(super) chroma: Vec<PlaneMut<'a>>,
    /// Of the polygon that is being drawn; kept, because overlays have many small ones.
    pub(super) scratch: Scratch,
}

/// A polygon's edges, and where a row meets them.
#[derive(Default)]
pub(super) struct Scratch {
    edges: Vec<Edge>,
    crossings: Vec<f32>,
}

/// An edge, with what each row needs of it.
struct Edge {
    top: f32,
    bottom: f32,
    /// Where it is at its top.
    x: f32,
    /// To the right for each row.
    slope: f32,
}

impl Edge {
    /// `None`: no row's middle lies between its ends.
    fn new([x, y]: [f32; 2], [to_x, to_y]: [f32; 2]) -> Option<Self> {
        let (top, bottom) = (y.min(to_y), y.max(to_y));
        if top == bottom {
            return None;
        }
        let slope = (to_x - x) / (to_y - y);
        Some(Self { top, bottom, x: if y < to_y { x } else { to_x }, slope })
    }
}

pub(super) struct PlaneMut<'a> {
    pub(super) data: &'a mut [u8],
    pub(super) stride: usize,
}

impl PlaneMut<'_> {
    fn span(&mut self, row: usize, from: usize, to: usize) -> &mut [u8] {
        let start = row * self.stride;
        &mut self.data[start + from..start + to]
    }
}

impl Canvas<'_> {
    /// Pixels `from..to` of one row.
    pub(super) fn span(&mut self, row: i32, from: i32, to: i32, ink: Ink, cover: u16) {
        let (from, to) = (from.max(0) as usize, to.clamp(0, self.size.width as i32) as usize);
        if row < 0 || row >= self.size.height as i32 || from >= to {
            return;
        }
        let row = row as usize;
        blend(self.luma.span(row, from, to), ink.y, cover);
        // A chroma sample stands for 2 x 2 pixels: the even rows speak for both.
        if row.is_multiple_of(2) {
            self.chroma_span(row / 2, from / 2, to.div_ceil(2), ink, cover);
        }
    }

    fn chroma_span(&mut self, row: usize, from: usize, to: usize, ink: Ink, cover: u16) {
        match &mut self.chroma[..] {
            [u, v] => {
                blend(u.span(row, from, to), ink.u, cover);
                blend(v.span(row, from, to), ink.v, cover);
            }
            [uv] => blend_pairs(uv.span(row, from * 2, to * 2), ink.u, ink.v, cover),
            _ => {}
        }
    }

    /// A filled box; right and bottom are not part of it.
    pub(super) fn fill(&mut self, [left, top, right, bottom]: [i32; 4], ink: Ink, cover: u16) {
        for row in top.max(0)..bottom.min(self.size.height as i32) {
            self.span(row, left, right, ink, cover);
        }
    }

    /// A box's frame, `thick` pixels to the inside.
    pub(super) fn frame(&mut self, [left, top, right, bottom]: [i32; 4], thick: i32, ink: Ink) {
        let thick_x = thick.min((right - left + 1) / 2);
        let thick_y = thick.min((bottom - top + 1) / 2);
        self.fill([left, top, right, top + thick_y], ink, OPAQUE);
        self.fill([left, bottom - thick_y, right, bottom], ink, OPAQUE);
        self.fill([left, top + thick_y, left + thick_x, bottom - thick_y], ink, OPAQUE);
        self.fill([right - thick_x, top + thick_y, right, bottom - thick_y], ink, OPAQUE);
    }

    /// A filled polygon by the even-odd rule.
    pub(super) fn polygon(&mut self, corners: &[[f32; 2]], ink: Ink, cover: u16) {
        let (mut top, mut bottom) = (f32::MAX, f32::MIN);
        for [_, y] in corners {
            top = top.min(*y);
            bottom = bottom.max(*y);
        }
        if corners.len() < 3 || !(top.is_finite() && bottom.is_finite()) {
            return;
        }
        let rows = (top.max(0.0).floor() as i32)..(bottom.min(self.size.height as f32).ceil() as i32);
        let Scratch { mut edges, mut crossings } = std::mem::take(&mut self.scratch);
        edges.clear();
        edges.extend(corners.windows(2).filter_map(|ends| Edge::new(ends[0], ends[1])));
        edges.extend(Edge::new(corners[corners.len() - 1], corners[0]));
        for row in rows {
            let middle = row as f32 + 0.5;
            crossings.clear();
            let met = edges.iter().filter(|edge| edge.top <= middle && middle < edge.bottom);
            crossings.extend(met.map(|edge| edge.x + (middle - edge.top) * edge.slope));
            match &mut crossings[..] {
                // Nearly always.
                [from, to] => {
                    let (from, to) = (from.min(*to), from.max(*to));
                    self.span(row, nearest(from), nearest(to), ink, cover);
                }
                many => {
                    many.sort_unstable_by(f32::total_cmp);
                    for pair in many.chunks_exact(2) {
                        self.span(row, nearest(pair[0]), nearest(pair[1]), ink, cover);
                    }
                }
            }
        }
        self.scratch = Scratch { edges, crossings };
    }

    /// A straight stroke, `thick` pixels wide.
    pub(super) fn stroke(&mut self, from: [f32; 2], to: [f32; 2], thick: f32, ink: Ink, cover: u16) {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy);
        if length < 0.5 {
            return;
        }
        let (along_x, along_y) = (dx / length * thick / 2.0, dy / length * thick / 2.0);
        // Square ends, so that the strokes of an outline meet without a notch.
        let (from, to) = ([from[0] - along_x, from[1] - along_y], [to[0] + along_x, to[1] + along_y]);
        let corners = [
            [from[0] - along_y, from[1] + along_x],
            [to[0] - along_y, to[1] + along_x],
            [to[0] + along_y, to[1] - along_x],
            [from[0] + along_y, from[1] - along_x],
        ];
        self.polygon(&corners, ink, cover);
    }

    /// A mask of coverage, `width` bytes a row, with its top-left corner at `left`, `top`.
    pub(super) fn mask(&mut self, mask: &[u8], width: usize, [left, top]: [i32; 2], ink: Ink) {
        let (from, to) =
            ((-left).max(0) as usize, (self.size.width as i32 - left).clamp(0, width as i32) as usize);
        if from >= to {
            return;
        }
        for (index, cover) in mask.chunks_exact(width).enumerate() {
            let row = top + index as i32;
            if row < 0 || row >= self.size.height as i32 {
                continue;
            }
            let (x, row) = ((left + from as i32) as usize, row as usize);
            let luma = self.luma.span(row, x, x + to - from);
            for (pixel, cover) in luma.iter_mut().zip(&cover[from..to]) {
                *pixel = mix(*pixel, ink.y, widen(*cover));
            }
            if row.is_multiple_of(2) {
                // Even columns speak for both, as even rows do.
                let covers = cover[from + x % 2..].iter().take(to - from - x % 2).step_by(2);
                self.chroma_mask(row / 2, x.div_ceil(2), covers, ink);
            }
        }
    }

    /// Some chroma samples from `column` on, one for each of `covers`.
    fn chroma_mask<'c>(
        &mut self,
        row: usize,
        column: usize,
        covers: impl ExactSizeIterator<Item = &'c u8>,
        ink: Ink,
    ) {
        let to = column + covers.len();
        match &mut self.chroma[..] {
            [u, v] => {
                let samples = u.span(row, column, to).iter_mut().zip(v.span(row, column, to));
                for ((u, v), cover) in samples.zip(covers) {
                    let cover = widen(*cover);
                    (*u, *v) = (mix(*u, ink.u, cover), mix(*v, ink.v, cover));
                }
            }
            [uv] => {
                for (pair, cover) in uv.span(row, column * 2, to * 2).chunks_exact_mut(2).zip(covers) {
                    let cover = widen(*cover);
                    (pair[0], pair[1]) = (mix(pair[0], ink.u, cover), mix(pair[1], ink.v, cover));
                }
            }
            _ => {}
        }
    }
}

/// The nearest column. Far outside is cut off later; rounding by the library would be a call.
const fn nearest(x: f32) -> i32 {
    // Shifted to above zero, where cutting off is rounding down; pictures are not as wide.
    (x + 65_536.5) as i32 - 65_536
}

/// 0..=255 to 0..=256.
const fn widen(cover: u8) -> u16 {
    cover as u16 + (cover >> 7) as u16
}

/// At most 255 * 256 + 128: fits 16 bits, so eight or sixteen pixels go at once.
const fn mix(under: u8, over: u8, cover: u16) -> u8 {
    ((under as u16 * (OPAQUE - cover) + over as u16 * cover + 127) >> 8) as u8
}

fn blend(pixels: &mut [u8], value: u8, cover: u16) {
    if cover >= OPAQUE {
        pixels.fill(value);
    } else {
        for pixel in pixels {
            *pixel = mix(*pixel, value, cover);
        }
    }
}

fn blend_pairs(pixels: &mut [u8], first: u8, second: u8, cover: u16) {
    for pair in pixels.chunks_exact_mut(2) {
        pair[0] = mix(pair[0], first, cover);
        pair[1] = mix(pair[1], second, cover);
    }
}
