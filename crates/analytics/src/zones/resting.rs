//! `event-object-left-removed`: something lies still in an area.
//!
//! One machine for each track in each area:
//!
//! ```text
//!              lies still on its own           for left_duration or removed_duration
//! Elsewhere ─────────────────────────▶ Still ─────────────────────────────────────▶ Told
//!     ▲                                   │ moves away, stirs for 0.5 s               │ moves away
//!     └───────────────────────────────────┴───────────────────────────────────────────┘
//! ```
//!
//! What lies still is told by the pixels where motion found it, and by its box alone where it is a detection. While
//! it is hidden the machine rests and time goes on. What happens when its track is lost is in `missing.rs`.

use watchpost_model::{Point, Rect, StreamTime};

/// Stirring for less than this is noise.
const PATIENCE: StreamTime = StreamTime::from_nanos(500_000_000);
/// It has moved if its middle is this share of its size away from where it came to rest.
const MOVED_SHARE: f32 = 0.3;

/// Whether something lies still in an area.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Resting {
    /// It moves, is not in the area, or is nothing that is left.
    #[default]
    Elsewhere,
    /// It lies still, but not for long enough.
    Still(Place),
    /// It has been told, or was known to lie there.
    Told(Place),
}

/// Where and since when.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place {
    since: StreamTime,
    /// When it was last seen to be still.
    seen: StreamTime,
    middle: Point,
}

impl Resting {
    /// Takes in whether the track lies still where it is; true if it has for `after`, and is to be told. It is
    /// told once `tell` is called.
    pub fn step(&mut self, still: bool, rect: &Rect, after: StreamTime, time: StreamTime) -> bool {
        let place = match *self {
            Self::Still(place) | Self::Told(place) => place,
            Self::Elsewhere if still => {
                *self = Self::Still(Place { since: time, seen: time, middle: rect.center() });
                return after == StreamTime::ZERO;
            }
            Self::Elsewhere => return false,
        };
        let (middle, size) = (rect.center(), rect.width.max(rect.height));
        let moved = (middle.x - place.middle.x).hypot(middle.y - place.middle.y) > MOVED_SHARE * size;
        // What was told may stir: it is not told again for that.
        let stirs = !still && matches!(self, Self::Still(_)) && time.since(place.seen) >= PATIENCE;
        if moved || stirs {
            *self = Self::Elsewhere;
            return false;
        }
        if still {
            let place = Place { seen: time, ..place };
            *self = match self {
                Self::Told(_) => Self::Told(place),
                _ => Self::Still(place),
            };
        }
        still && matches!(self, Self::Still(_)) && time.since(place.since) >= after
    }

    /// It has been told.
    pub fn tell(&mut self) {
        if let Self::Still(place) = *self {
            *self = Self::Told(place);
        }
    }

    /// For how long it has lain where it lies, up to when it was last seen to be still.
    pub fn lain(&self) -> StreamTime {
        match *self {
            Self::Elsewhere => StreamTime::ZERO,
            Self::Still(place) | Self::Told(place) => place.seen.since(place.since),
        }
    }

    /// Whether it waits to be told.
    pub const fn waits(&self) -> bool {
        matches!(self, Self::Still(_))
    }
}
