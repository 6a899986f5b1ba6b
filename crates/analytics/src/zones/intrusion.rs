//! `event-intrusion` and its end: an object is in the area.

use watchpost_model::{Id, StreamTime};

use super::presence::Change;

/// Whether a track's presence has been reported as an intrusion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Intrusion {
    /// Nothing is open.
    #[default]
    Idle,
    /// The start has been reported and waits for its end.
    Open {
        /// Id of the start.
        start: Id,
        /// When it was.
        since: StreamTime,
    },
}

/// What to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// A start with this id.
    Start(Id),
    /// The end of the start with this id, and how long it took.
    End(Id, StreamTime),
}

impl Intrusion {
    /// Takes in a change of presence. `new_id` is called once for a start.
    pub fn step(&mut self, change: Change, time: StreamTime, new_id: impl FnOnce() -> Id) -> Option<Report> {
        match (*self, change) {
            (Self::Idle, Change::Entered { .. }) => {
                let start = new_id();
                *self = Self::Open { start, since: time };
                Some(Report::Start(start))
            }
            (Self::Open { .. }, Change::Left) => self.end(time),
            (Self::Idle, Change::Left) | (Self::Open { .. }, Change::Entered { .. }) => None,
        }
    }

    /// Ends what is open, for whatever reason.
    pub fn end(&mut self, time: StreamTime) -> Option<Report> {
        match std::mem::take(self) {
            Self::Idle => None,
            Self::Open { start, since } => Some(Report::End(start, time.since(since))),
        }
    }
}
