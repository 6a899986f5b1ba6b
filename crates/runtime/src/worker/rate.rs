//! How much of what was selected a receiver gets: `every_s` and `filter.max_per_s`, both in stream time.

use watchpost_export::Common;

/// A clock that is behind by more than this belongs to a stream that began anew; by less, to an event that is told
/// of later than it happened.
const BEGAN_ANEW_US: i64 = 10_000_000;

/// The limits. Steps are on a grid, so that uneven sources do not drift.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// `every_s` in microseconds.
    every_us: Option<i64>,
    /// `max_per_s` as so many in a window of this length: 2.5 a second are 3 in 1.2 seconds.
    most: Option<Most>,
}

#[derive(Clone, Copy, Debug)]
struct Most {
    in_a_window: u32,
    window_us: i64,
}

/// Where thinning out stands. Kept with the cursor, so that what is read again is thinned out the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RateState {
    /// The step of `every_s` that was taken from last, and the moment that was taken, in stream time.
    pub step: Option<(i64, i64)>,
    /// The window of `max_per_s`, and how many were taken in it.
    pub window: Option<(i64, u32)>,
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    /// `every_s`: not the first of its step.
    Between,
    /// Over `max_per_s`.
    Over,
}

impl Rate {
    pub fn new(common: &Common) -> Self {
        let us = |seconds: f64| ((seconds * 1e6).round() as i64).max(1);
        let most = |per_s: f64| {
            let in_a_window = per_s.ceil().max(1.0);
            Most { in_a_window: in_a_window as u32, window_us: us(in_a_window / per_s) }
        };
        Self { every_us: common.every_s.map(us), most: common.filter.max_per_s.map(most) }
    }

    /// Whether there is no limit: then nobody needs to know the time.
    pub fn is_unlimited(&self) -> bool {
        self.every_us.is_none() && self.most.is_none()
    }

    /// Judges what comes next, at `time_ms` of the stream.
    pub fn judge(&self, state: &mut RateState, time_ms: f64) -> Verdict {
        let time_us = (time_ms * 1e3).round() as i64;
        if let Some(every_us) = self.every_us {
            let step = time_us.div_euclid(every_us);
            // All that is of the moment that was taken belongs to it.
            if state.step.is_some_and(|(last, moment)| last == step && moment != time_us) {
                return Verdict::Between;
            }
            state.step = Some((step, time_us));
        }
        if let Some(Most { in_a_window, window_us }) = self.most {
            let window = time_us.div_euclid(window_us);
            let began_anew = |last: i64| window < last - BEGAN_ANEW_US.div_euclid(window_us) - 1;
            let (window, taken) = match state.window {
                Some((last, taken)) if window <= last && !began_anew(last) => (last, taken),
                _ => (window, 0),
            };
            if taken >= in_a_window {
                return Verdict::Over;
            }
            state.window = Some((window, taken + 1));
        }
        Verdict::Taken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rate(config: Value) -> Rate {
        Rate::new(&serde_json::from_value(config).unwrap())
    }

    fn taken(rate: &Rate, state: &mut RateState, times_ms: &[f64]) -> Vec<f64> {
        let judged = times_ms.iter().copied();
        judged.filter(|time| rate.judge(state, *time) == Verdict::Taken).collect()
    }

    fn all(config: Value, times_ms: &[f64]) -> Vec<f64> {
        taken(&rate(config), &mut RateState::default(), times_ms)
    }

    #[test]
    fn every_s_takes_the_first_moment_of_each_step() {
        let frames: Vec<f64> = (0..300).map(|n| f64::from(n) * 1000.0 / 30.0).collect();
        let seconds = all(json!({"every_s": 1.0}), &frames);
        assert_eq!(seconds.len(), 10);
        assert!(seconds.iter().enumerate().all(|(n, time)| (time - n as f64 * 1000.0).abs() < 0.01));
        let uneven = [10.0, 480.0, 620.0, 990.0, 1100.0, 2400.0];
        assert_eq!(all(json!({"every_s": 0.5}), &uneven), [10.0, 620.0, 1100.0, 2400.0]);
        let of_one_frame = [0.0, 0.0, 0.0, 40.0, 1000.0, 1000.0, 1040.0];
        assert_eq!(all(json!({"every_s": 1.0}), &of_one_frame), [0.0, 0.0, 0.0, 1000.0, 1000.0]);
        let anew = [0.0, 5000.0, 5500.0, 0.0, 500.0, 1000.0];
        assert_eq!(all(json!({"every_s": 1.0}), &anew), [0.0, 5000.0, 0.0, 1000.0]);
    }

    #[test]
    fn max_per_s_counts_in_windows_of_stream_time() {
        let max = |per_s: f64| json!({"filter": {"max_per_s": per_s}});
        let frames: Vec<f64> = (0..100).map(|n| f64::from(n) * 100.0).collect();
        assert_eq!(all(max(3.0), &frames).len(), 30);
        assert_eq!(all(max(0.5), &frames), [0.0, 2000.0, 4000.0, 6000.0, 8000.0]);
        assert_eq!(all(max(2.5), &frames).len(), 9 * 3, "three in each 1.2 s");
        assert_eq!(all(max(10.0), &frames).len(), 100);
        // An end that is told of late counts where the stream is; a stream that begins anew has its own windows.
        assert_eq!(all(max(1.0), &[5000.0, 4900.0, 5100.0, 6000.0]), [5000.0, 6000.0]);
        assert_eq!(all(max(1.0), &[50_000.0, 0.0, 100.0, 1000.0]), [50_000.0, 0.0, 1000.0]);
    }

    #[test]
    fn going_on_from_a_kept_state_takes_the_same() {
        let frames: Vec<f64> = (0..100).map(|n| f64::from(n) * 70.0).collect();
        let config = json!({"every_s": 0.2, "filter": {"max_per_s": 2}});
        let rate = rate(config.clone());
        let mut state = RateState::default();
        let before = taken(&rate, &mut state, &frames[..50]);
        let mut kept = state;
        let after = taken(&rate, &mut kept, &frames[50..]);
        assert_eq!([before, after].concat(), all(config, &frames));
    }
}
