//! What was part of the scene and is gone: the place, and what was there, to see whether it comes back.
//!
//! A place is found where the picture shows no edge any more and the background still does (`is_ghost`): the same
//! comparison that tells a thing that was taken away from one that was put down (e.g. Tian et al., "Robust
//! detection of abandoned and removed objects in complex surveillance videos", 2011).

use watchpost_model::{Rect, StreamTime};

use super::{blobs::Blob, reduce::Plane8};

/// Places that are watched at once; the oldest gives way. More at once is a scene that was rebuilt.
const MAX_PLACES: usize = 32;
/// A pixel is as it was before if it differs by at most this, in steps of luma.
const ALIKE: u8 = 20;
/// Something is back if this share of its pixels is as before.
const BACK_SHARE: f32 = 0.7;
/// Who takes something away uncovers its place bit by bit: what is found beside a place within this is part of it.
const UNCOVERED_WITHIN: StreamTime = StreamTime::from_nanos(3_000_000_000);
/// Bits that are this near, in reduced pixels, are beside one another.
const BESIDE: i32 = 3;

/// Something that is gone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Vanished {
    /// Counts places of this camera.
    pub number: u64,
    /// Where it was.
    pub rect: Rect,
    /// When it was first seen to be gone.
    pub since: StreamTime,
    /// By contrast, 0..1.
    pub confidence: f32,
}

#[derive(Debug)]
struct Place {
    vanished: Vanished,
    blob: Blob,
    /// What the scene was there, in the order of the runs.
    before: Vec<u8>,
}

/// The places where something is gone.
#[derive(Debug, Default)]
pub(crate) struct Places {
    places: Vec<Place>,
    next: u64,
}

impl Places {
    /// Something is gone from `blob`; `background` is still what was there. `rect_of` says where a blob is.
    pub fn note(
        &mut self,
        blob: &Blob,
        confidence: f32,
        background: &Plane8,
        time: StreamTime,
        rect_of: impl Fn(&Blob) -> Rect,
    ) {
        let is_part = |place: &&mut Place| {
            time.since(place.vanished.since) <= UNCOVERED_WITHIN && are_beside(&place.blob, blob)
        };
        if let Some(place) = self.places.iter_mut().find(is_part) {
            place.before.extend(pixels(blob, background));
            place.blob.absorb(blob.clone());
            place.vanished.rect = rect_of(&place.blob);
            return;
        }
        if self.places.len() == MAX_PLACES {
            self.places.remove(0);
        }
        let before = pixels(blob, background).collect();
        let vanished = Vanished { number: self.next, rect: rect_of(blob), since: time, confidence };
        self.next += 1;
        self.places.push(Place { vanished, blob: blob.clone(), before });
    }

    /// Forgets what is back, and what has been gone for longer than anybody asks.
    pub fn update(&mut self, now: &Plane8, keep: StreamTime, time: StreamTime) {
        self.places.retain(|place| {
            let as_before = pixels(&place.blob, now)
                .zip(&place.before)
                .filter(|(now, before)| now.abs_diff(**before) <= ALIKE)
                .count();
            let back = as_before as f32 > BACK_SHARE * place.before.len() as f32;
            !back && time.since(place.vanished.since) <= keep
        });
    }

    /// What is gone now, oldest first.
    pub fn list(&self) -> impl Iterator<Item = Vanished> + '_ {
        self.places.iter().map(|place| place.vanished)
    }

    /// The scene is learnt anew: what was in it before is not known any more.
    pub fn clear(&mut self) {
        self.places.clear();
    }
}

fn are_beside(a: &Blob, b: &Blob) -> bool {
    a.left <= b.right + BESIDE
        && b.left <= a.right + BESIDE
        && a.top <= b.bottom + BESIDE
        && b.top <= a.bottom + BESIDE
}

fn pixels<'a>(blob: &'a Blob, plane: &'a Plane8) -> impl Iterator<Item = u8> + 'a {
    blob.runs
        .iter()
        .flat_map(|run| &plane.row(usize::from(run.y))[usize::from(run.from)..usize::from(run.to)])
        .copied()
}
