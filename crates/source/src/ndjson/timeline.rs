//! When and which frame a line of detections is, if it stands alone: ids and times that only grow,
//! also over loops.

use watchpost_model::{StreamTime, Timestamp};

/// From here on `timestamp_ms` is Unix time (this is March 1973): no stream runs for three years.
pub(crate) const UNIX_FROM_MS: f64 = 1e11;
/// The step between frames that do not say when they were: 25 a second.
const DEFAULT_STEP: StreamTime = StreamTime::from_nanos(40_000_000);

/// Places one line after another.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// The wall clock at the stream's zero.
    epoch: Timestamp,
    /// What is taken off this pass's `timestamp_ms`; known from its first line on.
    zero_ms: Option<f64>,
    /// Where this pass over a file begins.
    base: Placed,
    /// The last line, and its own word for its id and time.
    last: Option<(Placed, u64, Option<f64>)>,
    step: StreamTime,
    /// Lines come as things happen: what has no time of its own was seen when it came.
    live: bool,
    /// Another producer has begun, and nothing of it was placed yet.
    resumed: bool,
}

/// Where a line stands in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Placed {
    pub id: u64,
    pub time: StreamTime,
}

impl Timeline {
    /// A stream that begins at `start`, unless its lines say when they were.
    pub fn new(start: Timestamp) -> Self {
        Self {
            epoch: start,
            zero_ms: None,
            base: Placed::default(),
            last: None,
            step: DEFAULT_STEP,
            live: false,
            resumed: false,
        }
    }

    /// A stream whose lines come as things happen.
    pub fn live(self) -> Self {
        Self { live: true, ..self }
    }

    /// Where the next line stands, which has arrived at `arrived`.
    ///
    /// # Errors
    /// It does not come after the last one; what was expected.
    pub fn place(
        &mut self,
        frame_id: Option<u64>,
        timestamp_ms: Option<f64>,
        arrived: Timestamp,
    ) -> Result<Placed, String> {
        let since_1970 = self.zero_ms.is_none_or(|zero| zero >= UNIX_FROM_MS);
        let timestamp_ms = timestamp_ms.or((self.live && since_1970).then_some(arrived.0 as f64));
        if std::mem::take(&mut self.resumed) {
            // The pause between two producers has passed on the stream's clock too.
            let at = timestamp_ms.filter(|ms| *ms >= UNIX_FROM_MS).map_or(arrived, |ms| Timestamp(ms as i64));
            let passed = if self.live { at.0.saturating_sub(self.epoch.0).max(0) } else { 0 };
            self.base.time = self.base.time.max(StreamTime::from_ms(passed as f64));
        }
        let before = self.last.filter(|(placed, ..)| placed.id >= self.base.id);
        let local = frame_id.unwrap_or_else(|| before.map_or(0, |(_, id, _)| id.saturating_add(1)));
        if let Some((_, id, ms)) = before {
            if local <= id {
                return Err(format!("frame_id {local} comes after {id}: expected a larger one"));
            }
            if let (Some(now), Some(ms)) = (timestamp_ms, ms)
                && now < ms
            {
                return Err(format!("timestamp_ms {now} comes after {ms}: expected a later one"));
            }
        }
        let time = match timestamp_ms {
            Some(ms) => self.base.time + StreamTime::from_ms(ms - self.zero(ms, arrived)),
            None => self.last.map_or(StreamTime::ZERO, |(last, ..)| last.time + self.step),
        };
        // Lines with and without times may be mixed: never backwards then.
        let time = time.max(self.last.map_or(StreamTime::ZERO, |(last, ..)| last.time));
        let placed = Placed { id: self.base.id.saturating_add(local), time };
        if let Some((last, ..)) = self.last.filter(|(last, ..)| last.time < time) {
            self.step = time - last.time;
        }
        let ms = timestamp_ms.or_else(|| before.and_then(|(_, _, ms)| ms));
        self.last = Some((placed, local, ms));
        Ok(placed)
    }

    /// The wall clock at `time`.
    pub fn wall(&self, time: StreamTime) -> Timestamp {
        self.epoch.after(time)
    }

    /// Another producer begins, or the same one again: its ids and times begin anew, the stream's go on.
    pub fn resume(&mut self) {
        self.resumed = self.next_pass();
    }

    /// The file begins again: ids and times go on from here. `false` if it held no line.
    pub fn next_pass(&mut self) -> bool {
        let Some((last, ..)) = self.last.filter(|(last, ..)| last.id >= self.base.id) else { return false };
        self.base = Placed { id: last.id.saturating_add(1), time: last.time + self.step };
        self.zero_ms = None;
        true
    }

