//! Runs the machines of all tracks, areas and lines.

use std::collections::{HashMap, HashSet};

use watchpost_model::{
    Area, Event, EventKind, Id, Line, Rect, SizeLimits, StreamTime, Subject, Track, TrackPhase,
};

use super::{
    areas::{AreaWatch, close, reference, same_area, step_area},
    crossing::Crossing,
    crowding::Crowding,
    lines::Tripwire,
    missing::Things,
    objects::{self, Gone},
    resting::Resting,
};
use crate::{analysis::Occupancy, ids::Ids, motion::Watch as Watched, posture::Posture};

/// An event and the track that waits with it until it is established; crowds wait for nobody.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub track: Option<Id>,
    pub event: Event,
}

/// All areas and lines, and what each track does in them.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    areas: Vec<Zone>,
    lines: Vec<Tripwire>,
    disarmed: HashSet<Id>,
    watches: HashMap<Id, Watch>,
}

/// An area, and what it remembers beyond single tracks.
#[derive(Debug)]
struct Zone {
    area: Area,
    crowding: Crowding,
    things: Things,
}

/// What one frame shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub tracks: &'a [Track],
    /// One for each track; none where nobody asks ([`Zones::watch`]).
    pub postures: &'a [Posture],
    pub gone: &'a Gone,
}

/// One track's machines, in the order of areas and lines.
#[derive(Clone, Debug, Default)]
struct Watch {
    areas: Vec<AreaWatch>,
    lines: Vec<Crossing>,
}

impl Zones {
    /// Arms or disarms an area or line; all are armed at first.
    pub fn set_armed(&mut self, zone: Id, armed: bool) {
        if armed {
            self.disarmed.remove(&zone);
        } else {
            self.disarmed.insert(zone);
        }
    }

    /// Replaces areas and lines. What has changed in more than name, colour or schedule is ended and
    /// begins anew; the rest goes on undisturbed. Returns the ends.
    pub fn replace(
        &mut self,
        areas: Vec<Area>,
        lines: Vec<Line>,
        tracks: &[Track],
        time: StreamTime,
        ids: &mut Ids,
    ) -> Vec<Happening> {
        let kept_area = |new: &Area| self.areas.iter().position(|old| same_area(&old.area, new));
        let kept_line = |new: &Line| self.lines.iter().position(|old| old.is_same(new));
        let areas_from: Vec<Option<usize>> = areas.iter().map(kept_area).collect();
        let lines_from: Vec<Option<usize>> = lines.iter().map(kept_line).collect();
        let mut ends = Vec::new();
        for track in tracks {
            let Some(watch) = self.watches.get_mut(&track.id) else { continue };
            for (index, Zone { area, .. }) in self.areas.iter().enumerate() {
                if !areas_from.contains(&Some(index)) {
                    close(area, &mut watch.areas[index], track, time, ids, &mut ends);
                }
            }
            watch.areas = areas_from
                .iter()
                .map(|from| from.map_or_else(Default::default, |i| watch.areas[i]))
                .collect();
            watch.lines = lines_from
                .iter()
                .map(|from| from.map_or_else(Default::default, |i| watch.lines[i]))
                .collect();
        }
        let mut kept: Vec<Option<Zone>> = std::mem::take(&mut self.areas).into_iter().map(Some).collect();
        let areas =
            areas.into_iter().zip(areas_from).map(|(area, from)| match from.and_then(|i| kept[i].take()) {
                Some(old) => Zone { area, ..old },
                None => Zone { area, crowding: Crowding::default(), things: Things::default() },
            });
        self.areas = areas.collect();
        let mut kept: Vec<Option<Tripwire>> = std::mem::take(&mut self.lines).into_iter().map(Some).collect();
        let lines =
            lines.into_iter().zip(lines_from).map(|(line, from)| match from.and_then(|i| kept[i].take()) {
                Some(old) => old.renamed(line),
                None => Tripwire::new(line),
            });
        self.lines = lines.collect();
        ends
    }

