//! The luma plane, made small.

use watchpost_model::{Image, Size};

/// The longer side is brought near this: enough for a person who fills 3 % of the picture's height,
/// and a 1080p plane is 36 times smaller, which is what makes the rest cheap.
const LONG_SIDE: u32 = 340;

/// A small plane of bytes without padding.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plane8 {
    pub width: usize,
    pub height: usize,
    pub data: Vec<u8>,
}

impl Plane8 {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, data: vec![0; width * height] }
    }

    pub fn row(&self, y: usize) -> &[u8] {
        &self.data[y * self.width..(y + 1) * self.width]
    }
}

/// Box-filters pictures of one size down by a whole factor.
#[derive(Debug)]
pub(crate) struct Reducer {
    size: Size,
    factor: usize,
    sums: Vec<u16>,
}

impl Reducer {
    /// `max_pixels`: a bound of the reduced plane that the user sets.
    pub fn new(size: Size, max_pixels: Option<u64>) -> Self {
        let mut factor = (size.width.max(size.height) + LONG_SIDE / 2) / LONG_SIDE;
        if let Some(most) = max_pixels.filter(|most| *most > 0) {
            let pixels = u64::from(size.width) * u64::from(size.height);
            factor = factor.max((pixels as f64 / most as f64).sqrt().ceil() as u32);
        }
        // Sums of a column of a box are kept in 16 bits: 257 rows of 255 fit.
        let factor = factor.clamp(1, 256) as usize;
        Self { size, factor, sums: vec![0; size.width as usize] }
    }

    /// Size of the pictures this was made for.
    pub fn source(&self) -> Size {
        self.size
    }

    /// Width and height of the reduced plane.
    pub fn reduced(&self) -> (usize, usize) {
        (self.size.width as usize / self.factor, self.size.height as usize / self.factor)
    }

    /// How many source pixels are one reduced pixel, along each axis.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// Writes the reduced luma of `image` into `out`; both must be of the sizes given.
    pub fn reduce(&mut self, image: &Image, out: &mut Plane8) {
        let luma = image.luma();
        let (width, height) = self.reduced();
        let used = width * self.factor;
        if self.factor == 1 {
            for y in 0..height {
                out.data[y * width..(y + 1) * width].copy_from_slice(luma.row(y, width));
            }
            return;
        }
        for y in 0..height {
            let top = y * self.factor;
            let sums = &mut self.sums[..used];
            widen(sums, luma.row(top, used));
            for dy in 1..self.factor {
                add(sums, luma.row(top + dy, used));
            }
            let target = &mut out.data[y * width..(y + 1) * width];
            match self.factor {
                2 => narrow::<2>(sums, target),
                3 => narrow::<3>(sums, target),
                4 => narrow::<4>(sums, target),
                6 => narrow::<6>(sums, target),
                8 => narrow::<8>(sums, target),
                factor => narrow_by(sums, target, factor),
            }
        }
    }
}

fn widen(sums: &mut [u16], row: &[u8]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum = u16::from(value);
    }
}

fn add(sums: &mut [u16], row: &[u8]) {
    for (sum, &value) in sums.iter_mut().zip(row) {
        *sum += u16::from(value);
    }
}

/// With the factor known to the compiler the inner sum is unrolled.
fn narrow<const FACTOR: usize>(sums: &[u16], target: &mut [u8]) {
    let scale = (1 << 16) / (FACTOR * FACTOR) as u32 + 1;
    for (out, box_sums) in target.iter_mut().zip(sums.as_chunks::<FACTOR>().0) {
        let sum: u32 = box_sums.iter().map(|&s| u32::from(s)).sum();
        *out = (sum.saturating_mul(scale) >> 16).min(255) as u8;
    }
}

fn narrow_by(sums: &[u16], target: &mut [u8], factor: usize) {
    let pixels = (factor * factor) as u32;
    for (out, box_sums) in target.iter_mut().zip(sums.chunks_exact(factor)) {
        let sum: u32 = box_sums.iter().map(|&s| u32::from(s)).sum();
        *out = (sum / pixels) as u8;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use watchpost_model::{PixelFormat, Plane};

    use super::*;

    fn gray(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Image {
        let data: Vec<u8> = (0..width * height).map(|i| value(i % width, i / width)).collect();
        let plane = Plane::new(Arc::new(data), 0, width, height, width).unwrap();
        let size = Size { width: width as u32, height: height as u32 };
        Image { format: PixelFormat::Gray8, size, planes: vec![plane] }
    }

    #[test]
    fn no_more_pixels_than_the_user_allows() {
        let size = Size { width: 1920, height: 1080 };
        let pixels = |most| {
            let (width, height) = Reducer::new(size, Some(most)).reduced();
            width * height
        };
        assert_eq!(pixels(2_000_000), pixels(u64::MAX), "more than is looked at anyway");
        assert!((3_000..=10_000).contains(&pixels(10_000)), "{}", pixels(10_000));
    }

    #[test]
    fn each_factor_averages_its_boxes() {
        for (width, height) in [(300, 200), (640, 360), (960, 540), (1280, 720), (1920, 1080), (3840, 2160)] {
            let image = gray(width, height, |x, _| if x < width / 2 { 255 } else { 10 });
            let mut reducer = Reducer::new(image.size, None);
            let (w, h) = reducer.reduced();
            assert!((280..=400).contains(&w), "{width} became {w}");
            let mut out = Plane8::new(w, h);
            reducer.reduce(&image, &mut out);
            assert_eq!((out.data[0], out.data[w * h - 1]), (255, 10), "{width}");
        }
    }
}
