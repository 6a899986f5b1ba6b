//! `event-tailgating`: somebody goes over a line close behind somebody else.
//!
//! Each line has one gate for either direction. Every crossing is a passage, which goes through these
//! states:
//!
//! ```text
//!            its track is established          the passage before it is known
//! Unproven ─────────────────────────▶ Proven ───────────────────────────────▶ Settled
//!    │ its track is lost before
//!    └──▶ gone: it was noise, and nobody tailgates it
//! ```
//!
//! It is *followed* by the next passage of another track; what that reports, if the two are not too far apart
//! in time, is told when both are proven. So noise neither tailgates nor is tailgated, and a crossing that
//! comes before its track is established counts at its own time.

use watchpost_model::{Id, StreamTime, Subject};

/// Passages a gate remembers: more than pass within the second in which a track is proven. With a long
/// `tailgating_maximum_crossing_elapsed` only the newest matter.
const MAX_PASSAGES: usize = 64;
/// An unproven track is proven or lost within this.
const PROVEN_WITHIN: StreamTime = StreamTime::from_nanos(5_000_000_000);

/// Who has gone over a line in one direction lately, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    passages: Vec<Passage>,
}

#[derive(Clone, Debug)]
struct Passage {
    /// Who, as they were when they crossed.
    who: Subject,
    at: StreamTime,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its track is not established yet: it may be noise.
    Unproven,
    /// Its track is established; whether it follows somebody is not known yet.
    Proven,
    /// It has been told as tailgating, or it follows nobody.
    Settled,
}

/// Somebody went over the line behind somebody else.
#[derive(Clone, Debug)]
pub(crate) struct Followed {
    /// Who, as they were when they crossed.
    pub who: Subject,
    /// Between the two crossings.
    pub interval: StreamTime,
    /// Who crossed before.
    pub first: Id,
}

impl Gate {
    /// Somebody has crossed.
    pub fn pass(&mut self, who: Subject, at: StreamTime) {
        if self.passages.len() == MAX_PASSAGES {
            self.passages.remove(0);
        }
        self.passages.push(Passage { who, at, state: State::Unproven });
    }

    /// Takes in which tracks are established; what is to be told now.
    pub fn step(
        &mut self,
        is_proven: impl Fn(Id) -> bool,
        within: StreamTime,
        time: StreamTime,
    ) -> Vec<Followed> {
        for passage in self.passages.iter_mut().filter(|p| p.state == State::Unproven) {
            if is_proven(passage.who.track_id) {
                passage.state = State::Proven;
            }
        }
        let told = self.settle(within, |_| false);
        // Nobody can follow, or wait for, what is older.
        self.passages.retain(|passage| time.since(passage.at) <= within + PROVEN_WITHIN);
        told
    }

    /// A track is gone; `proven`: it was established. What waits to be told of it is told now or never.
    pub fn lose(&mut self, track: Id, proven: bool, within: StreamTime) -> Vec<Followed> {
        if !proven {
            self.passages.retain(|passage| passage.who.track_id != track);
            return Vec::new();
        }
        for passage in
            self.passages.iter_mut().filter(|p| p.who.track_id == track && p.state == State::Unproven)
        {
            passage.state = State::Proven;
        }
        self.settle(within, |passage| passage.who.track_id == track)
    }

    /// Forgets everybody: the line is disarmed, or the stream ends.
    pub fn clear(&mut self) {
        self.passages.clear();
    }

    /// Settles each proven passage the one before which is known; those that `cannot_wait` are settled as if
    /// what is unproven were noise.
    fn settle(&mut self, within: StreamTime, cannot_wait: impl Fn(&Passage) -> bool) -> Vec<Followed> {
        let mut told = Vec::new();
        for index in 0..self.passages.len() {
            let passage = &self.passages[index];
            if passage.state != State::Proven {
                continue;
            }
            let waits = !cannot_wait(passage);
            let mut before = self.passages[..index]
                .iter()
                .rev()
                .filter(|other| {
                    other.who.track_id != passage.who.track_id && passage.at.since(other.at) <= within
                })
                .filter(|other| waits || other.state != State::Unproven);
            let followed = match before.next() {
                Some(first) if first.state == State::Unproven => continue,
                Some(first) => Some((first.who.track_id, passage.at.since(first.at))),
                None => None,
            };
            let passage = &mut self.passages[index];
            passage.state = State::Settled;
            if let Some((first, interval)) = followed {
                told.push(Followed { who: passage.who.clone(), interval, first });
            }
        }
        told
    }
}
