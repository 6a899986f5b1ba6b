//! A part of a picture, row by row.

use watchpost_model::{Image, PixelFormat, Rect};

use crate::{MediaError, MediaErrorKind as Kind};

/// Longest side of a JPEG file (ITU-T T.81, B.2.2: 16 bits), and more than a PNG file needs.
const MAX_SIDE: u32 = 65_535;

/// What of a picture becomes a file. Begins at even pixels, so that colours keep their place.
pub(super) struct Part<'a> {
    pub(super) image: &'a Image,
    left: usize,
    top: usize,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl<'a> Part<'a> {
    pub(super) fn new(image: &'a Image, crop: Option<Rect>) -> Result<Self, MediaError> {
        let (width, height) = (image.size.width, image.size.height);
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            let message =
                format!("a picture of {width}x{height} cannot be a file: expected 1 to {MAX_SIDE} a side");
            return Err(MediaError::new(Kind::BadSetting, message, ""));
        }
        let whole = Self { image, left: 0, top: 0, width, height };
        let Some(crop) = crop else { return Ok(whole) };
        if [crop.x, crop.y, crop.width, crop.height].iter().any(|part| part.is_nan()) {
            return Err(MediaError::new(Kind::BadSetting, "the crop has a part that is no number", ""));
        }
        let crop = crop.clamped();
        let left = ((crop.x * width as f32) as u32).min(width - 1) & !1;
        let top = ((crop.y * height as f32) as u32).min(height - 1) & !1;
        let right = (((crop.x + crop.width) * width as f32).ceil() as u32).clamp(left, width);
        let bottom = (((crop.y + crop.height) * height as f32).ceil() as u32).clamp(top, height);
        if crop.area() <= 0.0 || right <= left || bottom <= top {
            return Err(MediaError::new(Kind::BadSetting, "the crop is empty or outside the picture", ""));
        }
        let (left_px, top_px) = (left as usize, top as usize);
        let width = (right - left).max(2).min(width - left);
        let height = (bottom - top).max(2).min(height - top);
        Ok(Self { left: left_px, top: top_px, width, height, ..whole })
    }

    /// Luma of row `row`.
    pub(super) fn luma(&self, row: usize) -> &[u8] {
        let width = self.width as usize;
        &self.image.planes[0].row(self.top + row, self.left + width)[self.left..]
    }

    /// Adds the chroma of row `row` to `out`, U and V, a sample for every pixel; nothing where there is none.
    pub(super) fn chroma(&self, row: usize, out: [&mut Vec<u8>; 2]) {
        let row = self.top + row;
        let (left, width) = (self.left, self.width as usize);
        let half = width.div_ceil(2);
        match self.image.format {
            PixelFormat::Gray8 => {}
            PixelFormat::I420 => {
                for (plane, out) in self.image.planes[1..3].iter().zip(out) {
                    let chroma = &plane.row(row / 2, left / 2 + half)[left / 2..];
                    out.extend(chroma.iter().flat_map(|c| [*c; 2]).take(width));
                }
            }
            PixelFormat::Nv12 => {
                let chroma = &self.image.planes[1].row(row / 2, left + half * 2)[left..];
                for (offset, out) in out.into_iter().enumerate() {
                    let samples = chroma.iter().skip(offset).step_by(2);
                    out.extend(samples.flat_map(|c| [*c; 2]).take(width));
                }
            }
        }
    }
}
