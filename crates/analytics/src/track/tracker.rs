//! From what each frame shows to objects with a life of their own.

use std::collections::HashMap;

use watchpost_model::{Id, ObjectClass, Rect, StreamTime};

use super::{
    assign::{Pair, assign},
    object::{Measurement, Object, Sight},
    shared::{Grid, divide},
};
use crate::{
    ids::{Ids, of_track},
    motion::Blob,
};

/// A lost track is kept this long: behind a tree, a post, another person.
const COAST: StreamTime = StreamTime::from_nanos(2_000_000_000);
/// The same for one that is not established yet: noise should not linger.
const COAST_TENTATIVE: StreamTime = StreamTime::from_nanos(350_000_000);
/// The same for one that was last seen at the edge of the frame.
const COAST_AT_EDGE: StreamTime = StreamTime::from_nanos(400_000_000);
/// Two tracks in one place for this long are one object.
const DOUBLED: StreamTime = StreamTime::from_nanos(1_500_000_000);
/// History is forgotten after this (REFERENCE "Noise control").
pub(crate) const HISTORY: StreamTime = StreamTime::from_nanos(15_000_000_000);
/// More objects than this in one frame are noise; the first ones are followed.
const MAX_TRACKS: usize = 1000;

/// What one frame shows of one object.
#[derive(Clone, Debug)]
pub(crate) struct Observation<'a> {
    pub rect: Rect,
    pub class: ObjectClass,
    pub confidence: f32,
    /// The user's own track.
    pub external_id: Option<&'a str>,
    /// Its pixels, where motion found it.
    pub blob: Option<&'a Blob>,
}

/// Follows objects.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub objects: Vec<Object>,
    /// For each observation of the last frame, the index of its object.
    pub matches: Vec<Option<usize>>,
    /// In which the user's own ids of tracks are names.
    namespace: Id,
    time: Option<StreamTime>,
}

impl Tracker {
    pub fn new(namespace: Id) -> Self {
        Self { objects: Vec::new(), matches: Vec::new(), namespace, time: None }
    }

    /// In which the user's own ids of tracks are names.
    pub fn namespace(&self) -> Id {
        self.namespace
    }

