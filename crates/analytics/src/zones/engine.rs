//! Runs the machines of all tracks, areas and lines.

use std::collections::{HashMap, HashSet};

use watchpost_model::{Area, Event, EventKind, Id, Line, SizeLimits, StreamTime, Subject, Track, TrackPhase};

use super::{
    areas::{AreaWatch, close, reference, same_area, step_area},
    crossing::Crossing,
    crowding::Crowding,
    lines::Tripwire,
};
use crate::{analysis::Occupancy, ids::Ids};

/// An event and the track that waits with it until it is established; crowds wait for nobody.
#[derive(Clone, Debug)]
pub(crate) struct Happening {
    pub track: Option<Id>,
    pub event: Event,
}

/// All areas and lines, and what each track does in them.
#[derive(Debug, Default)]
pub(crate) struct Zones {
    areas: Vec<(Area, Crowding)>,
    lines: Vec<Tripwire>,
    disarmed: HashSet<Id>,
    watches: HashMap<Id, Watch>,
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
        let kept_area = |new: &Area| self.areas.iter().position(|(old, _)| same_area(old, new));
        let kept_line = |new: &Line| self.lines.iter().position(|old| old.is_same(new));
        let areas_from: Vec<Option<usize>> = areas.iter().map(kept_area).collect();
        let lines_from: Vec<Option<usize>> = lines.iter().map(kept_line).collect();
        let mut ends = Vec::new();
        for track in tracks {
            let Some(watch) = self.watches.get_mut(&track.id) else { continue };
            for (index, (area, _)) in self.areas.iter().enumerate() {
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
        let crowds = areas_from.iter().map(|from| from.map_or_else(Default::default, |i| self.areas[i].1));
        self.areas = areas.into_iter().zip(crowds.collect::<Vec<_>>()).collect();
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
    pub fn step(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let mut happened = Vec::new();
        for track in tracks {
            let watch = self.watches.entry(track.id).or_default();
            watch.areas.resize(self.areas.len(), AreaWatch::default());
            watch.lines.resize(self.lines.len(), Crossing::default());
            for (tripwire, crossing) in self.lines.iter_mut().zip(&mut watch.lines) {
                let armed = !self.disarmed.contains(&tripwire.line.id);
                tripwire.step(crossing, armed, track, time, ids, &mut happened);
            }
            for ((area, _), state) in self.areas.iter().zip(&mut watch.areas) {
                if self.disarmed.contains(&area.id) {
                    state.presence.leave();
                    close(area, state, track, time, ids, &mut happened);
                } else if track.phase != TrackPhase::Coasting {
                    step_area(area, state, track, time, ids, &mut happened);
                }
            }
        }
        self.step_gates(tracks, time, ids, &mut happened);
        self.step_crowds(tracks, time, ids, &mut happened);
        happened
    }

    /// The track is lost: it has left every area.
    pub fn lose(&mut self, track: &Track, time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let mut happened = Vec::new();
        for tripwire in &mut self.lines {
            tripwire.lose(track, ids, &mut happened);
        }
        let Some(mut watch) = self.watches.remove(&track.id) else { return happened };
        for ((area, _), state) in self.areas.iter().zip(&mut watch.areas) {
            let armed = !self.disarmed.contains(&area.id);
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
            for ((area, _), state) in self.areas.iter().zip(&mut watch.areas) {
                close(area, state, track, time, ids, &mut happened);
            }
        }
        self.watches.clear();
        self.lines.iter_mut().for_each(Tripwire::forget);
        happened
    }

    /// Who is where.
    pub fn occupancy(&self, tracks: &[Track]) -> Vec<Occupancy> {
        let count = |index: usize| self.inside(index, tracks).count() as u32;
        let areas = self.areas.iter().enumerate();
        areas
            .map(|(index, (area, _))| Occupancy {
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

    fn step_crowds(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids, out: &mut Vec<Happening>) {
        for index in 0..self.areas.len() {
            let area = &self.areas[index].0;
            let Some(min_count) = area.triggers.crowding else { continue };
            let armed = !self.disarmed.contains(&area.id);
            let ignore_stationary = area.ignore_stationary;
            let counted = |track: &&Track| armed && (track.is_moving || !ignore_stationary);
            let crowd: Vec<Subject> = self.inside(index, tracks).filter(counted).map(subject).collect();
            let (area, crowding) = &mut self.areas[index];
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
