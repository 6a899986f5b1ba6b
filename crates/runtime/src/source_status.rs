//! What is known of an instance's source and analysis: counts, rates, the `statistics` record.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use watchpost_model::{Frame, Group, Instant, Record, Statistics, StreamTime, Timestamp};

use crate::status::add;

/// Between two objects of the `statistics` stream (PRODUCT section 6).
const OBJECT_EVERY: StreamTime = StreamTime::from_nanos(1_000_000_000);

/// One object in so many is a record too: one in 5 s (REFERENCE "Records").
const RECORD_EVERY: u64 = 5;

/// Counts of one run of a source. Written by its pipeline, read by anyone.
#[derive(Debug)]
pub struct SourceStatus {
    started_at: Timestamp,
    source_framerate: Option<f64>,
    frames: AtomicU64,
    analysed: AtomicU64,
    skipped: AtomicU64,
    refused: AtomicU64,
    /// The last frame's moment, and the source's own counts then.
    last: Mutex<Option<(Instant, watchpost_source::Status)>>,
    interval: Mutex<Interval>,
}

/// Figures that are due at a frame.
pub(crate) struct StatisticsDue {
    /// What the stream and the record tell.
    pub group: Group,
    /// Whether it is time for a record, too.
    pub is_record: bool,
}

/// Since the last figures.
#[derive(Debug, Default)]
struct Interval {
    /// How many there were before.
    number: u64,
    from: Option<StreamTime>,
    analysed: u64,
    busy: Duration,
}

/// The counts of a [`SourceStatus`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SourceSnapshot {
    /// Frames that arrived.
    pub frames: u64,
    /// Of these, analysed.
    pub analysed: u64,
    /// Frames that a live source could not wait with.
    pub skipped: u64,
    /// Lines and detections that were malformed.
    pub refused: u64,
    /// Records and objects for which the journal had no room while it could not be written.
    pub lost: u64,
    /// The last frame's stream time.
    pub position: StreamTime,
}

impl SourceStatus {
    pub(crate) fn new(source_framerate: Option<f64>) -> Self {
        Self {
            started_at: Timestamp(jiff::Timestamp::now().as_millisecond()),
            source_framerate,
            frames: AtomicU64::new(0),
            analysed: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            last: Mutex::default(),
            interval: Mutex::default(),
        }
    }

    /// Everything at once.
    pub fn snapshot(&self) -> SourceSnapshot {
        SourceSnapshot {
            frames: self.frames.load(Ordering::Relaxed),
            analysed: self.analysed.load(Ordering::Relaxed),
            skipped: self.skipped.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            lost: 0,
            position: self.last_instant().time,
        }
    }

    pub(crate) fn arrived(&self, frame: &Frame, source: watchpost_source::Status) {
        add(&self.frames, 1);
        self.skipped.store(source.skipped, Ordering::Relaxed);
        self.refused.store(source.refused, Ordering::Relaxed);
        *self.last.lock() = Some((instant(frame), source));
    }

    /// The moment of the last frame; before the first, the stream's beginning, now.
    pub(crate) fn last_instant(&self) -> Instant {
        let beginning =
            || Instant { frame_id: 0, time: StreamTime::ZERO, timestamp: self.started_at, size: None };
        self.last.lock().map_or_else(beginning, |(at, _)| at)
    }

    pub(crate) fn analysed(&self, took: Duration) {
        add(&self.analysed, 1);
        let mut interval = self.interval.lock();
        interval.analysed += 1;
        interval.busy += took;
    }

    /// The figures, once per second of stream time.
    pub(crate) fn statistics_due(&self, frame: &Frame) -> Option<StatisticsDue> {
        let mut interval = self.interval.lock();
        let from = *interval.from.get_or_insert(frame.time);
        let elapsed = frame.time.since(from);
        if elapsed < OBJECT_EVERY {
            return None;
        }
        let next = Interval { number: interval.number + 1, from: Some(frame.time), ..Interval::default() };
        let Interval { number, analysed, busy, .. } = std::mem::replace(&mut *interval, next);
        let counts = self.snapshot();
        let statistics = Statistics {
            frames_processed: counts.analysed,
            frames_dropped: counts.skipped,
            framerate: analysed as f64 / elapsed.as_secs(),
            source_framerate: self.source_framerate,
            latency_ms: busy.as_secs_f64() * 1e3 / analysed.max(1) as f64,
            input_queue_size: self.last.lock().map_or(0, |(_, source)| source.waiting),
            started_at: self.started_at,
            format: frame.image.as_ref().map(|image| format!("{:?}", image.format).to_uppercase()),
            resolution: frame.size,
            source_resolution: frame.size,
        };
        let group = Group { at: instant(frame), records: vec![Record::Statistics(statistics)] };
        Some(StatisticsDue { group, is_record: (number + 1).is_multiple_of(RECORD_EVERY) })
    }
}

fn instant(frame: &Frame) -> Instant {
    Instant { frame_id: frame.id, time: frame.time, timestamp: frame.timestamp, size: frame.size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_each_second_and_each_fifth_is_a_record() {
        let status = SourceStatus::new(None);
        let due: Vec<_> = (0..=100)
            .filter_map(|id| {
                let time = StreamTime::from_nanos(id * 100_000_000);
                let frame = Frame { id, time, timestamp: Timestamp(0), size: None, image: None };
                status.analysed(Duration::from_millis(2));
                let due = status.statistics_due(&frame)?;
                Some((id, due.is_record))
            })
            .collect();
        let ids: Vec<_> = due.iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
        let records: Vec<_> = due.iter().filter(|(_, record)| *record).map(|(id, _)| *id).collect();
        assert_eq!(records, [50, 100]);
    }
}
