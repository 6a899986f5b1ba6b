//! `event-loitering` and its end: an object stays in the area.

use watchpost_model::{Id, StreamTime};

use super::{intrusion::Report, presence::Presence};

/// How long a track has been around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Loitering {
    /// It is not inside, or not for long enough.
    #[default]
    Passing,
    /// The start has been reported and waits for its end.
    Open {
        /// Id of the start.
        start: Id,
        /// When it was.
        since: StreamTime,
    },
}

impl Loitering {
    /// Takes in the track's presence in a frame. Time counts from when it came in; `after` is how
    /// long it may stay.
    pub fn step(
        &mut self,
        presence: Presence,
        after: StreamTime,
        time: StreamTime,
        new_id: impl FnOnce() -> Id,
    ) -> Option<Report> {
        match (*self, presence) {
            (Self::Passing, Presence::Inside { since: entered }) if time.since(entered) >= after => {
                let start = new_id();
                *self = Self::Open { start, since: time };
                Some(Report::Start(start))
            }
            (Self::Open { .. }, Presence::Outside | Presence::Entering { .. }) => self.end(time),
            _ => None,
        }
    }

    /// Ends what is open, for whatever reason.
    pub fn end(&mut self, time: StreamTime) -> Option<Report> {
        match std::mem::take(self) {
            Self::Passing => None,
            Self::Open { start, since } => Some(Report::End(start, time.since(since))),
        }
    }
}
