//! What the scene looks like when nothing moves.
//!
//! Each pixel has a mean and a mean deviation. From both, and from the pixel's neighbours, comes a
//! range: a pixel outside its range is foreground. Taking the neighbours into the range is what makes
//! a camera that shakes by a pixel, a compressed edge that crawls and a leaf that trembles invisible,
//! at the price of a little contrast beside edges. Ranges are renewed with the means, five times a
//! second, so the comparison that runs in each frame is two instructions a pixel.

use super::reduce::Plane8;

/// Means and deviations carry six binary places, so that slow learning is not lost to rounding.
const PLACES: u32 = 6;
/// Share of a new picture in the mean, out of 65 536, for background: 1/32, at five updates a
/// second some 6 s.
const LEARN_BACKGROUND: i16 = 2048;
/// The same under objects: 1/512, some 100 s, so that what stops stays an object for minutes and what
/// was left for good is forgotten at last.
const LEARN_OBJECT: i16 = 128;
/// A pixel's own noise moves its range this many mean deviations.
const DEVIATIONS: i16 = 4;
/// The widest a range gets by noise, in steps of luma: blinking lamps must not make a pixel blind.
const WIDEST: i16 = 60;
/// Ghosts within the deviation are ignored: differences above this are objects, not noise.
const NOISE_CAP: i16 = 48 << PLACES;

/// Marks a pixel that is not to be learnt: somebody waits to see how long what is there stays.
pub(crate) const HELD: u8 = 2;

/// The learned scene, at the reduced size.
#[derive(Debug)]
pub(crate) struct Background {
    width: usize,
    height: usize,
    mean: Vec<i16>,
    deviation: Vec<i16>,
    /// The mean in whole steps of luma.
    pub picture: Plane8,
    low: Vec<u8>,
    high: Vec<u8>,
    least: Vec<u8>,
    most: Vec<u8>,
    min_contrast: u8,
}

impl Background {
    pub fn new(width: usize, height: usize, min_contrast: u8) -> Self {
        let pixels = width * height;
        Self {
            width,
            height,
            mean: vec![0; pixels],
            deviation: vec![0; pixels],
            picture: Plane8::new(width, height),
            low: vec![0; pixels],
            high: vec![255; pixels],
            least: vec![0; pixels],
            most: vec![0; pixels],
            min_contrast,
        }
    }

    /// Takes the median of several pictures as the scene: whoever walks is in each place in few of
    /// them.
    pub fn take_median(&mut self, pictures: &[Vec<u8>]) {
        let mut sorted = vec![[0_u8; LANES]; pictures.len()];
        let middle = pictures.len() / 2;
        for start in (0..self.mean.len()).step_by(LANES) {
            let count = LANES.min(self.mean.len() - start);
            for (lanes, picture) in sorted.iter_mut().zip(pictures) {
                lanes[..count].copy_from_slice(&picture[start..start + count]);
            }
            sort_lanes(&mut sorted);
            for lane in 0..count {
                let median = sorted[middle][lane];
                let noise: u32 =
                    sorted.iter().map(|v| u32::from(v[lane].abs_diff(median).min(NOISE_AT_START))).sum();
                self.mean[start + lane] = i16::from(median) << PLACES;
                self.deviation[start + lane] = ((noise << PLACES) / pictures.len() as u32) as i16;
            }
        }
        self.renew_ranges();
    }

    /// Learns from `now`; pixels of `objects` that are 1 learn slowly, those that are [`HELD`] not at all.
    pub fn learn(&mut self, now: &[u8], objects: &[u8]) {
        let pixels = self.mean.iter_mut().zip(&mut self.deviation).zip(now.iter().zip(objects));
        for ((mean, deviation), (&now, &object)) in pixels {
            let rate = match object {
                0 => LEARN_BACKGROUND,
                HELD => 0,
                _ => LEARN_OBJECT,
            };
            let difference = (i16::from(now) << PLACES) - *mean;
            *mean += share(difference, rate);
            let noise = difference.abs().min(NOISE_CAP) - *deviation;
            *deviation += share(noise, rate);
        }
        self.renew_ranges();
    }

