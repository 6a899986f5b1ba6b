//! How a track stands or lies: what areas that wait for objects left or removed have to know of it.

use watchpost_model::{ObjectClass, Rect, Track, TrackPhase};

use crate::{
    motion::{Edges, MotionBlob},
    track::{Object, Sight},
};

/// A blob of which this share does not change lies still. Somebody who stands sways, and the edges change.
const STILL_SHARE: f32 = 0.8;

/// One track in one frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Posture {
    /// Seen on its own in this frame.
    pub is_seen: bool,
    /// It is a thing that lies still, as far as this frame shows.
    pub lies_still: bool,
    /// Whether it came, or is the place of something that went.
    pub edges: Edges,
    /// What is seen of it, without the patience with which a track's box follows.
    pub rect: Rect,
    /// Of a track that is lost: it is not there any more.
    pub has_gone: bool,
}

impl Posture {
    /// Of a track that motion found as `blob`, if it was seen.
    pub fn of_motion(object: &Object, blob: Option<&MotionBlob>) -> Self {
        let rest = blob.and_then(|seen| seen.rest).filter(|_| object.sight == Sight::Clear);
        // Pixels say it better than whether its box moves, which follows what was hidden before.
        let rect = blob.map_or_else(|| object.rect(), |seen| seen.rect).clamped();
        let lies_still =
            rest.is_some_and(|rest| rest.still >= STILL_SHARE) && !object.has_walked_here(rect.area());
        let edges = rest.map_or(Edges::Unclear, |rest| rest.edges);
        Self { is_seen: rest.is_some(), lies_still, edges, rect, has_gone: true }
    }

    /// Of a track made of detections: its class says whether it is a thing.
    pub fn of_detections(object: &Object) -> Self {
        let (is_seen, rect) = (object.sight == Sight::Clear, object.rect().clamped());
        let lies_still = is_thing(object.class()) && !object.is_moving();
        Self { is_seen, lies_still, edges: Edges::Appeared, rect, has_gone: true }
    }

    /// Of a track of which nothing else is known any more.
    pub fn of_track(track: &Track) -> Self {
        let lies_still = is_thing(track.class) && !track.is_moving;
        let is_seen = track.phase == TrackPhase::Locked;
        Self { is_seen, lies_still, edges: Edges::Appeared, rect: track.rect.clamped(), has_gone: true }
    }
}

/// People and animals rest, they are not left.
const fn is_thing(class: ObjectClass) -> bool {
    matches!(class, ObjectClass::Vehicle | ObjectClass::Unknown)
}
