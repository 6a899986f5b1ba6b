//! Objects left and removed: runs the machines of `resting.rs` and `missing.rs` for one area.

use watchpost_model::{
    Area, Event, EventKind, Id, ObjectClass, ObjectState, Rect, StreamTime, Subject, Track, TrackPhase,
};

use super::{
    areas::{AreaWatch, is_in, reference},
    engine::{Happening, happening, subject},
    missing::{SETTLED_AFTER, Settled, Things},
    resting::Resting,
};
use crate::{
    ids::Ids,
    motion::{Edges, Vanished},
    posture::Posture,
};

/// What has gone from the scene, each with the id it is told by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone {
    /// The class of what motion finds.
    pub class: ObjectClass,
    pub places: Vec<(Vanished, Id)>,
}

/// Whether an area asks for things at all.
pub(crate) const fn watches(area: &Area) -> bool {
    area.triggers.object_left.is_some() || area.triggers.object_removed.is_some()
}

/// Whether `area` waits to see how long something lies there.
pub(crate) const fn waits(area: &Area, resting: &Resting, posture: &Posture) -> bool {
    let asked = match posture.edges {
        Edges::Vanished => area.triggers.object_removed.is_some(),
        Edges::Appeared => area.triggers.object_left.is_some(),
        Edges::Unclear => false,
    };
    asked && resting.waits()
}

/// Takes in one track of a frame. `others` are all of it.
pub(crate) fn step_track(
    area: &Area,
    (state, things): (&mut AreaWatch, &mut Things),
    (track, posture): (&Track, &Posture),
    others: &[(&Track, &Posture)],
    time: StreamTime,
    (ids, out): (&mut Ids, &mut Vec<Happening>),
) {
    let resting = &mut state.resting;
    if let Some(place) = state.settled
        && has_moved(track, &place.rect)
    {
        things.miss(subject(track), place);
        state.settled = None;
    }
    // What is hidden, or only half seen, is not looked at; nor is what is not established yet.
    if !posture.is_seen || track.phase != TrackPhase::Locked {
        return;
    }
    let (told_as, after) = match (posture.edges, area.triggers.object_left, area.triggers.object_removed) {
        (Edges::Appeared, Some(after), _) => (ObjectState::Left, after),
        (Edges::Vanished, _, Some(after)) => (ObjectState::Removed, after),
        // Nothing to tell of it, but what lies here for long is missed when it goes.
        _ => (ObjectState::Left, StreamTime::from_nanos(u64::MAX)),
    };
    // As it is seen in this frame.
    let seen = Track { rect: posture.rect, ..(*track).clone() };
    let still = posture.lies_still && is_in(area, &seen);
    if resting.step(still, &seen.rect, after, time) && !is_accompanied(&seen, others) {
        resting.tell();
        if !things.is_told(seen.rect, time) {
            let kind = EventKind::ObjectLeftRemoved { area: reference(area), state: told_as };
            out.push(happening(&seen, ids.next(), kind));
        }
    }
    if let Resting::Told(_) = resting {
        things.see(&seen.rect, time);
    }
    if area.triggers.object_removed.is_some() && still && resting.lain() >= SETTLED_AFTER {
        state.settled = Some(Settled { rect: seen.rect, seen: time });
    }
}

/// A track is lost. `posture.has_gone` is false where the thing is there still and has only become background.
pub(crate) fn lose_track(state: &AreaWatch, things: &mut Things, (track, posture): (&Track, &Posture)) {
    if let Some(place) = state.settled.filter(|_| posture.has_gone) {
        things.miss(subject(track), place);
    }
}

/// After all tracks of a frame: what is gone.
pub(crate) fn step_gone(
    area: &Area,
    things: &mut Things,
    tracks: &[Track],
    gone: &Gone,
    time: StreamTime,
    (ids, out): (&mut Ids, &mut Vec<Happening>),
) {
    let Some(after) = area.triggers.object_removed else { return };
    let mut told = things.step(tracks, after, time);
    let as_subject = |(place, id): (Vanished, Id)| Subject {
        track_id: id,
        class: gone.class,
        rect: place.rect.clamped(),
        confidence: place.confidence,
    };
    let is_here = |rect: &_| is_in(area, &as_track(rect, gone.class));
    told.extend(things.vanished(&gone.places, after, time, is_here).into_iter().map(as_subject));
    out.extend(told.into_iter().map(|what| {
        let kind = EventKind::ObjectLeftRemoved { area: reference(area), state: ObjectState::Removed };
        // Nobody is waited for: what has gone was established, or never had a track.
        Happening { track: None, event: Event { id: ids.next(), kind, subjects: vec![what] } }
    }));
}

/// It is away from where it lay by more than its size: somebody carries it, or it goes by itself.
fn has_moved(track: &Track, place: &Rect) -> bool {
    let (now, then) = (track.rect.center(), place.center());
    (now.x - then.x).hypot(now.y - then.y) > place.width.max(place.height)
}

/// A thing beside which somebody stands or walks is not left yet.
fn is_accompanied(track: &Track, others: &[(&Track, &Posture)]) -> bool {
    let established = others.iter().filter(|(other, posture)| {
        other.id != track.id && other.phase == TrackPhase::Locked && !posture.lies_still
    });
    established.into_iter().any(|(other, _)| other.rect.iou(&track.rect) > 0.0)
}

/// For the filters of an area, what they look at in a place.
fn as_track(rect: &Rect, class: ObjectClass) -> Track {
    Track {
        id: Id::nil(),
        external_id: None,
        class,
        rect: *rect,
        confidence: 0.0,
        age: StreamTime::ZERO,
        is_moving: false,
        phase: TrackPhase::Locked,
    }
}
