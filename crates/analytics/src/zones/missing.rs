//! What an area remembers of things: what has been told, and what is gone that lay there for long.
//!
//! A thing that is gone goes through these states:
//!
//! ```text
//!         its track is lost or moves,    removed_duration, and nothing
//!         or the scene shows its place     stands before its place
//! Settled ─────────────────────▶ Missing ─────────────────────────────▶ told, forgotten
//!                                   │ it is back
//!                                   └──▶ forgotten
//! ```

use watchpost_model::{Id, Rect, StreamTime, Subject, Track, TrackPhase};

use crate::{motion::Vanished, track::HISTORY};

/// What lay still for less than this is not missed when its track is lost.
pub(crate) const SETTLED_AFTER: StreamTime = StreamTime::from_nanos(10_000_000_000);
/// Two boxes that overlap by this share are one place.
const SAME_PLACE: f32 = 0.4;
/// A box that covers this share of a place hides it.
const HIDES_SHARE: f32 = 0.3;
/// Things remembered in one area, of either kind: more are a scene that nobody watches thing by thing.
const MAX_THINGS: usize = 64;

/// One area's things.
#[derive(Clone, Debug, Default)]
pub(crate) struct Things {
    left: Vec<Left>,
    missing: Vec<Missing>,
    /// Vanished places that were told, or are none of this area's.
    done: Vec<u64>,
}

/// Where a track lay for [`SETTLED_AFTER`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settled {
    pub rect: Rect,
    /// When it was last seen there.
    pub seen: StreamTime,
}

/// Something that was told as left.
#[derive(Clone, Copy, Debug)]
struct Left {
    rect: Rect,
    seen: StreamTime,
}

/// Something that lay there and whose track is lost.
#[derive(Clone, Debug)]
struct Missing {
    what: Subject,
    since: StreamTime,
}

impl Things {
    /// Whether what lies at `rect` has been told as left already, under another track; it is noted if not.
    pub fn is_told(&mut self, rect: Rect, time: StreamTime) -> bool {
        self.left.retain(|left| time.since(left.seen) < HISTORY);
        if let Some(left) = self.left.iter_mut().find(|left| left.rect.iou(&rect) > SAME_PLACE) {
            left.seen = time;
            return true;
        }
        if self.left.len() == MAX_THINGS {
            self.left.remove(0);
        }
        self.left.push(Left { rect, seen: time });
        false
    }

    /// What was told is still there.
    pub fn see(&mut self, rect: &Rect, time: StreamTime) {
        for left in self.left.iter_mut().filter(|left| left.rect.iou(rect) > SAME_PLACE) {
            left.seen = time;
        }
    }

    /// Something that lay at `place` is not there any more.
    pub fn miss(&mut self, what: Subject, place: Settled) {
        let (what, since) = (Subject { rect: place.rect, ..what }, place.seen);
        if self.missing.len() == MAX_THINGS {
            self.missing.remove(0);
        }
        self.missing.push(Missing { what, since });
    }

    /// Which things have been gone for `after`, and are to be told.
    pub fn step(&mut self, tracks: &[Track], after: StreamTime, time: StreamTime) -> Vec<Subject> {
        let mut told = Vec::new();
        self.missing.retain(|missing| {
            let rect = &missing.what.rect;
            let seen = || tracks.iter().filter(|track| track.phase != TrackPhase::Coasting);
            let back =
                seen().any(|track| track.class == missing.what.class && track.rect.iou(rect) > SAME_PLACE);
            let hidden = seen().any(|track| covered(rect, &track.rect) > HIDES_SHARE);
            let due = time.since(missing.since) >= after && !hidden;
            if due && !back {
                told.push(missing.what.clone());
            }
            !back && !due
        });
        told
    }

    /// Which of what has vanished from the scene for `after` has not been told; `is_here` says whether it is this
    /// area's. What has the nil id is nothing that was removed.
    pub fn vanished(
        &mut self,
        vanished: &[(Vanished, Id)],
        after: StreamTime,
        time: StreamTime,
        is_here: impl Fn(&Rect) -> bool,
    ) -> Vec<(Vanished, Id)> {
        self.done.retain(|number| vanished.iter().any(|(place, _)| place.number == *number));
        let due: Vec<_> = vanished
            .iter()
            .filter(|(place, _)| time.since(place.since) >= after && !self.done.contains(&place.number))
            .copied()
            .collect();
        self.done.extend(due.iter().map(|(place, _)| place.number));
        due.into_iter().filter(|(place, id)| !id.is_nil() && is_here(&place.rect)).collect()
    }

    /// The area is disarmed: what goes now is not this area's.
    pub fn disarm(&mut self, vanished: &[(Vanished, Id)]) {
        self.left.clear();
        self.missing.clear();
        self.done = vanished.iter().map(|(place, _)| place.number).collect();
    }

    /// The stream ends.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The share of `rect` that `other` covers.
fn covered(rect: &Rect, other: &Rect) -> f32 {
    let width = (rect.x + rect.width).min(other.x + other.width) - rect.x.max(other.x);
    let height = (rect.y + rect.height).min(other.y + other.height) - rect.y.max(other.y);
    width.max(0.0) * height.max(0.0) / rect.area().max(f32::MIN_POSITIVE)
}