    /// Unix time begins with a pass's first line; the stream's own clock does so in later passes.
    fn zero(&mut self, ms: f64, arrived: Timestamp) -> f64 {
        let first_pass = self.base == Placed::default();
        if self.zero_ms.is_none() && first_pass {
            if ms >= UNIX_FROM_MS {
                self.epoch = Timestamp(ms as i64);
            } else if self.live {
                self.epoch = Timestamp(arrived.0.saturating_sub(ms as i64));
            }
        }
        *self.zero_ms.get_or_insert(if first_pass && ms < UNIX_FROM_MS { 0.0 } else { ms })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(timeline: &mut Timeline, id: Option<u64>, ms: Option<f64>) -> (u64, u64, i64) {
        let placed = timeline.place(id, ms, Timestamp(0)).unwrap();
        (placed.id, placed.time.as_whole_ms(), timeline.wall(placed.time).0)
    }

    #[test]
    fn stream_time_unix_time_and_none() {
        let mut timeline = Timeline::new(Timestamp(1000));
        assert_eq!(place(&mut timeline, Some(5), Some(200.0)), (5, 200, 1200));
        assert_eq!(place(&mut timeline, None, Some(300.0)), (6, 300, 1300));
        assert_eq!(place(&mut timeline, None, None), (7, 400, 1400));
        let mut timeline = Timeline::new(Timestamp(1000));
        assert_eq!(place(&mut timeline, None, Some(1.785e12)), (0, 0, 1_785_000_000_000));
        assert_eq!(place(&mut timeline, None, Some(1.785e12 + 40.0)), (1, 40, 1_785_000_000_040));
        let mut timeline = Timeline::new(Timestamp(0));
        assert_eq!([place(&mut timeline, None, None).1, place(&mut timeline, None, None).1], [0, 40]);
    }

    #[test]
    fn loops_go_on_counting() {
        for first in [0.0, 1.785e12] {
            let mut timeline = Timeline::new(Timestamp(0));
            let mut all = Vec::new();
            for _ in 0..2 {
                for frame in 0..3_u64 {
                    let (id, time, wall) =
                        place(&mut timeline, Some(frame), Some(first + frame as f64 * 100.0));
                    assert_eq!(wall, first as i64 + time as i64);
                    all.push((id, time));
                }
                assert!(timeline.next_pass());
            }
            assert_eq!(all, [(0, 0), (1, 100), (2, 200), (3, 300), (4, 400), (5, 500)]);
        }
        assert!(!Timeline::new(Timestamp(0)).next_pass());
    }

    #[test]
    fn live_lines_without_a_time_were_seen_when_they_came_and_a_pause_between_producers_is_one() {
        let live = |timeline: &mut Timeline, id, ms, arrived| {
            let placed = timeline.place(id, ms, Timestamp(arrived)).unwrap();
            (placed.id, placed.time.as_whole_ms(), timeline.wall(placed.time).0)
        };
        const NOW: i64 = 1_785_000_000_000;
        let mut timeline = Timeline::new(Timestamp(0)).live();
        assert_eq!(live(&mut timeline, Some(5), None, NOW), (5, 0, NOW));
        assert_eq!(live(&mut timeline, Some(6), None, NOW + 70), (6, 70, NOW + 70));
        timeline.resume();
        assert_eq!(live(&mut timeline, Some(0), None, NOW + 5000), (7, 5000, NOW + 5000));
        assert_eq!(live(&mut timeline, Some(1), None, NOW + 5040), (8, 5040, NOW + 5040));
        let mut timeline = Timeline::new(Timestamp(0)).live();
        assert_eq!(live(&mut timeline, None, Some(300.0), NOW), (0, 300, NOW));
        timeline.resume();
        assert_eq!(live(&mut timeline, None, Some(20.0), NOW + 900), (1, 1200, NOW + 900));
        assert_eq!(live(&mut timeline, None, Some(60.0), NOW + 999), (2, 1240, NOW + 940));
    }

    #[test]
    fn what_does_not_come_after_the_last_is_refused() {
        let mut timeline = Timeline::new(Timestamp(0));
        timeline.place(Some(7), Some(80.0), Timestamp(0)).unwrap();
        let again = timeline.place(Some(7), None, Timestamp(0)).unwrap_err();
        assert_eq!(again, "frame_id 7 comes after 7: expected a larger one");
        let back = timeline.place(Some(8), Some(40.0), Timestamp(0)).unwrap_err();
        assert_eq!(back, "timestamp_ms 40 comes after 80: expected a later one");
    }

    proptest! {
        #[test]
        fn never_backwards(lines in proptest::collection::vec(
            (proptest::option::of(0..20_u64), proptest::option::of(0.0..2e11_f64), any::<bool>(), 0..i64::MAX), 0..60),
            live in any::<bool>(),
        ) {
            let (mut timeline, mut last) = (Timeline::new(Timestamp(0)), None::<Placed>);
            if live {
                timeline = timeline.live();
            }
            for (id, ms, begins, arrived) in lines {
                match begins {
                    true if live => timeline.resume(),
                    true => drop(timeline.next_pass()),
                    false => {}
                }
                if let Ok(placed) = timeline.place(id, ms, Timestamp(arrived)) {
                    prop_assert!(last.is_none_or(|last| last.id < placed.id && last.time <= placed.time));
                    last = Some(placed);
                }
            }
        }
    }
}
