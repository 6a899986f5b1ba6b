//! What areas and lines say of tracks.

use crate::{Id, ObjectClass, Rect, StreamTime};

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its own identity; an end has its own too.
    pub id: Id,
    /// What happened.
    pub kind: EventKind,
    /// Who did it; several for crowding, one otherwise.
    pub subjects: Vec<Subject>,
}

/// The track behind an event, as it was at that moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Its track.
    pub track_id: Id,
    /// Its class.
    pub class: ObjectClass,
    /// Where it was.
    pub rect: Rect,
    /// Confidence of its last match, 0..1.
    pub confidence: f32,
}

/// An area or a line, by identity and by the name it had at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ZoneRef {
    /// Its identity.
    pub id: Id,
    /// Its name.
    pub name: String,
}

/// What happened. One variant per event id of REFERENCE "Records"; each end names its start.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// `event-area-enter`.
    AreaEnter(ZoneRef),
    /// `event-area-exit`.
    AreaExit(ZoneRef),
    /// `event-intrusion`.
    Intrusion(ZoneRef),
    /// `event-intrusion-end`.
    IntrusionEnd {
        /// Where.
        area: ZoneRef,
        /// Id of the `event-intrusion`.
        start: Id,
        /// From start to end.
        duration: StreamTime,
    },
    /// `event-loitering`.
    Loitering(ZoneRef),
    /// `event-loitering-end`.
    LoiteringEnd {
        /// Where.
        area: ZoneRef,
        /// Id of the `event-loitering`.
        start: Id,
        /// From start to end.
        duration: StreamTime,
    },
    /// `event-crowd-detection`; the subjects are the crowd.
    Crowd(ZoneRef),
    /// `event-line-crossing`.
    LineCrossing {
        /// Which line.
        line: ZoneRef,
        /// Which way.
        direction: CrossingDirection,
    },
    /// `event-tailgating`.
    Tailgating {
        /// Which line.
        line: ZoneRef,
        /// Which way.
        direction: CrossingDirection,
        /// Between the two crossings.
        interval: StreamTime,
        /// Who crossed first.
        first_track: Id,
    },
    /// `event-object-left-removed`.
    ObjectLeftRemoved {
        /// Where.
        area: ZoneRef,
        /// Which of the two.
        state: ObjectState,
    },
    /// `event-armed-person`: only from detections that say so.
    ArmedPerson,
    /// `event-armed-person-end`.
    ArmedPersonEnd {
        /// Id of the start.
        start: Id,
        /// From start to end.
        duration: StreamTime,
    },
    /// `event-fallen-person`: only from detections that say so.
    FallenPerson,
    /// `event-fallen-person-end`.
    FallenPersonEnd {
        /// Id of the start.
        start: Id,
        /// From start to end.
        duration: StreamTime,
    },
}

/// Which way a line was crossed; sides as in [`crate::LineDirection`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrossingDirection {
    /// Towards the upper side.
    Up,
    /// Towards the lower side.
    Down,
}

/// Whether an object appeared or went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectState {
    /// It came to rest and stayed.
    Left,
    /// It was there and is gone.
    Removed,
}
