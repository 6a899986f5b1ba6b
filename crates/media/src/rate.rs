//! Frames per second as a fraction, so that settings can be compared and hashed.

use std::fmt;

use watchpost_model::StreamTime;

/// Frames per second, `num / den`; both at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    num: u32,
    den: u32,
}

impl Rate {
    /// What is taken where a source does not say.
    pub const DEFAULT: Self = Self { num: 25, den: 1 };

    /// `num / den`; `None` if either is 0 or the rate is beyond 1000 a second.
    pub const fn new(num: u32, den: u32) -> Option<Self> {
        if num == 0 || den == 0 || num as u64 > 1000 * den as u64 { None } else { Some(Self { num, den }) }
    }

    /// The nearest rate that video uses: whole, n/1001 (29.97), or in thousandths.
    /// `None` outside 0.001..=1000.
    pub fn from_f64(fps: f64) -> Option<Self> {
        if !(0.001..=1000.0).contains(&fps) {
            return None;
        }
        let whole = fps.round();
        if (fps - whole).abs() < 1e-3 {
            return Self::new(whole as u32, 1);
        }
        let ntsc = (fps * 1.001).round();
        if (fps - ntsc / 1.001).abs() < 6e-3 && ntsc >= 24.0 {
            return Self::new(ntsc as u32 * 1000, 1001);
        }
        Self::new((fps * 1000.0).round() as u32, 1000)
    }

    /// Frames per second.
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// From one frame to the next.
    pub const fn frame_duration(self) -> StreamTime {
        StreamTime::from_nanos(1_000_000_000 * self.den as u64 / self.num as u64)
    }

    pub(crate) fn from_gst(fraction: gstreamer::Fraction) -> Option<Self> {
        Self::new(u32::try_from(fraction.numer()).ok()?, u32::try_from(fraction.denom()).ok()?)
    }

    pub(crate) fn to_gst(self) -> gstreamer::Fraction {
        let bounded = |part: u32| i32::try_from(part).unwrap_or(i32::MAX);
        gstreamer::Fraction::new(bounded(self.num), bounded(self.den))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = (self.as_f64() * 100.0).round() / 100.0;
        write!(f, "{hundredths}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_the_field() {
        for (fps, num, den) in [
            (10.0, 10, 1),
            (29.97, 30000, 1001),
            (59.94, 60000, 1001),
            (23.976, 24000, 1001),
            (12.5, 12500, 1000),
        ] {
            assert_eq!(Rate::from_f64(fps), Rate::new(num, den), "{fps}");
        }
        for fps in [0.0, -1.0, f64::NAN, 5000.0] {
            assert_eq!(Rate::from_f64(fps), None, "{fps}");
        }
        assert_eq!(Rate::from_f64(29.97).unwrap().to_string(), "29.97");
    }
}