    /// Takes in the living tracks of a frame.
    pub fn step(&mut self, seen: Seen<'_>, time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let tracks = seen.tracks;
        let mut happened = Vec::new();
        for track in tracks {
            let watch = self.watches.entry(track.id).or_default();
            watch.areas.resize(self.areas.len(), AreaWatch::default());
            watch.lines.resize(self.lines.len(), Crossing::default());
            for (tripwire, crossing) in self.lines.iter_mut().zip(&mut watch.lines) {
                let armed = !self.disarmed.contains(&tripwire.line.id);
                tripwire.step(crossing, armed, track, time, ids, &mut happened);
            }
            for (Zone { area, .. }, state) in self.areas.iter().zip(&mut watch.areas) {
                if self.disarmed.contains(&area.id) {
                    state.presence.leave();
                    (state.resting, state.settled) = (Resting::Elsewhere, None);
                    close(area, state, track, time, ids, &mut happened);
                } else if track.phase != TrackPhase::Coasting {
                    step_area(area, state, track, time, ids, &mut happened);
                }
            }
        }
        self.step_gates(tracks, time, ids, &mut happened);
        self.step_things(seen, time, ids, &mut happened);
        self.step_crowds(tracks, time, ids, &mut happened);
        happened
    }

    /// The track is lost: it has left every area. `posture`: what is known of it where that is asked for.
    pub fn lose(
        &mut self,
        track: &Track,
        posture: Option<&Posture>,
        time: StreamTime,
        ids: &mut Ids,
    ) -> Vec<Happening> {
        let mut happened = Vec::new();
        for tripwire in &mut self.lines {
            tripwire.lose(track, ids, &mut happened);
        }
        let Some(mut watch) = self.watches.remove(&track.id) else { return happened };
        for (Zone { area, things, .. }, state) in self.areas.iter_mut().zip(&mut watch.areas) {
            let armed = !self.disarmed.contains(&area.id);
            if let Some(posture) = posture {
                objects::lose_track(state, things, (track, posture));
            }
            if state.presence.leave().is_some() && area.triggers.exit && armed {
                happened.push(happening(track, ids.next(), EventKind::AreaExit(reference(area))));
            }
            close(area, state, track, time, ids, &mut happened);
        }
        happened
    }

    /// The instance stops: whatever is open ends. Nobody has left an area by that.
    pub fn stop(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let mut happened = Vec::new();
        for track in tracks {
            let Some(mut watch) = self.watches.remove(&track.id) else { continue };
            for (Zone { area, .. }, state) in self.areas.iter().zip(&mut watch.areas) {
                close(area, state, track, time, ids, &mut happened);
            }
        }
        self.watches.clear();
        self.lines.iter_mut().for_each(Tripwire::forget);
        for zone in &mut self.areas {
            zone.things.clear();
            // Its times are of the stream that ends: who is there when it begins anew are a crowd of their own.
            zone.crowding = Crowding::default();
        }
        happened
    }

    /// Who is where.
    pub fn occupancy(&self, tracks: &[Track]) -> Vec<Occupancy> {
        let count = |index: usize| self.inside(index, tracks).count() as u32;
        let areas = self.areas.iter().enumerate();
        areas
            .map(|(index, Zone { area, .. })| Occupancy {
                area_id: area.id,
                name: area.name.clone(),
                count: count(index),
            })
            .collect()
    }

    /// Established tracks inside an area.
    fn inside<'a>(&'a self, area: usize, tracks: &'a [Track]) -> impl Iterator<Item = &'a Track> {
        tracks.iter().filter(move |track| {
            let watch = self.watches.get(&track.id).and_then(|watch| watch.areas.get(area));
            track.phase != TrackPhase::Tentative && watch.is_some_and(|watch| watch.presence.is_inside())
        })
    }

