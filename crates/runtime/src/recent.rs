//! The tracks of the last minute of an instance, in memory: what areas and lines that are not saved yet are tried on.
//! Kept as small as can be, since it is kept for every instance and mostly for nobody.

use std::collections::VecDeque;

use parking_lot::Mutex;
use watchpost_model::{
    Frame, Id, Instant, ObjectClass, Rect, Size, StreamTime, Timestamp, Track, TrackPhase,
};

/// The most that is ever asked for.
pub(crate) const MAX_SPAN: StreamTime = StreamTime::from_nanos(60_000_000_000);
/// Kept before that: who stands in an area when the minute begins has entered it earlier.
const LEAD: StreamTime = StreamTime::from_nanos(5_000_000_000);
/// A minute at 60 frames a second.
const MAX_FRAMES: usize = 4096;
/// Sightings of tracks in frames, 36 bytes each: 10 tracks at 25 frames a second for a minute. With more the oldest
/// go, and the span that can be tried is shorter. 200 such instances have 120 MB; one of them has 0.6.
const MAX_SIGHTINGS: usize = 1 << 14;

/// A stream whose time jumps back by more is another one.
const JUMP: StreamTime = StreamTime::from_nanos(1_000_000_000);

/// See the module.
#[derive(Default)]
pub(crate) struct Recent(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    moments: VecDeque<Moment>,
    /// Those of each moment behind those of the one before.
    sightings: VecDeque<Sighting>,
    size: Option<Size>,
    /// Something older was there and is gone.
    is_cut: bool,
}

#[derive(Clone, Copy)]
struct Moment {
    time: StreamTime,
    timestamp: Timestamp,
    sightings: u32,
}

/// What areas and lines want to know of a track.
#[derive(Clone, Copy)]
struct Sighting {
    id: Id,
    rect: Rect,
    class: ObjectClass,
    is_moving: bool,
    phase: TrackPhase,
}

/// The tracks of a span, oldest first.
#[derive(Default)]
pub(crate) struct Span {
    pub frames: Vec<(Instant, Vec<Track>)>,
    /// From here on it is what was asked for; what lies before leads up to it.
    pub begin: StreamTime,
}

impl Recent {
    /// Takes in what was found in a frame.
    pub fn keep(&self, frame: &Frame, tracks: &[Track]) {
        let mut kept = self.0.lock();
        let kept = &mut *kept;
        let last = kept.moments.back().map_or(StreamTime::ZERO, |last| last.time);
        if last.since(frame.time) > JUMP {
            // What was before has nothing to do with it: the analysis begins anew, too.
            *kept = Kept::default();
        }
        kept.size = frame.size;
        kept.moments.push_back(Moment {
            time: frame.time,
            timestamp: frame.timestamp,
            sightings: tracks.len().min(MAX_SIGHTINGS) as u32,
        });
        kept.sightings.extend(tracks.iter().take(MAX_SIGHTINGS).map(|track| Sighting {
            id: track.id,
            rect: track.rect,
            class: track.class,
            is_moving: track.is_moving,
            phase: track.phase,
        }));
        while kept.moments.len() > MAX_FRAMES
            || kept.sightings.len() > MAX_SIGHTINGS
            || kept.moments.front().is_some_and(|first| frame.time.since(first.time) > MAX_SPAN + LEAD)
        {
            let Some(gone) = kept.moments.pop_front() else { break };
            kept.sightings.drain(..gone.sightings as usize);
            kept.is_cut = true;
        }
    }

    /// Nothing of an earlier run counts any more.
    pub fn clear(&self) {
        *self.0.lock() = Kept::default();
    }

    /// What was seen in the last `span` of stream time, and before that as far as it is kept.
    pub fn last(&self, span: StreamTime) -> Span {
        let kept = self.0.lock();
        let (Some(first), Some(last)) = (kept.moments.front(), kept.moments.back()) else {
            return Span::default();
        };
        let first = if kept.is_cut { first.time + LEAD } else { first.time };
        let begin = first.max(last.time - span);
        let mut sightings = kept.sightings.iter();
        let frames = kept.moments.iter().zip(0..).map(|(moment, id)| {
            let Moment { time, timestamp, sightings: count } = *moment;
            let tracks = sightings.by_ref().take(count as usize).map(track).collect();
            (Instant { frame_id: id, time, timestamp, size: kept.size }, tracks)
        });
        Span { frames: frames.collect(), begin }
    }
}

fn track(seen: &Sighting) -> Track {
    let Sighting { id, rect, class, is_moving, phase } = *seen;
    // Neither is asked for by areas and lines.
    let (confidence, age) = (0.0, StreamTime::ZERO);
    Track { id, external_id: None, class, rect, confidence, age, is_moving, phase }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(ms: u64) -> Frame {
        let time = StreamTime::from_ms(ms as f64);
        Frame { id: ms, time, timestamp: Timestamp(ms as i64), size: None, image: None }
    }

    fn tracks(count: u128) -> Vec<Track> {
        let sighting = |id| Sighting {
            id: Id::from_u128(id),
            rect: Rect::new(0.1, 0.2, 0.3, 0.4),
            class: ObjectClass::Person,
            is_moving: true,
            phase: TrackPhase::Locked,
        };
        (1..=count).map(|id| track(&sighting(id))).collect()
    }

    #[test]
    fn a_minute_is_kept_and_what_leads_up_to_it() {
        let recent = Recent::default();
        for at in 0..1000 {
            recent.keep(&frame(at * 100), &tracks(u128::from(at % 3)));
        }
        let span = recent.last(MAX_SPAN);
        assert_eq!(span.frames.len(), 651);
        assert_eq!(span.begin.as_whole_ms(), 39_900);
        for (at, seen) in &span.frames {
            assert_eq!(*seen, tracks(u128::from(at.timestamp.0 as u64 / 100 % 3)), "{at:?}");
        }
        assert_eq!(recent.last(StreamTime::from_secs(10.0)).begin.as_whole_ms(), 89_900);
    }

    #[test]
    fn crowds_shorten_the_span_and_another_run_begins_anew() {
        let recent = Recent::default();
        for at in 0..500 {
            recent.keep(&frame(at * 40), &tracks(100));
        }
        let span = recent.last(MAX_SPAN);
        assert_eq!(span.frames.len(), MAX_SIGHTINGS / 100);
        let first = span.frames[0].0.time;
        assert_eq!(span.begin, first + LEAD, "who was there at first does not count as come");
        recent.keep(&frame(0), &tracks(MAX_SIGHTINGS as u128 + 5));
        assert_eq!(recent.last(MAX_SPAN).frames.len(), 1);
        recent.clear();
        assert!(recent.last(MAX_SPAN).frames.is_empty());
    }
}
