//! What a line reports: crossings, and who follows whom through it.

use watchpost_model::{
    CrossingDirection, Event, EventKind, Id, Line, StreamTime, Track, TrackPhase, ZoneRef,
};

use super::{
    crossing::Crossing,
    engine::{Happening, fits, happening, subject},
    geometry::anchor_point,
    tailgating::{Followed, Gate},
};
use crate::ids::Ids;

/// A line and what it remembers of those who crossed it.
#[derive(Debug)]
pub(crate) struct Tripwire {
    pub line: Line,
    up: Gate,
    down: Gate,
}

impl Tripwire {
    pub fn new(line: Line) -> Self {
        Self { line, up: Gate::default(), down: Gate::default() }
    }

    /// Takes in one track, and where it stands with regard to the line.
    pub fn step(
        &mut self,
        crossing: &mut Crossing,
        armed: bool,
        track: &Track,
        time: StreamTime,
        ids: &mut Ids,
        out: &mut Vec<Happening>,
    ) {
        let line = &self.line;
        let reports = line.triggers.crossing || line.triggers.tailgating.is_some();
        let wanted = armed && line.classes.contains(track.class) && fits(&line.sizes, track);
        if !wanted || !reports {
            crossing.interrupt(time);
            return;
        }
        if track.phase == TrackPhase::Coasting {
            return;
        }
        let Some(direction) = crossing.step(line, anchor_point(&track.rect, line.anchor), time) else {
            return;
        };
        if line.triggers.crossing {
            let kind = EventKind::LineCrossing { line: self.reference(), direction };
            out.push(happening(track, ids.next(), kind));
        }
        if self.line.triggers.tailgating.is_some() {
            self.gate(direction).pass(subject(track), time);
        }
    }

    /// After all tracks of a frame: who has tailgated. `is_established` is asked of tracks that live.
    pub fn step_gates(
        &mut self,
        armed: bool,
        is_established: impl Fn(Id) -> bool,
        time: StreamTime,
        ids: &mut Ids,
        out: &mut Vec<Happening>,
    ) {
        let Some(within) = self.line.triggers.tailgating else { return };
        for direction in [CrossingDirection::Up, CrossingDirection::Down] {
            if armed {
                let told = self.gate(direction).step(&is_established, within, time);
                self.tell(direction, told, ids, out);
            } else {
                self.gate(direction).clear();
            }
        }
    }

    /// A track is lost.
    pub fn lose(&mut self, track: &Track, ids: &mut Ids, out: &mut Vec<Happening>) {
        let Some(within) = self.line.triggers.tailgating else { return };
        for direction in [CrossingDirection::Up, CrossingDirection::Down] {
            let established = track.phase != TrackPhase::Tentative;
            let told = self.gate(direction).lose(track.id, established, within);
            self.tell(direction, told, ids, out);
        }
    }

    /// The stream ends, or begins anew: nobody follows anybody over that.
    pub fn forget(&mut self) {
        self.up.clear();
        self.down.clear();
    }

    fn gate(&mut self, direction: CrossingDirection) -> &mut Gate {
        match direction {
            CrossingDirection::Up => &mut self.up,
            CrossingDirection::Down => &mut self.down,
        }
    }

    fn tell(
        &self,
        direction: CrossingDirection,
        told: Vec<Followed>,
        ids: &mut Ids,
        out: &mut Vec<Happening>,
    ) {
        out.extend(told.into_iter().map(|Followed { who, interval, first }| {
            let kind =
                EventKind::Tailgating { line: self.reference(), direction, interval, first_track: first };
            let track = Some(who.track_id);
            Happening { track, event: Event { id: ids.next(), kind, subjects: vec![who] } }
        }));
    }

    fn reference(&self) -> ZoneRef {
        ZoneRef { id: self.line.id, name: self.line.name.clone() }
    }

    /// The same with another name, colour or schedule.
    pub fn renamed(self, line: Line) -> Self {
        Self { line, ..self }
    }

    /// Whether `new` differs in nothing that changes what happens at it.
    pub fn is_same(&self, new: &Line) -> bool {
        let plain =
            |line: &Line| Line { name: String::new(), color: [0.0; 4], schedule: None, ..line.clone() };
        plain(&self.line) == plain(new)
    }
}