    /// Takes `now` as it is for the pixels from `from` to `to` of row `y`.
    pub fn replace(&mut self, now: &[u8], y: usize, from: usize, to: usize) {
        let pixels = y * self.width + from..y * self.width + to;
        for (mean, &now) in self.mean[pixels.clone()].iter_mut().zip(&now[pixels.clone()]) {
            *mean = i16::from(now) << PLACES;
        }
        self.deviation[pixels].fill(2 << PLACES);
    }

    /// Brightens or darkens the whole scene: luma becomes `gain` × luma + `offset`.
    pub fn retone(&mut self, gain: f32, offset: f32) {
        let gain = (gain * 256.0) as i32;
        let offset = (offset * (1 << PLACES) as f32) as i32;
        for mean in &mut self.mean {
            *mean = (((i32::from(*mean) * gain) >> 8) + offset).clamp(0, 255 << PLACES) as i16;
        }
        self.renew_ranges();
    }

    /// Sets `mask` to 1 where `now` lies outside its range, else to 0.
    pub fn compare(&self, now: &[u8], mask: &mut [u8]) {
        let ranges = self.low.iter().zip(&self.high);
        for ((out, &now), (&low, &high)) in mask.iter_mut().zip(now).zip(ranges) {
            *out = u8::from(now < low) | u8::from(now > high);
        }
    }

    /// Recomputes picture and ranges from means and deviations.
    pub fn renew_ranges(&mut self) {
        for (out, &mean) in self.picture.data.iter_mut().zip(&self.mean) {
            *out = ((mean + (1 << (PLACES - 1))) >> PLACES).clamp(0, 255) as u8;
        }
        let w = self.width;
        // Along rows into `least` and `most`, then along columns into `low` and `high`.
        for y in 0..self.height {
            let row = y * w..(y + 1) * w;
            let picture = &self.picture.data[row.clone()];
            extremes_of_row(picture, &mut self.least[row.clone()], &mut self.most[row]);
        }
        for y in 0..self.height {
            let (above, below) = (y.saturating_sub(1) * w, (y + 1).min(self.height - 1) * w);
            for x in 0..w {
                let pixel = y * w + x;
                let noise = (self.deviation[pixel].wrapping_mul(DEVIATIONS) >> PLACES).min(WIDEST);
                let margin = (noise as u8).max(self.min_contrast);
                let least = self.least[pixel].min(self.least[above + x]).min(self.least[below + x]);
                let most = self.most[pixel].max(self.most[above + x]).max(self.most[below + x]);
                self.low[pixel] = least.saturating_sub(margin);
                self.high[pixel] = most.saturating_add(margin);
            }
        }
    }
}

/// What differs by more from the median is somebody who passed, not noise.
const NOISE_AT_START: u8 = 32;
/// Pixels whose medians are found side by side.
const LANES: usize = 64;

/// Sorts each lane, by odd-even transposition: more comparisons than a better sort, but the same ones
/// in each lane, so they run sixteen at a time.
fn sort_lanes(values: &mut [[u8; LANES]]) {
    for pass in 0..values.len() {
        for pair in values[pass % 2..].chunks_exact_mut(2) {
            let (low, high) = pair.split_at_mut(1);
            for (a, b) in low[0].iter_mut().zip(&mut high[0]) {
                (*a, *b) = ((*a).min(*b), (*a).max(*b));
            }
        }
    }
}

/// `rate` / 65 536 of `difference`, rounded. Written so that it compiles to one multiply-high.
fn share(difference: i16, rate: i16) -> i16 {
    ((i32::from(difference) * i32::from(rate) + (1 << 15)) >> 16) as i16
}

fn extremes_of_row(row: &[u8], least: &mut [u8], most: &mut [u8]) {
    let last = row.len() - 1;
    for x in 1..last {
        least[x] = row[x - 1].min(row[x]).min(row[x + 1]);
        most[x] = row[x - 1].max(row[x]).max(row[x + 1]);
    }
    for (x, beside) in [(0, 1.min(last)), (last, last.saturating_sub(1))] {
        least[x] = row[x].min(row[beside]);
        most[x] = row[x].max(row[beside]);
    }
}
