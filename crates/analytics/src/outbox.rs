//! Noise control (REFERENCE "Noise control"): what leaves, when, and what is held back.
//!
//! - Events of a track wait until it is established; they are then reported as of the frame in which
//!   that happened, so that records leave in the order of their times. A track that never gets
//!   there takes its events with it.
//! - `track` records wait until the track causes an event: one then, one each stream second while it
//!   lives, one when it is lost.
//! - Attributes and crops leave with the track's events; an attribute that comes or changes later
//!   leaves by itself.
//! - With debug on, all this holds for every established track, with or without events.

use std::collections::HashMap;

use watchpost_model::{
    Attribute, AttributeValue, Event, EventKind, Group, Id, Instant, Record, StreamTime, Track, TrackPhase,
    TrackRecord,
};

use crate::{Analysis, OpenEvent, crops::BestShots, track::HISTORY, zones::Happening};

/// One `track` record in this time for each track that has caused an event: enough to draw its way,
/// too few to overwhelm anybody.
const RECORD_EVERY: StreamTime = StreamTime::from_nanos(1_000_000_000);
/// A track not established yet holds at most this many events; it lives a second, or is matched in less
/// than half of its frames.
const MAX_PENDING: usize = 32;
/// A `track` record names at most this many events, the newest.
const MAX_EVENTS: usize = 64;
/// Attributes kept per track.
const MAX_ATTRIBUTES: usize = 32;
/// Of a crowd, the crops of so many travel with the event.
const MAX_CROPS: usize = 10;

/// What is held for each track, and what is open.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    debug: bool,
    histories: HashMap<Id, History>,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    event: OpenEvent,
    told: StreamTime,
}

#[derive(Debug, Default)]
struct History {
    locked: bool,
    pending: Vec<Event>,
    events: Vec<Id>,
    attributes: Vec<Attribute>,
    recorded: Option<StreamTime>,
    lost: Option<StreamTime>,
}

impl Outbox {
    pub fn new(debug: bool) -> Self {
        Self { debug, ..Self::default() }
    }

    /// Takes in an event: it leaves now, or waits for its track.
    pub fn put(&mut self, happening: Happening, at: &Instant, crops: &mut BestShots, out: &mut Analysis) {
        let waiting = happening.track.map(|track| self.histories.entry(track).or_default());
        match waiting {
            Some(history) if !history.locked => {
                if history.pending.len() < MAX_PENDING {
                    history.pending.push(happening.event);
                }
            }
            _ => self.emit(happening.event, at, crops, out),
        }
    }

    /// Takes in the state of a living track; call it after the frame's events.
    pub fn living(&mut self, track: &Track, at: &Instant, crops: &mut BestShots, out: &mut Analysis) {
        let history = self.histories.entry(track.id).or_default();
        history.lost = None;
        if track.phase != TrackPhase::Tentative && !history.locked {
            history.locked = true;
            for event in std::mem::take(&mut history.pending) {
                self.emit(event, at, crops, out);
            }
        }
        self.record(track, at, false, out);
        if track.phase != TrackPhase::Coasting {
            for open in self.open.iter_mut().filter(|open| open.event.event.subjects[0].track_id == track.id)
            {
                open.event.last_seen = *at;
                if at.time.since(open.told) >= RECORD_EVERY {
                    open.told = at.time;
                    out.last_seen.push((open.event.event.id, *at));
                }
            }
        }
    }

    /// Takes in a track that is lost; call it after its ends.
    pub fn lost(&mut self, track: &Track, at: &Instant, out: &mut Analysis) {
        self.record(track, at, true, out);
        if let Some(history) = self.histories.get_mut(&track.id) {
            history.pending.clear();
            history.locked = false;
            history.lost = Some(at.time);
        }
    }

    /// Forgets what is old.
    pub fn forget(&mut self, now: StreamTime) {
        self.histories.retain(|_, history| history.lost.is_none_or(|lost| now.since(lost) < HISTORY));
    }

    /// Takes in attributes seen on a track.
    pub fn attributes(
        &mut self,
        track: Id,
        seen: &[(String, AttributeValue)],
        at: &Instant,
        out: &mut Analysis,
    ) {
        let debug = self.debug;
        let history = self.histories.entry(track).or_default();
        for (name, value) in seen {
            let attribute =
                Attribute { track_id: track, name: name.clone(), value: value.clone(), confidence: None };
            let known = history.attributes.iter().position(|known| known.name == *name);
            match known {
                Some(index) if history.attributes[index].value == *value => continue,
                Some(index) => history.attributes[index] = attribute.clone(),
                None if history.attributes.len() == MAX_ATTRIBUTES => continue,
                None => history.attributes.push(attribute.clone()),
            }
            if debug || !history.events.is_empty() {
                out.groups.push(Group { at: *at, records: vec![Record::Attribute(attribute)] });
            }
        }
    }

    /// Everything that is open, as of now.
    pub fn events_of(&self, track: Id) -> &[Id] {
        self.histories.get(&track).map_or(&[], |history| &history.events)
    }

    pub fn open_events(&self) -> Vec<OpenEvent> {
        self.open.iter().map(|open| open.event.clone()).collect()
    }

    fn emit(&mut self, event: Event, at: &Instant, crops: &mut BestShots, out: &mut Analysis) {
        let mut records = vec![Record::Event(event.clone())];
        for subject in &event.subjects {
            // What has gone from the scene never had a track.
            let Some(history) = self.histories.get_mut(&subject.track_id) else { continue };
            records.extend(history.attributes.iter().cloned().map(Record::Attribute));
            if history.events.len() == MAX_EVENTS {
                history.events.remove(0);
            }
            history.events.push(event.id);
        }
        let pictures = event.subjects.iter().take(MAX_CROPS);
        records.extend(pictures.filter_map(|s| crops.crop(s.track_id, event.id)).map(Record::Crop));
        out.groups.push(Group { at: *at, records });
        match &event.kind {
            EventKind::Intrusion(_) | EventKind::Loitering(_) => {
                let event = OpenEvent { event, at: *at, last_seen: *at };
                out.opened.push(event.clone());
                self.open.push(Open { event, told: at.time });
            }
            EventKind::IntrusionEnd { start, .. } | EventKind::LoiteringEnd { start, .. } => {
                self.open.retain(|open| open.event.event.id != *start);
                out.closed.push(*start);
            }
            _ => {}
        }
    }

    fn record(&mut self, track: &Track, at: &Instant, last: bool, out: &mut Analysis) {
        let Some(history) = self.histories.get_mut(&track.id) else { return };
        let due = last || history.recorded.is_none_or(|then| at.time.since(then) >= RECORD_EVERY);
        let wanted = !history.events.is_empty() || (self.debug && history.locked);
        if due && wanted {
            history.recorded = Some(at.time);
            let record = TrackRecord {
                track_id: track.id,
                class: track.class,
                rect: track.rect,
                confidence: track.confidence,
                age: track.age,
                is_moving: track.is_moving,
                events: history.events.clone(),
            };
            out.groups.push(Group { at: *at, records: vec![Record::Track(record)] });
        }
    }
}
