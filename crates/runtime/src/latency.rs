//! How long delivery takes, from a record's way into the log to a receiver's word that it has it.
//!
//! A log entry does not say when it came: its time is the one it speaks of, and a file of last year is delivered today.
//! So [`Marks`] remembers, in memory and roughly, and each receiver has a [`Histogram`].

use std::{
    collections::VecDeque,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// Entries that come within this time of each other share a mark.
const STEP: Duration = Duration::from_millis(1);
/// 32 bytes each. With more, older ones are thinned out.
const MAX_MARKS: usize = 2048;
/// Two are joined that lie closer to each other than this part of their age. As each of them may have been two, an age is
/// told too large by at most twice that: a sixteenth.
const ERROR_PART: u32 = 32;

/// When the entries of a log came.
#[derive(Debug, Default)]
pub(crate) struct Marks(Mutex<VecDeque<Mark>>);

#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The first position of what came then, and behind the last.
    from: u64,
    end: u64,
    at: Instant,
}

impl Marks {
    /// Entries from `from` to before `end` are in the log.
    pub fn put(&self, from: u64, end: u64) {
        let now = Instant::now();
        let mut marks = self.0.lock();
        match marks.back_mut() {
            Some(last) if last.end == from && now - last.at < STEP => last.end = end,
            _ => marks.push_back(Mark { from, end, at: now }),
        }
        if marks.len() > MAX_MARKS {
            thin(&mut marks, now);
        }
    }

    /// How long ago the entries at `positions`, rising, came, and how many came then; those of before the process are
    /// left out.
    pub fn ages(&self, positions: impl Iterator<Item = u64>, mut tell: impl FnMut(Duration, u64)) {
        let now = Instant::now();
        let marks = self.0.lock();
        let mut tell_of = |index: usize, count: u64| {
            if let Some(mark) = marks.get(index).filter(|_| count > 0) {
                tell(now.saturating_duration_since(mark.at), count);
            }
        };
        let (mut at, mut count) = (None, 0);
        for position in positions {
            let first = at.unwrap_or_else(|| marks.partition_point(|mark| mark.end <= position));
            let mut index = first;
            while marks.get(index).is_some_and(|mark| mark.end <= position) {
                index += 1;
            }
            if index != first {
                tell_of(first, count);
                count = 0;
            }
            count += u64::from(marks.get(index).is_some_and(|mark| mark.from <= position));
            at = Some(index);
        }
        if let Some(last) = at {
            tell_of(last, count);
        }
    }
}

/// Joins marks that lie closer to each other than a part of their age: some six hundred are left of any time.
fn thin(marks: &mut VecDeque<Mark>, now: Instant) {
    let mut thinned: VecDeque<Mark> = VecDeque::with_capacity(MAX_MARKS);
    for mark in marks.drain(..) {
        let age = now.saturating_duration_since(mark.at);
        match thinned.back_mut() {
            Some(before) if mark.at - before.at <= age / ERROR_PART => before.end = mark.end,
            _ => thinned.push_back(mark),
        }
    }
    *marks = thinned;
}

/// Upper bounds of the buckets, in seconds: from what a local file takes to what only a broken connection does.
pub const LATENCY_BOUNDS_S: [f64; 12] =
    [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0];

/// How many deliveries took how long.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// One for each bound, and one for what took longer.
    buckets: [AtomicU64; LATENCY_BOUNDS_S.len() + 1],
    sum_us: AtomicU64,
}

/// A [`Histogram`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latency {
    /// Deliveries by [`LATENCY_BOUNDS_S`], each in one bucket; the last one has what took longer.
    pub buckets: [u64; LATENCY_BOUNDS_S.len() + 1],
    /// All together, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// So many deliveries took so long.
    pub fn tell(&self, took: Duration, count: u64) {
        let seconds = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS_S.partition_point(|bound| *bound < seconds);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(count, Ordering::Relaxed);
        }
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.sum_us.fetch_add(took_us.saturating_mul(count), Ordering::Relaxed);
    }

    pub fn read(&self) -> Latency {
        let buckets = std::array::from_fn(|index| self.buckets[index].load(Ordering::Relaxed));
        Latency { buckets, sum_s: self.sum_us.load(Ordering::Relaxed) as f64 / 1e6 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_known_for_what_came_since_the_start_and_roughly_after_many() {
        let marks = Marks::default();
        marks.put(10, 13);
        let mut ages = Vec::new();
        marks.ages([8, 9, 10, 12].into_iter(), |_, count| ages.push(count));
        assert_eq!(ages, [2], "what came before the process is not told");
        {
            // As if a mark had been made each 10 ms for minutes.
            let mut inner = marks.0.lock();
            let now = Instant::now();
            inner.clear();
            for n in 0..100_000_u64 {
                let at = now - Duration::from_millis((100_000 - n) * 10);
                inner.push_back(Mark { from: n, end: n + 1, at });
                if inner.len() > MAX_MARKS {
                    thin(&mut inner, at);
                }
            }
            assert!(inner.len() <= MAX_MARKS);
        }
        let mut told = Vec::new();
        marks.ages(0..100_000, |age, count| told.push((age, count)));
        assert_eq!(told.iter().map(|(_, count)| count).sum::<u64>(), 100_000);
        assert!(told.is_sorted_by(|a, b| a.0 >= b.0) && told.len() > 50, "{}", told.len());
        for back in [1, 10, 500, 20_000, 90_000_u64] {
            let mut age = None;
            marks.ages(std::iter::once(100_000 - back), |found, _| age = Some(found));
            let (age, real) = (age.unwrap().as_secs_f64(), back as f64 * 0.01);
            assert!(age >= real && age <= real * 1.07 + 0.5, "{age} for {real}");
        }
    }

    #[test]
    fn each_delivery_is_in_one_bucket() {
        let histogram = Histogram::default();
        for ms in [1, 5, 6, 1000, 700_000] {
            histogram.tell(Duration::from_millis(ms), 1);
        }
        let read = histogram.read();
        assert_eq!((read.buckets[0], read.buckets[1], read.buckets[7], read.buckets[12]), (2, 1, 1, 1));
        assert!((read.sum_s - 701.012).abs() < 1e-9);
    }
}
