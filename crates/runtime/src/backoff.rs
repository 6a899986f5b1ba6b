//! Growing pauses between tries.

use std::time::Duration;

/// The first pause (PRODUCT section 9).
const FIRST: Duration = Duration::from_millis(100);
/// No pause is longer: a receiver that comes back is noticed within half a minute.
const LONGEST: Duration = Duration::from_secs(30);

/// Pauses that double from 0.1 s to 30 s, each shortened by up to a quarter so that receivers that
/// failed together do not return together.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    failures: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: FIRST, failures: 0 }
    }
}

impl Backoff {
    /// Short enough that tests need not wait.
    #[cfg(test)]
    pub fn quick() -> Self {
        Self { first: Duration::from_micros(10), failures: 0 }
    }

    /// How many failures in a row it knows of.
    #[cfg(test)]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long to wait after one more failure.
    pub fn next(&mut self) -> Duration {
        let full = self.first.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        full - full.mul_f64(jitter() / 4.0)
    }

    /// Things are well again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// 0..1, good enough to spread retries: a random UUID's bits.
fn jitter() -> f64 {
    (uuid::Uuid::new_v4().as_u128() as u32) as f64 / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_start_over() {
        let mut backoff = Backoff::default();
        let pauses: Vec<_> = (0..12).map(|_| backoff.next()).collect();
        assert!(pauses[0] <= FIRST && pauses[0] >= FIRST.mul_f64(0.75));
        assert!(pauses[11] <= LONGEST && pauses[11] >= LONGEST.mul_f64(0.75));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
