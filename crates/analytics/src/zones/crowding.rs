//! `event-crowd-detection`: many objects in the area at once.

use watchpost_model::StreamTime;

/// A crowd must be gone for this long before the next one is reported: one person at the border must
/// not make a crowd each time.
const GONE_AFTER: StreamTime = StreamTime::from_nanos(2_000_000_000);

/// Whether there is a crowd.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Crowding {
    /// Too few for one.
    #[default]
    Sparse,
    /// There is one, and it has been reported.
    Crowded,
    /// There are too few now, but there was one a moment ago.
    Thinning {
        /// Since when.
        since: StreamTime,
    },
}

impl Crowding {
    /// Takes in how many are inside; true when a crowd is to be reported.
    pub fn step(&mut self, count: u32, min_count: u32, time: StreamTime) -> bool {
        let crowded = count >= min_count.max(1);
        let (next, report) = match *self {
            Self::Sparse if crowded => (Self::Crowded, true),
            Self::Crowded if !crowded => (Self::Thinning { since: time }, false),
            Self::Thinning { .. } if crowded => (Self::Crowded, false),
            Self::Thinning { since } if time.since(since) >= GONE_AFTER => (Self::Sparse, false),
            unchanged => (unchanged, false),
        };
        *self = next;
        report
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_reported_once_until_it_has_gone() {
        let mut crowding = Crowding::default();
        let counts = [1, 3, 4, 2, 3, 2, 2, 2, 3, 3];
        let reports: Vec<bool> = counts
            .iter()
            .enumerate()
            .map(|(second, &count)| crowding.step(count, 3, StreamTime::from_secs(second as f64)))
            .collect();
        let at: Vec<usize> = (0..10).filter(|&i| reports[i]).collect();
        assert_eq!(at, vec![1, 8]);
    }
}
