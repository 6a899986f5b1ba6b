//! A Watchpost that lives for as long as the soak, and what memory it has.

use std::{
    fmt,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use anyhow::bail;
use watchpost_testkit::{
    Random,
    proof::{Figures, Preprocess, Rig, Target},
};

/// Frames a second: some 40 events, and what else there is to log.
const FRAMES_PER_S: u64 = 100;
/// Between two looks at its memory.
const LOOK: Duration = Duration::from_secs(5);
/// Between two kills of a child: pauses before restarts are at their longest by then, and it comes back.
const KILL: Duration = Duration::from_secs(45);
/// Flat: the last part has at most this much more than the second.
const MORE: (f64, u64) = (1.1, 4 << 20);
/// The parts that the time is cut into; in the first, caches fill.
const PARTS: usize = 5;

/// Resident memory, in bytes, every [`LOOK`].
#[derive(Debug, Default)]
pub struct Curve(Vec<u64>);

/// Runs until told to stop; then everything must have arrived.
pub fn steady(program: &Path, stop: &AtomicBool) -> (Figures, Curve) {
    let mut rig = Rig::new(program, Preprocess::Acknowledge);
    let mut watchpost = rig.start();
    let mut random = Random::new();
    let mut curve = Curve::default();
    let began = Instant::now();
    let (mut looked, mut killed) = (began, began);
    for frame in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let due = began + Duration::from_secs_f64(frame as f64 / FRAMES_PER_S as f64);
        while let Some(early) = due.checked_duration_since(Instant::now()).filter(|early| !early.is_zero()) {
            std::thread::park_timeout(early);
        }
        rig.feed(&mut watchpost);
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            curve.0.push(watchpost.resident_bytes());
        }
        if killed.elapsed() > KILL {
            killed = Instant::now();
            let children = [Target::Keeper, Target::Reader, Target::Filter];
            rig.kill_child(children[random.below(3) as usize]);
        }
    }
    (rig.end(watchpost), curve)
}

impl Curve {
    /// The median of each part.
    fn medians(&self) -> Vec<u64> {
        let size = (self.0.len() / PARTS).max(1);
        let median = |part: &[u64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part[part.len() / 2]
        };
        self.0.chunks(size).take(PARTS).map(median).collect()
    }

    /// An error if it is not flat.
    pub fn check(&self) -> anyhow::Result<()> {
        let medians = self.medians();
        let (Some(second), Some(last)) = (medians.get(1), medians.get(PARTS - 1)) else {
            bail!("too short to say anything of memory");
        };
        if *last as f64 > *second as f64 * MORE.0 + MORE.1 as f64 {
            bail!("memory is not flat: {self}");
        }
        Ok(())
    }
}

impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
        let medians: Vec<_> = self.medians().into_iter().map(mib).collect();
        let most = self.0.iter().copied().max().map_or_else(String::new, mib);
        write!(f, "{} MiB (medians of {PARTS} equal parts), at most {most}", medians.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_not_flat() {
        let flat: Vec<u64> = (0..100).map(|n| (100 + n % 3) << 20).collect();
        assert!(Curve(flat).check().is_ok());
        let grows: Vec<u64> = (0..100).map(|n| (100 + n) << 20).collect();
        assert!(Curve(grows).check().is_err());
        assert!(Curve(vec![1]).check().is_err(), "nothing is proven by one look");
    }
}