    /// Takes in a frame; returns the tracks that are lost with it.
    pub fn update(
        &mut self,
        seen: &[Observation<'_>],
        time: StreamTime,
        aspect: f32,
        grid: Grid,
        ids: &mut Ids,
    ) -> Vec<Object> {
        let dt = self.time.map_or(0.0, |last| time.since(last).as_secs() as f32);
        self.time = Some(time);
        for object in &mut self.objects {
            object.predict(dt);
        }
        self.matches = vec![None; seen.len()];
        let mut measured: Vec<Option<Measurement>> = vec![None; self.objects.len()];
        self.match_external(seen, &mut measured);
        self.match_by_place(seen, &mut measured);
        self.share_blobs(seen, &mut measured, grid);
        self.join_fragments(seen, &mut measured);
        for (object, measured) in self.objects.iter_mut().zip(&measured) {
            match measured {
                Some(measured) => object.update(measured, time, dt),
                None => object.miss(time, dt),
            }
        }
        self.start_new(seen, time, aspect, ids);
        self.mark_doubles(time);
        self.remove_lost(time)
    }

    /// The user's own ids bypass matching.
    fn match_external(&mut self, seen: &[Observation<'_>], measured: &mut [Option<Measurement>]) {
        if seen.iter().all(|s| s.external_id.is_none()) {
            return;
        }
        let by_id: HashMap<&str, usize> = self
            .objects
            .iter()
            .enumerate()
            .filter_map(|(index, object)| Some((object.external_id.as_deref()?, index)))
            .collect();
        for (index, observation) in seen.iter().enumerate() {
            let object = observation.external_id.and_then(|id| by_id.get(id).copied());
            if let Some(object) = object
                && measured[object].is_none()
            {
                measured[object] = Some(observation.alone());
                self.matches[index] = Some(object);
            }
        }
    }

    fn match_by_place(&mut self, seen: &[Observation<'_>], measured: &mut [Option<Measurement>]) {
        let mut order: Vec<usize> = (0..seen.len()).filter(|&s| seen[s].external_id.is_none()).collect();
        order.sort_by(|&a, &b| seen[a].rect.center().x.total_cmp(&seen[b].rect.center().x));
        let widest = order.iter().map(|&s| seen[s].rect.width).fold(0.0, f32::max);
        let mut pairs = Vec::new();
        for (index, object) in self.objects.iter().enumerate() {
            if object.external_id.is_some() {
                continue;
            }
            let (x, reach) = (object.rect().center().x, object.reach_x() + widest / 2.0);
            let first = order.partition_point(|&s| seen[s].rect.center().x < x - reach);
            for &s in order[first..].iter().take_while(|&&s| seen[s].rect.center().x <= x + reach) {
                if let Some(cost) = object.cost(&seen[s].rect) {
                    pairs.push(Pair { track: index, seen: s, cost });
                }
            }
        }
        for (object, s) in assign(self.objects.len(), seen.len(), &pairs) {
            measured[object] = Some(seen[s].alone());
            self.matches[s] = Some(object);
        }
    }

    /// Tracks that found no blob of their own look for one they are in together with another.
    fn share_blobs(&self, seen: &[Observation<'_>], measured: &mut [Option<Measurement>], grid: Grid) {
        let mut sharers: Vec<Vec<usize>> = vec![Vec::new(); seen.len()];
        for (index, object) in self.objects.iter().enumerate() {
            if measured[index].is_some() || object.matched < 4 || object.external_id.is_some() {
                continue;
            }
            let rect = object.rect();
            let covered = |s: &Observation<'_>| overlap(&rect, &s.rect) / rect.area().max(1e-9);
            let best = (0..seen.len())
                .filter(|&s| seen[s].blob.is_some() && self.matches[s].is_some())
                .max_by(|&a, &b| covered(&seen[a]).total_cmp(&covered(&seen[b])));
            if let Some(s) = best
                && covered(&seen[s]) > 0.35
            {
                sharers[s].push(index);
            }
        }
        for (s, mut sharers) in sharers.into_iter().enumerate() {
            let (Some(owner), Some(blob)) = (self.matches[s], seen[s].blob) else { continue };
            if sharers.is_empty() {
                continue;
            }
            sharers.push(owner);
            let boxes: Vec<Rect> = sharers.iter().map(|&index| self.objects[index].rect()).collect();
            for (part, index) in divide(blob, &boxes, grid).into_iter().zip(sharers) {
                measured[index] =
                    part.map(|rect| Measurement { rect, sight: Sight::Shared, ..seen[s].alone() });
            }
        }
    }

    /// A blob that nobody owns, inside the expected box of a track: a part that a post cut off.
    fn join_fragments(&mut self, seen: &[Observation<'_>], measured: &mut [Option<Measurement>]) {
        for (s, observation) in seen.iter().enumerate() {
            if self.matches[s].is_some() || observation.blob.is_none() {
                continue;
            }
            let owner = (0..self.objects.len()).find(|&index| {
                let object = &self.objects[index];
                let (Some(own), rect) = (measured[index], object.rect()) else { return false };
                let both = union(&own.rect, &observation.rect);
                object.matched >= 4
                    && own.sight == Sight::Clear
                    && overlap(&rect, &observation.rect) > 0.4 * observation.rect.area()
                    && !object.beside(&own.rect, &observation.rect)
                    && both.width < 1.35 * rect.width
                    && both.height < 1.35 * rect.height
            });
            if let Some(index) = owner
                && let Some(own) = &mut measured[index]
            {
                own.rect = union(&own.rect, &observation.rect);
                self.matches[s] = Some(index);
            }
        }
    }

    fn start_new(&mut self, seen: &[Observation<'_>], time: StreamTime, aspect: f32, ids: &mut Ids) {
        for (s, observation) in seen.iter().enumerate() {
            if self.matches[s].is_some() || self.objects.len() >= MAX_TRACKS {
                continue;
            }
            let external = observation.external_id;
            if external.is_some() && self.objects.iter().any(|o| o.external_id.as_deref() == external) {
                continue; // The same id twice in one frame: the first one counts.
            }
            let id = external.map_or_else(|| ids.next(), |external| of_track(self.namespace, external));
            self.matches[s] = Some(self.objects.len());
            self.objects.push(Object::new(
                id,
                external.map(str::to_owned),
                &observation.alone(),
                time,
                aspect,
            ));
        }
    }

    /// Notes who hides in the box of an older track.
    fn mark_doubles(&mut self, time: StreamTime) {
        for index in 0..self.objects.len() {
            let object = &self.objects[index];
            let doubled = object.sight == Sight::Shared && {
                let rect = object.rect();
                self.objects[..index].iter().any(|o| o.sight == Sight::Shared && o.rect().iou(&rect) > 0.6)
            };
            let since = object.doubled_since.unwrap_or(time);
            self.objects[index].doubled_since = doubled.then_some(since);
        }
    }

    fn remove_lost(&mut self, time: StreamTime) -> Vec<Object> {
        let (mut kept, mut lost) = (Vec::with_capacity(self.objects.len()), Vec::new());
        let mut moved_to = Vec::with_capacity(self.objects.len());
        for object in std::mem::take(&mut self.objects) {
            if is_lost(&object, time) {
                moved_to.push(None);
                lost.push(object);
            } else {
                moved_to.push(Some(kept.len()));
                kept.push(object);
            }
        }
        self.objects = kept;
        for matched in &mut self.matches {
            *matched = matched.and_then(|index| moved_to[index]);
        }
        lost
    }
}

impl Observation<'_> {
    fn alone(&self) -> Measurement {
        Measurement { rect: self.rect, class: self.class, confidence: self.confidence, sight: Sight::Clear }
    }
}

fn is_lost(object: &Object, time: StreamTime) -> bool {
    let unseen = time.since(object.last_seen);
    let rect = object.rect();
    let center = rect.center();
    let outside = !(0.0..=1.0).contains(&center.x) || !(0.0..=1.0).contains(&center.y);
    let at_edge =
        rect.x < 0.005 || rect.y < 0.005 || rect.x + rect.width > 0.995 || rect.y + rect.height > 0.995;
    let limit = match () {
        () if object.external_id.is_some() => COAST,
        () if outside => StreamTime::ZERO,
        () if !object.locked => COAST_TENTATIVE,
        () if at_edge => COAST_AT_EDGE,
        () => COAST,
    };
    unseen > limit || object.doubled_since.is_some_and(|since| time.since(since) > DOUBLED)
}

fn overlap(a: &Rect, b: &Rect) -> f32 {
    let width = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
    let height = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
    width.max(0.0) * height.max(0.0)
}

fn union(a: &Rect, b: &Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let (right, bottom) = ((a.x + a.width).max(b.x + b.width), (a.y + a.height).max(b.y + b.height));
    Rect::new(x, y, right - x, bottom - y)
}
