//! The stream's clock as consumers see it: from zero, never backwards, going on over loops.

use watchpost_model::StreamTime;

use crate::Rate;

/// Maps running times of the pipeline to stream time.
#[derive(Debug)]
pub(super) struct Timeline {
    /// Running time of the first frame of this loop.
    first: Option<u64>,
    /// Stream time at which this loop began.
    offset: u64,
    /// Stream time and duration of the last frame.
    last: Option<(u64, u64)>,
}

impl Timeline {
    pub(super) const fn new() -> Self {
        Self { first: None, offset: 0, last: None }
    }

    /// The stream time of a frame with this running time and duration in ns.
    ///
    /// A frame without a time (some pipelines of users) follows the last by one frame duration.
    pub(super) fn map(
        &mut self,
        running: Option<u64>,
        duration: Option<u64>,
        rate: Option<Rate>,
    ) -> StreamTime {
        let duration = duration
            .filter(|duration| *duration > 0)
            .unwrap_or_else(|| rate.unwrap_or(Rate::DEFAULT).frame_duration().as_nanos());
        let next = self.last.map_or(0, |(time, duration)| time + duration);
        let time = match running {
            Some(running) => {
                let first = *self.first.get_or_insert(running);
                self.offset + running.saturating_sub(first)
            }
            None => next,
        };
        // Broken files and cameras that set their clock step back; intervals must not.
        let time = time.max(self.last.map_or(0, |(time, _)| time));
        self.last = Some((time, duration));
        StreamTime::from_nanos(time)
    }

    /// The stream starts again from its beginning; its clock goes on.
    pub(super) fn loop_again(&mut self) {
        self.offset = self.end().as_nanos();
        self.first = None;
    }

    /// Where the last frame ends.
    pub(super) fn end(&self) -> StreamTime {
        StreamTime::from_nanos(self.last.map_or(0, |(time, duration)| time + duration))
    }

    /// As [`Self::end`], counted from the beginning of this loop.
    pub(super) fn end_in_loop(&self) -> StreamTime {
        self.end().since(StreamTime::from_nanos(self.offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn starts_at_zero_and_goes_on_over_loops() {
        let mut timeline = Timeline::new();
        let mut at = |running: u64| timeline.map(Some(running * MS), Some(40 * MS), None).as_whole_ms();
        assert_eq!([at(80), at(120), at(100), at(160)], [0, 40, 40, 80]);
        timeline.loop_again();
        assert_eq!(timeline.map(Some(80 * MS), None, Rate::new(25, 1)).as_whole_ms(), 120);
        assert_eq!(timeline.map(None, None, Rate::new(25, 1)).as_whole_ms(), 160);
        assert_eq!((timeline.end().as_whole_ms(), timeline.end_in_loop().as_whole_ms()), (200, 80));
    }
}