    fn step_gates(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids, out: &mut Vec<Happening>) {
        if self.lines.iter().all(|tripwire| tripwire.line.triggers.tailgating.is_none()) {
            return;
        }
        let established: HashSet<Id> = tracks
            .iter()
            .filter(|track| track.phase != TrackPhase::Tentative)
            .map(|track| track.id)
            .collect();
        for tripwire in &mut self.lines {
            let armed = !self.disarmed.contains(&tripwire.line.id);
            tripwire.step_gates(armed, |id| established.contains(&id), time, ids, out);
        }
    }

    /// Objects left and removed.
    fn step_things(&mut self, seen: Seen<'_>, time: StreamTime, ids: &mut Ids, out: &mut Vec<Happening>) {
        let all: Vec<(&Track, &Posture)> = seen.tracks.iter().zip(seen.postures).collect();
        for (index, Zone { area, things, .. }) in self.areas.iter_mut().enumerate() {
            if !objects::watches(area) {
                continue;
            }
            if self.disarmed.contains(&area.id) {
                things.disarm(&seen.gone.places);
                continue;
            }
            for (track, posture) in &all {
                let watch = self.watches.get_mut(&track.id).and_then(|watch| watch.areas.get_mut(index));
                if let Some(watch) = watch {
                    let machines = (watch, &mut *things);
                    objects::step_track(area, machines, (track, posture), &all, time, (ids, out));
                }
            }
            objects::step_gone(area, things, seen.tracks, seen.gone, time, (ids, out));
        }
    }

    /// What the areas have to know beyond tracks.
    pub fn watch(&self) -> Watched {
        let areas = || self.areas.iter().map(|zone| &zone.area);
        Watched {
            rest: areas().any(objects::watches),
            vanished: areas().filter_map(|area| area.triggers.object_removed).max(),
        }
    }

    /// Where something lies of which an area waits to see how long: it must not become background meanwhile.
    pub fn held(&self, seen: Seen<'_>) -> Vec<Rect> {
        let waits = |(track, posture): &(&Track, &Posture)| {
            let Some(watch) = self.watches.get(&track.id) else { return false };
            let areas = self.areas.iter().zip(&watch.areas);
            areas.into_iter().any(|(zone, state)| objects::waits(&zone.area, &state.resting, posture))
        };
        let tracks = seen.tracks.iter().zip(seen.postures).filter(waits);
        tracks.map(|(_, posture)| posture.rect).collect()
    }

    fn step_crowds(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids, out: &mut Vec<Happening>) {
        for index in 0..self.areas.len() {
            let area = &self.areas[index].area;
            let Some(min_count) = area.triggers.crowding else { continue };
            let armed = !self.disarmed.contains(&area.id);
            let ignore_stationary = area.ignore_stationary;
            let counted = |track: &&Track| armed && (track.is_moving || !ignore_stationary);
            let crowd: Vec<Subject> = self.inside(index, tracks).filter(counted).map(subject).collect();
            let Zone { area, crowding, .. } = &mut self.areas[index];
            if crowding.step(crowd.len() as u32, min_count, time) {
                let kind = EventKind::Crowd(reference(area));
                out.push(Happening { track: None, event: Event { id: ids.next(), kind, subjects: crowd } });
            }
        }
    }
}

/// Whether a track is of a size that counts.
pub(crate) fn fits(sizes: &SizeLimits, track: &Track) -> bool {
    (sizes.min_width..=sizes.max_width).contains(&track.rect.width)
        && (sizes.min_height..=sizes.max_height).contains(&track.rect.height)
}

/// An event of one track.
pub(crate) fn happening(track: &Track, id: Id, kind: EventKind) -> Happening {
    Happening { track: Some(track.id), event: Event { id, kind, subjects: vec![subject(track)] } }
}

/// The track as it is now.
pub(crate) fn subject(track: &Track) -> Subject {
    Subject { track_id: track.id, class: track.class, rect: track.rect, confidence: track.confidence }
}
