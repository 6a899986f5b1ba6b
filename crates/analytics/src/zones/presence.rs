//! Whether one track is in one area, with patience at the border.
//!
//! ```text
//!            inside                 inside for the activation delay
//! Outside ───────────▶ Entering ────────────────────────────▶ Inside ◀──┐ back inside
//!    ▲                    │ outside                               │      │
//!    └────────────────────┴──────────────── Leaving ◀─────────────┘ ─────┘
//!                         outside for 0.2 s        well outside
//! ```

use watchpost_model::StreamTime;

/// An object must be outside for this long before it counts as gone. The same as the usual activation
/// delay, so that jitter at the border is silent both ways.
const LEAVE_AFTER: StreamTime = StreamTime::from_nanos(200_000_000);

/// Where the anchor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Inside the polygon.
    Inside,
    /// Outside, but so near the border that who was inside still is.
    Border,
    /// Outside.
    Outside,
}

/// Whether a track is in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Presence {
    /// It is not.
    #[default]
    Outside,
    /// It is, but not for long enough to count.
    Entering {
        /// When it came in.
        since: StreamTime,
    },
    /// It is.
    Inside {
        /// When it came in.
        since: StreamTime,
    },
    /// It was until now, and may be at the border.
    Leaving {
        /// When it came in.
        since: StreamTime,
        /// When it was first seen outside.
        left: StreamTime,
    },
}

/// What a frame changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It counts as inside from now on; it came in at `since`.
    Entered {
        /// When it came in.
        since: StreamTime,
    },
    /// It no longer counts as inside.
    Left,
}

impl Presence {
    /// Takes in where the track is; for a track that the area does not want, that is outside.
    pub fn step(&mut self, place: Place, delay: StreamTime, time: StreamTime) -> Option<Change> {
        let inside = place == Place::Inside;
        let gone = place == Place::Outside;
        *self = match *self {
            Self::Outside if inside && delay == StreamTime::ZERO => Self::Inside { since: time },
            Self::Outside if inside => {
                *self = Self::Entering { since: time };
                return None;
            }
            Self::Entering { .. } if !inside => Self::Outside,
            Self::Entering { since } if time.since(since) >= delay => Self::Inside { since },
            Self::Inside { since } if gone => {
                *self = Self::Leaving { since, left: time };
                return None;
            }
            Self::Leaving { since, .. } if inside => {
                *self = Self::Inside { since };
                return None;
            }
            Self::Leaving { left, .. } if time.since(left) >= LEAVE_AFTER => {
                *self = Self::Outside;
                return Some(Change::Left);
            }
            unchanged => {
                *self = unchanged;
                return None;
            }
        };
        match *self {
            Self::Inside { since } => Some(Change::Entered { since }),
            _ => None,
        }
    }

    /// Whether the track counts as inside.
    pub const fn is_inside(self) -> bool {
        matches!(self, Self::Inside { .. } | Self::Leaving { .. })
    }

    /// Puts the track outside: it is lost, or the area is disarmed.
    pub fn leave(&mut self) -> Option<Change> {
        let was_inside = self.is_inside();
        *self = Self::Outside;
        was_inside.then_some(Change::Left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u32) -> StreamTime {
        StreamTime::from_ms(f64::from(ms))
    }

    #[test]
    fn short_visits_and_short_absences_are_none() {
        let mut presence = Presence::default();
        let delay = ms(200);
        assert_eq!(presence.step(Place::Inside, delay, ms(0)), None);
        assert_eq!(presence.step(Place::Outside, delay, ms(100)), None);
        assert_eq!(presence.step(Place::Inside, delay, ms(200)), None);
        assert_eq!(presence.step(Place::Inside, delay, ms(400)), Some(Change::Entered { since: ms(200) }));
        assert_eq!(presence.step(Place::Outside, delay, ms(500)), None);
        assert_eq!(presence.step(Place::Inside, delay, ms(600)), None);
        assert_eq!(presence.step(Place::Border, delay, ms(5000)), None);
        assert_eq!(presence.step(Place::Outside, delay, ms(5100)), None);
        assert_eq!(presence.step(Place::Border, delay, ms(5300)), Some(Change::Left));
        assert_eq!(presence.leave(), None);
    }

    #[test]
    fn without_delay_entering_is_at_once() {
        let mut presence = Presence::default();
        let entered = presence.step(Place::Inside, StreamTime::ZERO, ms(7));
        assert_eq!(entered, Some(Change::Entered { since: ms(7) }));
        assert_eq!(presence.leave(), Some(Change::Left));
    }
}
