//! A piece of a frame, copied out of it and later made a JPEG file.

use jpeg_encoder::{ChromaSubsamplingMethod, Encoder, ImageBuffer, JpegColorType, SamplingFactor};
use watchpost_model::{Image, PixelFormat, Point, Rect};

use super::hidden::{self, Place};

/// The longer side of a crop in pixels: larger pieces are made smaller when they are copied, which
/// bounds both memory and the size of records.
const LONGEST: usize = 640;
/// Quality of JPEG files, 1 to 100: faces and plates stay legible.
const QUALITY: u8 = 88;

/// Raw pixels, chroma at half size, in the limited range of video (16 to 235, BT.601).
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    /// Blue and red differences; `None` in a grey picture.
    chroma: Option<[Vec<u8>; 2]>,
}

impl Picture {
    /// Copies `rect` out of `image`, without what lies in `masks`. `None` if nothing of it is inside.
    pub fn copy(image: &Image, rect: &Rect, masks: &[Vec<Point>]) -> Option<Self> {
        let rect = rect.clamped();
        let (w, h) = (image.size.width as usize, image.size.height as usize);
        let pixel = |part: f32, size: usize| ((part * size as f32).round() as usize).min(size);
        // Even corners, so that chroma starts where luma does.
        let (left, top) = (pixel(rect.x, w) & !1, pixel(rect.y, h) & !1);
        let (right, bottom) = (pixel(rect.x + rect.width, w), pixel(rect.y + rect.height, h));
        let (wide, high) = (right.checked_sub(left)? & !1, bottom.checked_sub(top)? & !1);
        if wide < 8 || high < 8 {
            return None;
        }
        let step = wide.max(high).div_ceil(LONGEST);
        let (width, height) = ((wide / step) & !1, (high / step) & !1);
        let mut luma =
            Sampler { plane: 0, pixel_stride: 1, offset: 0 }.copy(image, left, top, width, height, step);
        let of_chroma = |plane, pixel_stride, offset| {
            let sampler = Sampler { plane, pixel_stride, offset };
            sampler.copy(image, left / 2, top / 2, width / 2, height / 2, step)
        };
        let mut chroma = match image.format {
            PixelFormat::I420 => Some([of_chroma(1, 1, 0), of_chroma(2, 1, 0)]),
            PixelFormat::Nv12 => Some([of_chroma(1, 2, 0), of_chroma(1, 2, 1)]),
            PixelFormat::Gray8 => None,
        };
        let place = Place { frame: image.size, left, top, step };
        hidden::hide(masks, &place, (width, height), &mut luma, chroma.as_mut());
        Some(Self { width, height, luma, chroma })
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    #[cfg(test)]
    pub(super) fn luma(&self) -> &[u8] {
        &self.luma
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> usize {
        self.luma.len() + self.chroma.as_ref().map_or(0, |[u, v]| u.len() + v.len())
    }

    /// The picture as a JPEG file; empty if the encoder fails, which it cannot at these sizes.
    pub fn jpeg(&self) -> Vec<u8> {
        let mut file = Vec::with_capacity(self.luma.len() / 4);
        let mut encoder = Encoder::new(&mut file, QUALITY);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        match encoder.encode_image(Rows(self)) {
            Ok(()) => file,
            Err(_) => Vec::new(),
        }
    }
}

/// Which bytes of a plane are the wanted ones.
struct Sampler {
    plane: usize,
    pixel_stride: usize,
    offset: usize,
}

impl Sampler {
    /// Every `step`-th pixel from (`left`, `top`) on; what lies outside repeats the last one.
    fn copy(
        &self,
        image: &Image,
        left: usize,
        top: usize,
        width: usize,
        height: usize,
        step: usize,
    ) -> Vec<u8> {
        let Some(plane) = image.planes.get(self.plane) else { return vec![128; width * height] };
        let bytes = plane.bytes();
        let mut out = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = (top + y * step).min(plane.rows.saturating_sub(1)) * plane.stride;
            let first = row + left * self.pixel_stride + self.offset;
            let stride = step * self.pixel_stride;
            out.extend((0..width).map(|x| bytes.get(first + x * stride).copied().unwrap_or(128)));
        }
        out
    }
}

/// Feeds the encoder row by row, widened to the full range that JPEG files have.
struct Rows<'a>(&'a Picture);

impl ImageBuffer for Rows<'_> {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        if self.0.chroma.is_some() { JpegColorType::Ycbcr } else { JpegColorType::Luma }
    }

    fn width(&self) -> u16 {
        self.0.width as u16
    }

    fn height(&self) -> u16 {
        self.0.height as u16
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let (y, width) = (usize::from(y), self.0.width);
        let wide = |v: u8| ((i32::from(v) - 16) * 255 / 219).clamp(0, 255) as u8;
        let wide_chroma = |v: u8| ((i32::from(v) - 128) * 255 / 224 + 128).clamp(0, 255) as u8;
        buffers[0].extend(self.0.luma[y * width..(y + 1) * width].iter().map(|&v| wide(v)));
        if let Some(chroma) = &self.0.chroma {
            for (plane, buffer) in chroma.iter().zip(&mut buffers[1..]) {
                let row = &plane[(y / 2).min(self.0.height / 2 - 1) * (width / 2)..][..width / 2];
                buffer.extend(row.iter().flat_map(|&v| [wide_chroma(v); 2]));
            }
        }
    }
}
