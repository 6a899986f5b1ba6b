//! Growing pauses between attempts.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, Instant},
};

/// First pause. A camera that only lost a packet is back at once.
const FIRST: Duration = Duration::from_millis(100);
/// Longest pause. A camera that was off for a night is noticed soon after it is on.
const LONGEST: Duration = Duration::from_secs(30);
/// A connection that held this long was good: the next failure is a new one.
const GOOD: Duration = Duration::from_secs(60);

/// Counts failures in a row and says how long to wait after each.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
    connected: Option<Instant>,
}

impl Backoff {
    /// A connection stands.
    pub fn connected(&mut self, now: Instant) {
        self.connected = Some(now);
    }

    /// A connection was lost, or could not be made: how long to wait, 0.1 to 30 s.
    pub fn failed(&mut self, now: Instant) -> Duration {
        if self.connected.take().is_some_and(|since| now.duration_since(since) >= GOOD) {
            self.failures = 0;
        }
        let doubled = FIRST.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        // Jitter of up to a quarter, so that cameras behind one switch do not all come at once.
        let random = f64::from(RandomState::new().hash_one(now) as u32) / f64::from(u32::MAX);
        doubled.min(LONGEST).mul_f64(1.0 - random / 4.0).max(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_start_again_after_a_good_minute() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let pauses: Vec<_> = (0..40).map(|_| backoff.failed(now)).collect();
        assert_eq!(pauses[0], FIRST);
        assert!(pauses.iter().all(|pause| (FIRST..=LONGEST).contains(pause)));
        assert!(pauses[4] >= Duration::from_millis(1200) && pauses[39] >= LONGEST.mul_f64(0.74));
        backoff.connected(now);
        assert!(backoff.failed(now + Duration::from_secs(5)) > Duration::from_secs(20));
        backoff.connected(now);
        assert_eq!(backoff.failed(now + GOOD), FIRST);
    }
}
