//! What areas and lines would have told of tracks that were seen before: a dry run of zones and outbox, without motion,
//! tracker and pictures.

use std::collections::HashSet;

use watchpost_model::{Area, Event, Id, Instant, Line, Record, Track};

use crate::{
    Analysis,
    crops::BestShots,
    ids::{IdSource, Ids},
    outbox::Outbox,
    posture::Posture,
    zones::{Gone, Seen, Zones},
};

/// Areas and lines that are tried on tracks of the past. Give it the tracks of each frame in turn, all of them.
///
/// It tells what [`crate::Securt`] would have, but for objects left and removed: of these a track alone knows less than
/// the picture, so whatever does not move counts as lying still, and only what had a track is missed.
#[derive(Debug)]
pub struct Rehearsal {
    zones: Zones,
    outbox: Outbox,
    /// Always empty: no event takes a picture along.
    crops: BestShots,
    ids: Ids,
    before: Vec<Track>,
    gone: Gone,
}

impl Rehearsal {
    /// Areas and lines that have seen nothing yet, all armed.
    pub fn new(areas: Vec<Area>, lines: Vec<Line>) -> Self {
        // Nobody sees these ids: the system need not be asked for random numbers.
        let mut ids = Ids::new(IdSource::Seeded(0));
        let mut zones = Zones::default();
        zones.replace(areas, lines, &[], Default::default(), &mut ids);
        Self {
            zones,
            outbox: Outbox::new(false),
            crops: BestShots::default(),
            ids,
            before: Vec::new(),
            gone: Gone::default(),
        }
    }

    /// Arms or disarms an area or line from the next frame on.
    pub fn set_armed(&mut self, zone: Id, armed: bool) {
        self.zones.set_armed(zone, armed);
    }

    /// Takes in the tracks of a frame; one that is not among them any more is lost. Returns what would have been told.
    pub fn step(&mut self, at: &Instant, tracks: Vec<Track>) -> Vec<Event> {
        let mut out = Analysis::default();
        let asks = self.zones.watch().rest;
        let posture = |track: &Track| asks.then(|| Posture::of_track(track));
        let living: HashSet<Id> = tracks.iter().map(|track| track.id).collect();
        for track in self.before.iter().filter(|track| !living.contains(&track.id)) {
            for happening in self.zones.lose(track, posture(track).as_ref(), at.time, &mut self.ids) {
                self.outbox.put(happening, at, &mut self.crops, &mut out);
            }
            self.outbox.lost(track, at, &mut out);
        }
        let postures: Vec<Posture> = tracks.iter().filter_map(posture).collect();
        let seen = Seen { tracks: &tracks, postures: &postures, gone: &self.gone };
        for happening in self.zones.step(seen, at.time, &mut self.ids) {
            self.outbox.put(happening, at, &mut self.crops, &mut out);
        }
        for track in &tracks {
            self.outbox.living(track, at, &mut self.crops, &mut out);
        }
        self.outbox.forget(at.time);
        self.before = tracks;
        let told = out.groups.into_iter().flat_map(|group| group.records);
        told.filter_map(|record| if let Record::Event(event) = record { Some(event) } else { None }).collect()
    }
}
