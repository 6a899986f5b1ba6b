//! Chance that can be had again.

/// A small generator of its own, so that a failure can be repeated from the seed it prints.
#[derive(Clone, Debug)]
pub struct Random {
    /// Where it began: `WATCHPOST_SEED`, or the time of day.
    pub seed: u64,
    state: u64,
}

impl Random {
    /// Begins at `WATCHPOST_SEED` if that is set, else anywhere; says where.
    #[allow(
        clippy::new_without_default,
        clippy::disallowed_methods,
        reason = "a failure is repeated with the seed it printed"
    )]
    pub fn new() -> Self {
        let given = std::env::var("WATCHPOST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(1, |now| now.as_nanos() as u64)
        });
        eprintln!("random: WATCHPOST_SEED={seed}");
        Self { seed, state: seed | 1 }
    }

    /// 0..`end` (xorshift64*).
    pub fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}
