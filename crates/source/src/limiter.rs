//! `SolutionManager.frame_rate_limit`: which frames are analysed.

use watchpost_model::StreamTime;

/// Lets frames through so that there are at most so many in a second of stream time.
#[derive(Debug)]
pub(crate) struct Limiter {
    interval: Option<StreamTime>,
    /// When the next frame may pass.
    due: StreamTime,
}

impl Limiter {
    /// `None`: every frame passes.
    pub fn new(per_second: Option<f64>) -> Self {
        let interval = per_second.filter(|rate| *rate > 0.0).map(|rate| StreamTime::from_secs(1.0 / rate));
        Self { interval, due: StreamTime::ZERO }
    }

    /// Whether the frame at `time` is analysed. Times must not run backwards.
    pub fn pass(&mut self, time: StreamTime) -> bool {
        let Some(interval) = self.interval else { return true };
        // Frame times are rounded, in many files to whole milliseconds: a limit that is the
        // source's own rate must not drop every second frame for that.
        const ROUNDING: StreamTime = StreamTime::from_nanos(1_000_000);
        if time + ROUNDING < self.due {
            return false;
        }
        // Counted on from when this one was due, not from when it came, so that the mean rate is the
        // limit also where it does not divide the source's rate; after a gap, counted anew.
        let next = self.due + interval;
        self.due = if next + interval < time { time + interval } else { next };
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(limit: f64, times_ms: impl Iterator<Item = f64>) -> usize {
        let mut limiter = Limiter::new(Some(limit));
        times_ms.filter(|ms| limiter.pass(StreamTime::from_ms(*ms))).count()
    }

    #[test]
    fn rates() {
        let at = |fps: f64, seconds: f64| {
            (0..(fps * seconds) as u32).map(move |n| (f64::from(n) * 1000.0 / fps).floor())
        };
        assert_eq!(passed(5.0, at(25.0, 10.0)), 50);
        assert_eq!(passed(15.0, at(25.0, 10.0)), 150);
        assert_eq!(passed(25.0, at(25.0, 10.0)), 250);
        assert_eq!(passed(30.0, at(29.97, 10.0)), 299);
        assert_eq!(passed(100.0, at(25.0, 10.0)), 250);
        assert_eq!(passed(0.5, at(25.0, 10.0)), 5);
        assert!(Limiter::new(None).pass(StreamTime::ZERO));
    }

    proptest! {
        #[test]
        fn never_more_than_the_limit(gaps in proptest::collection::vec(0.0..2000.0_f64, 1..200), limit in 0.1..60.0_f64) {
            let mut time = 0.0_f64;
            let times: Vec<f64> = gaps.iter().map(|gap| { time += gap; time }).collect();
            let most = (time / 1000.0 * limit).ceil() as usize + 2;
            prop_assert!(passed(limit, times.into_iter()) <= most);
        }
    }
}
