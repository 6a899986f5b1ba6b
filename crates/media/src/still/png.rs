//! Single pictures as PNG files.

use png::{BitDepth, ColorType, Compression, Encoder};
use watchpost_model::{Image, PixelFormat, Rect};

use super::part::Part;
use crate::{MediaError, MediaErrorKind as Kind};

/// A PNG file of `image`, or of the part of it that `crop` covers: RGB, or gray for a picture without colour.
/// What [`super::jpeg`] says of crops holds here too.
///
/// # Errors
/// The crop lies outside the picture, or the picture has no pixels or too many.
pub fn png(image: &Image, crop: Option<Rect>) -> Result<Vec<u8>, MediaError> {
    let part = Part::new(image, crop)?;
    let is_gray = image.format == PixelFormat::Gray8;
    let mut file = Vec::with_capacity((part.width * part.height) as usize);
    let mut encoder = Encoder::new(&mut file, part.width, part.height);
    encoder.set_color(if is_gray { ColorType::Grayscale } else { ColorType::Rgb });
    encoder.set_depth(BitDepth::Eight);
    // Footage hardly gets smaller by trying harder, and takes ten times as long.
    encoder.set_compression(Compression::Fast);
    let failed = |error: png::EncodingError| {
        MediaError::new(Kind::Internal, format!("the picture cannot be written as PNG: {error}"), "")
    };
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels(&part, is_gray)).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

fn pixels(part: &Part<'_>, is_gray: bool) -> Vec<u8> {
    let (width, height) = (part.width as usize, part.height as usize);
    let mut pixels = Vec::with_capacity(width * height * if is_gray { 1 } else { 3 });
    let matrix = Matrix::of(part.image.size.height);
    let (mut u, mut v) = (Vec::with_capacity(width), Vec::with_capacity(width));
    for row in 0..height {
        let luma = part.luma(row);
        if is_gray {
            pixels.extend(luma.iter().map(|y| full(i32::from(*y))));
            continue;
        }
        u.clear();
        v.clear();
        part.chroma(row, [&mut u, &mut v]);
        for ((y, u), v) in luma.iter().zip(&u).zip(&v) {
            pixels.extend(matrix.rgb(*y, *u, *v));
        }
    }
    pixels
}

/// Luma of video, 16..=235, over all of 0..=255.
fn full(y: i32) -> u8 {
    ((y - 16) * 255 / 219).clamp(0, 255) as u8
}

/// From video's luma and chroma to full-range RGB, in parts of 65536.
struct Matrix {
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl Matrix {
    /// ITU-R BT.709 from 720 rows on, BT.601 below: what GStreamer and players assume too.
    fn of(rows: u32) -> Self {
        let (kr, kb) = if rows >= 720 { (0.2126, 0.0722) } else { (0.299, 0.114) };
        let kg = 1.0 - kr - kb;
        let part = |factor: f64| (factor * 255.0 / 224.0 * 65536.0).round() as i32;
        Self {
            red_v: part(2.0 * (1.0 - kr)),
            green_u: part(2.0 * (1.0 - kb) * kb / kg),
            green_v: part(2.0 * (1.0 - kr) * kr / kg),
            blue_u: part(2.0 * (1.0 - kb)),
        }
    }

    fn rgb(&self, y: u8, u: u8, v: u8) -> [u8; 3] {
        // 255/219 in the same parts, and a half for rounding.
        let y = (i32::from(y) - 16) * 76_309 + 32_768;
        let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
        [y + self.red_v * v, y - self.green_u * u - self.green_v * v, y + self.blue_u * u]
            .map(|channel| (channel >> 16).clamp(0, 255) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_of_the_standards() {
        // Red, green, blue and white of BT.601 in video range (ITU-R BT.601-7).
        for (yuv, rgb) in [
            ([81, 90, 240], [255, 0, 0]),
            ([145, 54, 34], [0, 255, 0]),
            ([41, 240, 110], [0, 0, 255]),
            ([235, 128, 128], [255, 255, 255]),
            ([16, 128, 128], [0, 0, 0]),
        ] {
            let found = Matrix::of(480).rgb(yuv[0], yuv[1], yuv[2]);
            let far =
                found.iter().zip(rgb).any(|(found, rgb): (&u8, i32)| (i32::from(*found) - rgb).abs() > 2);
            assert!(!far, "{yuv:?}: {found:?} instead of {rgb:?}");
        }
    }
}
