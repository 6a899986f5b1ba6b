//! `event-line-crossing`: a track goes through a line.

use watchpost_model::{CrossingDirection, Line, LineDirection, Point, StreamTime};

use super::geometry::{passes_through, side_distance};

/// A track may trigger the same line again only after this long (REFERENCE "Analytics").
const AGAIN_AFTER: StreamTime = StreamTime::from_nanos(3_000_000_000);

/// Where a track is with regard to a line. A side is named by the direction that leads to it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Crossing {
    /// Not seen off the line yet.
    #[default]
    Unknown,
    /// On one side.
    Clear {
        /// Which, and where it was last seen.
        side: CrossingDirection,
        last: Point,
    },
    /// Its way has led through the line, but not far enough to have crossed it.
    Passing {
        /// Where it came from, and where it was last seen.
        from: CrossingDirection,
        last: Point,
    },
    /// It has triggered the line and may not do so again yet.
    Cooling {
        /// Where it is, and where it was last seen.
        side: CrossingDirection,
        last: Point,
        /// When it triggered.
        since: StreamTime,
        /// Whether it has been further away than the cooldown bandwidth since.
        away: bool,
    },
}

impl Crossing {
    /// The track does not count in this frame, by its class or size, or the line is disarmed: where it goes meanwhile is
    /// not seen. That it has triggered a moment ago stays known, or a box that breathes would trigger twice.
    pub fn interrupt(&mut self, time: StreamTime) {
        *self = match *self {
            Self::Cooling { side, last, since, .. } if time.since(since) < AGAIN_AFTER => {
                Self::Cooling { side, last, since, away: false }
            }
            _ => Self::Unknown,
        };
    }

    /// Takes in where the track's anchor is; the direction if it has crossed, and `line` counts it.
    pub fn step(&mut self, line: &Line, point: Point, time: StreamTime) -> Option<CrossingDirection> {
        let distance = side_distance(line.vertices, point)?;
        let side = match distance {
            d if d > 0.0 => CrossingDirection::Down,
            d if d < 0.0 => CrossingDirection::Up,
            _ => return None, // On the line: neither here nor there.
        };
        if let Self::Cooling { side, last, since, away: true } = *self
            && time.since(since) >= AGAIN_AFTER
        {
            *self = Self::Clear { side, last };
        }
        let beyond = distance.abs() >= line.cross_bandwidth;
        let crossed = match *self {
            Self::Unknown => false,
            Self::Clear { side: home, last } => home != side && passes_through(line.vertices, last, point),
            Self::Passing { from, .. } => from != side,
            Self::Cooling { since, away, .. } => {
                let away = away || distance.abs() >= line.cooldown_bandwidth;
                *self = Self::Cooling { side, last: point, since, away };
                return None;
            }
        };
        if crossed && !beyond {
            *self = Self::Passing { from: opposite(side), last: point };
            return None;
        }
        let counts = crossed && wanted(line.direction, side);
        *self = if counts {
            let away = distance.abs() >= line.cooldown_bandwidth;
            Self::Cooling { side, last: point, since: time, away }
        } else {
            Self::Clear { side, last: point }
        };
        counts.then_some(side)
    }
}

const fn opposite(side: CrossingDirection) -> CrossingDirection {
    match side {
        CrossingDirection::Up => CrossingDirection::Down,
        CrossingDirection::Down => CrossingDirection::Up,
    }
}

const fn wanted(direction: LineDirection, crossed: CrossingDirection) -> bool {
    matches!(
        (direction, crossed),
        (LineDirection::Both, _)
            | (LineDirection::Up, CrossingDirection::Up)
            | (LineDirection::Down, CrossingDirection::Down)
    )
}
