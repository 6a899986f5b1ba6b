//! Runs the machines of all tracks, areas and lines.

use std::collections::{HashMap, HashSet};

use watchpost_model::{
    Area, Event, EventKind, Id, Line, SizeLimits, StreamTime, Subject, Track, TrackPhase, ZoneRef,
};

use super::{
    crossing::Crossing,
    crowding::Crowding,
    geometry::{anchor_point, distance_to_border, is_inside},
    intrusion::{Intrusion, Report},
    loitering::Loitering,
    presence::{Change, Place, Presence},
};
use crate::{analysis::Occupancy, ids::Ids};

/// Who is inside leaves only when it is this far outside, in parts of the frame: boxes breathe.
const BORDER: f32 = 0.008;

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
    lines: Vec<Line>,
    disarmed: HashSet<Id>,
    watches: HashMap<Id, Watch>,
}

/// One track's machines, in the order of areas and lines.
#[derive(Clone, Debug, Default)]
struct Watch {
    areas: Vec<AreaWatch>,
    lines: Vec<Crossing>,
}

#[derive(Clone, Copy, Debug, Default)]
struct AreaWatch {
    presence: Presence,
    intrusion: Intrusion,
    loitering: Loitering,
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
        let kept_line = |new: &Line| self.lines.iter().position(|old| same_line(old, new));
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
        self.lines = lines;
        ends
    }

    /// Takes in the living tracks of a frame.
    pub fn step(&mut self, tracks: &[Track], time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let mut happened = Vec::new();
        for track in tracks {
            let watch = self.watches.entry(track.id).or_default();
            watch.areas.resize(self.areas.len(), AreaWatch::default());
            watch.lines.resize(self.lines.len(), Crossing::default());
            for (line, crossing) in self.lines.iter().zip(&mut watch.lines) {
                let armed = !self.disarmed.contains(&line.id);
                step_line(line, crossing, armed, track, time, ids, &mut happened);
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
        self.step_crowds(tracks, time, ids, &mut happened);
        happened
    }

    /// The track is lost: it has left every area.
    pub fn lose(&mut self, track: &Track, time: StreamTime, ids: &mut Ids) -> Vec<Happening> {
        let mut happened = Vec::new();
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

fn step_line(
    line: &Line,
    crossing: &mut Crossing,
    armed: bool,
    track: &Track,
    time: StreamTime,
    ids: &mut Ids,
    out: &mut Vec<Happening>,
) {
    let wanted = armed && line.classes.contains(track.class) && fits(&line.sizes, track);
    if !wanted || !line.triggers.crossing {
        *crossing = Crossing::Unknown;
    } else if track.phase != TrackPhase::Coasting
        && let Some(direction) = crossing.step(line, anchor_point(&track.rect, line.anchor), time)
    {
        let line = ZoneRef { id: line.id, name: line.name.clone() };
        out.push(happening(track, ids.next(), EventKind::LineCrossing { line, direction }));
    }
}

fn step_area(
    area: &Area,
    state: &mut AreaWatch,
    track: &Track,
    time: StreamTime,
    ids: &mut Ids,
    out: &mut Vec<Happening>,
) {
    let change = state.presence.step(place(area, state.presence, track), area.enter_activation_delay, time);
    if let Some(change) = change {
        let kind = match change {
            Change::Entered { .. } if area.triggers.enter => Some(EventKind::AreaEnter(reference(area))),
            Change::Left if area.triggers.exit => Some(EventKind::AreaExit(reference(area))),
            _ => None,
        };
        out.extend(kind.map(|kind| happening(track, ids.next(), kind)));
        if area.triggers.intrusion
            && let Some(report) = state.intrusion.step(change, time, || ids.next())
        {
            out.push(intrusion(area, track, report, ids));
        }
    }
    if let Some(after) = area.triggers.loitering
        && let Some(report) = state.loitering.step(state.presence, after, time, || ids.next())
    {
        out.push(loitering(area, track, report, ids));
    }
}

/// Ends what is open of one track in one area.
fn close(
    area: &Area,
    state: &mut AreaWatch,
    track: &Track,
    time: StreamTime,
    ids: &mut Ids,
    out: &mut Vec<Happening>,
) {
    if let Some(report) = state.intrusion.end(time) {
        out.push(intrusion(area, track, report, ids));
    }
    if let Some(report) = state.loitering.end(time) {
        out.push(loitering(area, track, report, ids));
    }
}

/// Where the track is for this area. Those who stand still may not come in if the area ignores them,
/// but who came in walking and stopped is still there.
fn place(area: &Area, presence: Presence, track: &Track) -> Place {
    let may_come = presence != Presence::Outside || !area.ignore_stationary || track.is_moving;
    if !may_come || !area.classes.contains(track.class) || !fits(&area.sizes, track) {
        return Place::Outside;
    }
    let point = anchor_point(&track.rect, area.anchor);
    if is_inside(&area.vertices, point) {
        Place::Inside
    } else if presence.is_inside() && distance_to_border(&area.vertices, point) < BORDER {
        Place::Border
    } else {
        Place::Outside
    }
}

fn fits(sizes: &SizeLimits, track: &Track) -> bool {
    (sizes.min_width..=sizes.max_width).contains(&track.rect.width)
        && (sizes.min_height..=sizes.max_height).contains(&track.rect.height)
}

fn intrusion(area: &Area, track: &Track, report: Report, ids: &mut Ids) -> Happening {
    let area = reference(area);
    match report {
        Report::Start(id) => happening(track, id, EventKind::Intrusion(area)),
        Report::End(start, duration) => {
            happening(track, ids.next(), EventKind::IntrusionEnd { area, start, duration })
        }
    }
}

fn loitering(area: &Area, track: &Track, report: Report, ids: &mut Ids) -> Happening {
    let area = reference(area);
    match report {
        Report::Start(id) => happening(track, id, EventKind::Loitering(area)),
        Report::End(start, duration) => {
            happening(track, ids.next(), EventKind::LoiteringEnd { area, start, duration })
        }
    }
}

fn happening(track: &Track, id: Id, kind: EventKind) -> Happening {
    Happening { track: Some(track.id), event: Event { id, kind, subjects: vec![subject(track)] } }
}

fn subject(track: &Track) -> Subject {
    Subject { track_id: track.id, class: track.class, rect: track.rect, confidence: track.confidence }
}

fn reference(area: &Area) -> ZoneRef {
    ZoneRef { id: area.id, name: area.name.clone() }
}

/// Equal but for what does not change what happens in it.
fn same_area(old: &Area, new: &Area) -> bool {
    let plain = |area: &Area| Area { name: String::new(), color: [0.0; 4], schedule: None, ..area.clone() };
    plain(old) == plain(new)
}

fn same_line(old: &Line, new: &Line) -> bool {
    let plain = |line: &Line| Line { name: String::new(), color: [0.0; 4], schedule: None, ..line.clone() };
    plain(old) == plain(new)
}
