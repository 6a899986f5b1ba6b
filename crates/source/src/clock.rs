//! The wall clock of frames (PRODUCT section 4 "Time"), and the stream's clock over reconnections.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use watchpost_model::{StreamTime, Timestamp};

/// Gives frames their `system_timestamp`.
#[derive(Debug)]
pub(crate) enum WallClock {
    /// A file: this moment, and the frame's time after it.
    Since(Timestamp),
    /// A live source: when the sender says, else when the frame arrived.
    Live(Arrival),
}

impl WallClock {
    /// For a file: `start_time` of the instance, else its creation tag, else now.
    pub fn file(start_time: Option<Timestamp>, created: Option<Timestamp>) -> Self {
        Self::Since(start_time.or(created).unwrap_or_else(now))
    }

    /// The wall clock of the frame at `time`, which arrived at `arrived`.
    pub fn at(&mut self, time: StreamTime, captured: Option<Timestamp>, arrived: Timestamp) -> Timestamp {
        match self {
            Self::Since(start) => start.after(time),
            Self::Live(arrival) => {
                let arrival = arrival.of(time, arrived);
                captured.unwrap_or(arrival)
            }
        }
    }
}

/// When frames arrived, freed of the time they waited here: the stream's clock is even, so the
/// frame that was taken soonest says when all others must have come.
#[derive(Debug, Default)]
pub(crate) struct Arrival {
    /// Wall clock minus stream clock, in ms, and the stream's time when it was found.
    offset: Option<(i64, StreamTime)>,
}

impl Arrival {
    /// Cameras' clocks drift against ours by some 50 ppm; this is well above that. ms per second.
    const DRIFT_MS_PER_S: f64 = 1.0;
    /// Nothing waits this long here: the wall clock was set, or the stream paused.
    const JUMP_MS: i64 = 5_000;

    fn of(&mut self, time: StreamTime, arrived: Timestamp) -> Timestamp {
        let seen = arrived.0.saturating_sub(time.as_whole_ms() as i64);
        let offset = match self.offset {
            Some((offset, at)) if seen.saturating_sub(offset) < Self::JUMP_MS => {
                let drifted = offset + (time.since(at).as_secs() * Self::DRIFT_MS_PER_S) as i64;
                if seen < drifted { seen } else { drifted }
            }
            _ => seen,
        };
        // Less than a millisecond of drift is kept for the next frame, not rounded away.
        if self.offset.is_none_or(|(known, _)| known != offset) {
            self.offset = Some((offset, time));
        }
        Timestamp(offset.saturating_add(time.as_whole_ms() as i64))
    }
}

/// Joins the clocks of one connection after another into one that never runs backwards.
#[derive(Debug, Default)]
pub(crate) struct StreamClock {
    base: StreamTime,
    last: Option<(StreamTime, Instant)>,
}

impl StreamClock {
    /// A new connection begins: its zero lies after the last frame by the time that has passed.
    pub fn reconnected(&mut self, now: Instant) {
        if let Some((time, at)) = self.last {
            let nanos = u64::try_from(now.duration_since(at).as_nanos()).unwrap_or(u64::MAX);
            // At least a millisecond, so that no two frames share a time.
            self.base = time + StreamTime::from_nanos(nanos.max(1_000_000));
        }
    }

    /// Where this connection's zero lies.
    pub const fn base(&self) -> StreamTime {
        self.base
    }

    /// The time, on the whole stream's clock, of the frame that this connection calls `pts`.
    pub fn at(&mut self, pts: StreamTime, now: Instant) -> StreamTime {
        let time = self.base + pts;
        self.last = Some((time, now));
        time
    }
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ms(ms: u64) -> StreamTime {
        StreamTime::from_ms(ms as f64)
    }

    #[test]
    fn a_file_begins_at_start_time_else_creation_else_now() {
        let at = |start, created| WallClock::file(start, created).at(ms(1500), None, Timestamp(99));
        assert_eq!(at(Some(Timestamp(1000)), Some(Timestamp(5000))), Timestamp(2500));
        assert_eq!(at(None, Some(Timestamp(5000))), Timestamp(6500));
        assert!((at(None, None).0 - now().0 - 1500).abs() < 1000);
    }

    #[test]
    fn a_live_source_goes_by_its_sender_else_by_arrival_without_our_delays() {
        let mut clock = WallClock::Live(Arrival::default());
        assert_eq!(clock.at(ms(0), None, Timestamp(10_000)), Timestamp(10_000));
        assert_eq!(clock.at(ms(40), None, Timestamp(10_140)), Timestamp(10_040));
        assert_eq!(clock.at(ms(80), None, Timestamp(10_070)), Timestamp(10_070));
        assert_eq!(clock.at(ms(120), Some(Timestamp(7)), Timestamp(10_200)), Timestamp(7));
        assert_eq!(clock.at(ms(160), None, Timestamp(10_200)), Timestamp(10_150));
    }

    #[test]
    fn arrival_follows_slow_clocks_and_jumps() {
        let mut arrival = Arrival::default();
        // The camera's clock is 0.05 % slow: after an hour it is 1.8 s behind.
        let mut last = Timestamp(0);
        for frame in 0..36_000_u64 {
            last = arrival.of(ms(frame * 100), Timestamp((frame * 100) as i64 + (frame / 20) as i64));
        }
        assert!((last.0 - 3_599_900 - 1_799).abs() < 100, "{last:?}");
        let hour = 3_600_000;
        assert_eq!(arrival.of(ms(3_600_000), Timestamp(3_601_800 + hour)), Timestamp(3_601_800 + hour));
        assert_eq!(arrival.of(ms(3_600_100), Timestamp(3_601_900)), Timestamp(3_601_900));
    }

    #[test]
    fn the_streams_clock_goes_on_over_reconnections() {
        let (mut clock, start) = (StreamClock::default(), Instant::now());
        assert_eq!(clock.at(ms(0), start), ms(0));
        assert_eq!(clock.at(ms(40), start), ms(40));
        clock.reconnected(start + Duration::from_millis(2000));
        assert_eq!(clock.at(ms(0), start), ms(2040));
    }
}
