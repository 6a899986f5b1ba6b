//! Single pictures as JPEG files, straight from the planes.

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use watchpost_model::{Image, PixelFormat, Rect};

use crate::{MediaError, MediaErrorKind as Kind};

/// Longest side of a JPEG file (ITU-T T.81, B.2.2: 16 bits).
const MAX_SIDE: u32 = 65_535;

/// A JPEG file of `image`, or of the part of it that `crop` covers; `quality` 1 to 100.
///
/// A crop begins at even pixels, so that colours keep their place, and has at least 2 x 2 pixels.
///
/// # Errors
/// The crop lies outside the picture, or the picture has no pixels or too many.
pub fn jpeg(image: &Image, crop: Option<Rect>, quality: u8) -> Result<Vec<u8>, MediaError> {
    let view = View::new(image, crop)?;
    let mut file = Vec::with_capacity((view.width * view.height / 4) as usize + 1024);
    let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
    if image.format != PixelFormat::Gray8 {
        // The planes have no more colour than that.
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
    }
    encoder.encode_image(view).map_err(|error| {
        MediaError::new(Kind::Internal, format!("the picture cannot be written as JPEG: {error}"), "")
    })?;
    Ok(file)
}

/// A part of an image as the encoder asks for it: row by row, chroma for every pixel.
struct View<'a> {
    image: &'a Image,
    left: usize,
    top: usize,
    width: u32,
    height: u32,
}

impl<'a> View<'a> {
    fn new(image: &'a Image, crop: Option<Rect>) -> Result<Self, MediaError> {
        let (width, height) = (image.size.width, image.size.height);
        if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
            let message =
                format!("a picture of {width}x{height} cannot be a JPEG: expected 1 to {MAX_SIDE} a side");
            return Err(MediaError::new(Kind::BadSetting, message, ""));
        }
        let whole = Self { image, left: 0, top: 0, width, height };
        let Some(crop) = crop else { return Ok(whole) };
        let crop = crop.clamped();
        let left = ((crop.x * width as f32) as u32).min(width - 1) & !1;
        let top = ((crop.y * height as f32) as u32).min(height - 1) & !1;
        let right = (((crop.x + crop.width) * width as f32).ceil() as u32).clamp(left, width);
        let bottom = (((crop.y + crop.height) * height as f32).ceil() as u32).clamp(top, height);
        // NaN becomes 0 above and is refused with the empty ones.
        if crop.area() <= 0.0 || right <= left || bottom <= top {
            return Err(MediaError::new(Kind::BadSetting, "the crop is empty or outside the picture", ""));
        }
        let (left_px, top_px) = (left as usize, top as usize);
        let width = (right - left).max(2).min(width - left);
        let height = (bottom - top).max(2).min(height - top);
        Ok(Self { left: left_px, top: top_px, width, height, ..whole })
    }
}

impl ImageBuffer for View<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.image.format == PixelFormat::Gray8 { JpegColorType::Luma } else { JpegColorType::Ycbcr }
    }

    fn width(&self) -> u16 {
        self.width as u16
    }

    fn height(&self) -> u16 {
        self.height as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let row = self.top + y as usize;
        let (left, width) = (self.left, self.width as usize);
        let luma = &self.image.planes[0].row(row, left + width)[left..];
        buffers[0].extend(luma.iter().map(|y| FULL_LUMA[*y as usize]));
        let half = width.div_ceil(2);
        match self.image.format {
            PixelFormat::Gray8 => {}
            PixelFormat::I420 => {
                for (plane, out) in self.image.planes[1..3].iter().zip(&mut buffers[1..3]) {
                    let chroma = &plane.row(row / 2, left / 2 + half)[left / 2..];
                    out.extend(chroma.iter().flat_map(|c| [FULL_CHROMA[*c as usize]; 2]).take(width));
                }
            }
            PixelFormat::Nv12 => {
                let chroma = &self.image.planes[1].row(row / 2, left + half * 2)[left..];
                for (offset, out) in buffers[1..3].iter_mut().enumerate() {
                    let samples = chroma.iter().skip(offset).step_by(2);
                    out.extend(samples.flat_map(|c| [FULL_CHROMA[*c as usize]; 2]).take(width));
                }
            }
        }
    }
}

/// Video keeps luma in 16..=235 (ITU-R BT.601); JPEG files use all of 0..=255 (JFIF 1.02).
static FULL_LUMA: [u8; 256] = stretch(16, 219, 0);
/// Chroma is 16..=240 around 128.
static FULL_CHROMA: [u8; 256] = stretch(128, 224, 128);

const fn stretch(zero: i32, range: i32, target: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut value = 0;
    while value < 256 {
        let distance = (value - zero) * 255;
        let rounded = (distance + if distance < 0 { -range / 2 } else { range / 2 }) / range + target;
        table[value as usize] = if rounded < 0 {
            0
        } else if rounded > 255 {
            255
        } else {
            rounded as u8
        };
        value += 1;
    }
    table
}
