//! Shapes on the planes of a picture: no colour conversion, chroma at its own half size.

use watchpost_model::{PixelFormat, Size};

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
    pub(super) format: PixelFormat,
    pub(super) luma: PlaneMut<'a>,
    /// U and V, or UV, or nothing.
    pub(super) chroma: Vec<PlaneMut<'a>>,
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
        let mut crossings: Vec<f32> = Vec::with_capacity(8);
        for row in rows {
            let middle = row as f32 + 0.5;
            crossings.clear();
            for (index, [x, y]) in corners.iter().enumerate() {
                let [next_x, next_y] = corners[(index + 1) % corners.len()];
                if (*y <= middle) != (next_y <= middle) {
                    crossings.push(x + (middle - y) / (next_y - y) * (next_x - x));
                }
            }
            crossings.sort_unstable_by(f32::total_cmp);
            for pair in crossings.chunks_exact(2) {
                self.span(row, pair[0].round() as i32, pair[1].round() as i32, ink, cover);
            }
        }
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
                for (at, cover) in cover[from..to].iter().enumerate().filter(|(_, cover)| **cover > 0) {
                    if (x + at).is_multiple_of(2) {
                        let column = (x + at) / 2;
                        self.chroma_span(row / 2, column, column + 1, ink, widen(*cover));
                    }
                }
            }
        }
    }
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
