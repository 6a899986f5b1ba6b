//! Single pictures as files, straight from the planes.

mod part;
mod png;

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use watchpost_model::{Image, PixelFormat, Rect};

use part::Part;
pub use png::png;

use crate::{MediaError, MediaErrorKind as Kind};

/// A JPEG file of `image`, or of the part of it that `crop` covers; `quality` 1 to 100.
///
/// A crop begins at even pixels, so that colours keep their place, and has at least 2 x 2 pixels.
///
/// # Errors
/// The crop lies outside the picture, or the picture has no pixels or too many.
pub fn jpeg(image: &Image, crop: Option<Rect>, quality: u8) -> Result<Vec<u8>, MediaError> {
    let part = Part::new(image, crop)?;
    let mut file = Vec::with_capacity((part.width * part.height / 4) as usize + 1024);
    let mut encoder = Encoder::new(&mut file, quality.clamp(1, 100));
    if image.format != PixelFormat::Gray8 {
        // The planes have no more colour than that.
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
    }
    encoder.encode_image(View(part)).map_err(|error| {
        MediaError::new(Kind::Internal, format!("the picture cannot be written as JPEG: {error}"), "")
    })?;
    Ok(file)
}

/// A picture as the JPEG encoder asks for it: row by row, chroma for every pixel.
struct View<'a>(Part<'a>);

impl ImageBuffer for View<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.0.image.format == PixelFormat::Gray8 { JpegColorType::Luma } else { JpegColorType::Ycbcr }
    }

    fn width(&self) -> u16 {
        self.0.width as u16
    }

    fn height(&self) -> u16 {
        self.0.height as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let [luma, u, v, _] = buffers;
        luma.extend(self.0.luma(y as usize).iter().map(|y| FULL_LUMA[*y as usize]));
        let (from_u, from_v) = (u.len(), v.len());
        self.0.chroma(y as usize, [u, v]);
        for sample in u[from_u..].iter_mut().chain(&mut v[from_v..]) {
            *sample = FULL_CHROMA[*sample as usize];
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
