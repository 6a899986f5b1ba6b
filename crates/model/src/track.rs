//! An object followed over frames.

use crate::{Id, ObjectClass, Rect, StreamTime};

/// The state of one track in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Stable over the track's life.
    pub id: Id,
    /// The user's own name for it, if the detections carried one.
    pub external_id: Option<String>,
    /// Its class by majority over its life.
    pub class: ObjectClass,
    /// Where it is, in parts of the frame.
    pub rect: Rect,
    /// Confidence of its last match, 0..1.
    pub confidence: f32,
    /// Since it was first seen.
    pub age: StreamTime,
    /// Whether it has moved by more than its own jitter within the last second.
    pub is_moving: bool,
    /// How sure it is.
    pub phase: TrackPhase,
}

/// How far a track has come. Events wait for [`TrackPhase::Locked`] (REFERENCE "Analytics").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackPhase {
    /// Seen for less than a second, or matched in less than half of its frames: may be noise.
    Tentative,
    /// Established and matched in this frame.
    Locked,
    /// Established, but not matched in this frame: `rect` is where it is expected to be.
    Coasting,
}
