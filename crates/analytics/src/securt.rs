//! The solution: from a frame to everything that is to be said of it.

use watchpost_model::{
    Area, Detection, Frame, Id, Instant, Line, ObjectClass, Point, StreamTime, Track, TrackPhase,
};

use crate::{
    Analysis, OpenEvent, Settings,
    crops::BestShots,
    ids::Ids,
    motion::{MotionBlob, MotionDetector},
    outbox::Outbox,
    posture::Posture,
    track::{Grid, Object, Observation, Sight, Tracker},
    zones::{Gone, Seen, Zones},
};

/// Frames without a picture are taken to have this shape.
const USUAL_ASPECT: f32 = 16.0 / 9.0;

/// The `securt` solution of one instance.
///
/// Give it each frame in turn, on one thread. It has no clock: all intervals are measured on the
/// frames' own times. A stream whose time jumps back by more than a second (a file that loops without
/// counting on) ends what is open and starts anew.
#[derive(Debug)]
pub struct Securt {
    motion_class: ObjectClass,
    ids: Ids,
    motion: MotionDetector,
    tracker: Tracker,
    zones: Zones,
    crops: BestShots,
    outbox: Outbox,
    tracks: Vec<Track>,
    /// What areas that wait for objects left or removed have to know; empty where there is none.
    postures: Vec<Posture>,
    gone: Gone,
    last: Option<Instant>,
}

impl Securt {
    /// A solution that has seen nothing yet.
    pub fn new(settings: Settings) -> Self {
        let mut ids = Ids::new(settings.ids);
        let mut zones = Zones::default();
        zones.replace(settings.areas, settings.lines, &[], StreamTime::ZERO, &mut ids);
        let mut motion = MotionDetector::new(settings.motion);
        motion.watch(zones.watch());
        Self {
            motion_class: settings.motion_class,
            ids,
            motion,
            tracker: Tracker::new(settings.track_namespace),
            zones,
            crops: BestShots::masked(settings.masks),
            outbox: Outbox::new(settings.debug),
            tracks: Vec::new(),
            postures: Vec::new(),
            gone: Gone { class: settings.motion_class, places: Vec::new() },
            last: None,
        }
    }

    /// Analyses a frame. With `detections` they are followed, and the picture serves crops only;
    /// without, what moves in the picture is.
    pub fn process(&mut self, frame: &Frame, detections: Option<&[Detection]>) -> Analysis {
        let at =
            Instant { frame_id: frame.id, time: frame.time, timestamp: frame.timestamp, size: frame.size };
        let mut out = Analysis::default();
        if self.last.is_some_and(|last| last.time.since(at.time) > StreamTime::from_nanos(1_000_000_000)) {
            self.end_all(&mut out);
        }
        self.last = Some(at);
        let blobs = match (detections, &frame.image) {
            (None, Some(image)) => self.motion.detect(image, frame.time),
            _ => Vec::new(),
        };
        out.detections = detections.map_or_else(|| self.found(&blobs), <[Detection]>::to_vec);
        let lost = self.follow(frame, &out.detections, &blobs);
        self.note_attributes(&at, &mut out);
        self.take_pictures(frame);
        self.look_closer(&blobs, detections.is_some(), at.time);
        for object in &lost {
            let track = object.track(at.time);
            let posture = self.posture_of_lost(object, detections.is_some(), at.time);
            for happening in self.zones.lose(&track, posture.as_ref(), at.time, &mut self.ids) {
                self.outbox.put(happening, &at, &mut self.crops, &mut out);
            }
            self.outbox.lost(&track, &at, &mut out);
            self.crops.forget(track.id);
        }
        let seen = Seen { tracks: &self.tracks, postures: &self.postures, gone: &self.gone };
        for happening in self.zones.step(seen, at.time, &mut self.ids) {
            self.outbox.put(happening, &at, &mut self.crops, &mut out);
        }
        if !self.postures.is_empty() {
            self.motion.hold(self.zones.held(seen));
        }
        for track in &self.tracks {
            self.outbox.living(track, &at, &mut self.crops, &mut out);
        }
        self.outbox.forget(at.time);
        self.summarise(&mut out);
        out
    }

    /// Ends everything that is open, as of the last frame. Tracks are forgotten; the scene is not, so
    /// `process` may be called again.
    pub fn stop(&mut self) -> Analysis {
        let mut out = Analysis::default();
        self.end_all(&mut out);
        self.summarise(&mut out);
        out
    }

    /// Replaces areas and lines while running, as of the last frame. What has changed, but for name,
    /// colour and schedule, is ended and begins anew.
    pub fn set_zones(&mut self, areas: Vec<Area>, lines: Vec<Line>) -> Analysis {
        let mut out = Analysis::default();
        let time = self.last.map_or(StreamTime::ZERO, |at| at.time);
        let ends = self.zones.replace(areas, lines, &self.tracks, time, &mut self.ids);
        self.motion.watch(self.zones.watch());
        if let Some(at) = self.last {
            for end in ends {
                self.outbox.put(end, &at, &mut self.crops, &mut out);
            }
        }
        self.summarise(&mut out);
        out
    }

    /// Crops show nothing of what lies in `masks`, polygons in parts of the frame, from now on. Those that were taken
    /// with other masks are gone.
    pub fn set_masks(&mut self, masks: Vec<Vec<Point>>) {
        self.crops.set_masks(masks);
    }

    /// Arms or disarms an area or line from the next frame on (schedules are the runtime's, which
    /// knows the time of day). All are armed at first. Disarming ends what is open there; it is no exit.
    pub fn set_armed(&mut self, zone: Id, armed: bool) {
        self.zones.set_armed(zone, armed);
    }

    /// Everything that is open, with the last frame in which its track was seen.
    pub fn open_events(&self) -> Vec<OpenEvent> {
        self.outbox.open_events()
    }

    /// The best picture of a track so far, a JPEG file, and how good it is, 0..1; it is encoded once for each better
    /// picture. `None` for a track that has none.
    pub fn best_shot(&mut self, track: Id) -> Option<(&[u8], f32)> {
        self.crops.best(track)
    }

    /// The events that a track has caused so far, at most as many as its record names.
    pub fn events_of(&self, track: Id) -> &[Id] {
        self.outbox.events_of(track)
    }

    /// Updates the tracks; returns those that are lost.
    fn follow(&mut self, frame: &Frame, detections: &[Detection], blobs: &[MotionBlob]) -> Vec<Object> {
        let observations: Vec<Observation<'_>> = detections
            .iter()
            .enumerate()
            .map(|(index, detection)| Observation {
                rect: detection.rect,
                class: detection.class,
                confidence: detection.confidence,
                external_id: detection.track_id.as_deref(),
                blob: blobs.get(index).map(|seen| &seen.blob),
            })
            .collect();
        let aspect = frame.size.map_or(USUAL_ASPECT, |size| size.width as f32 / size.height.max(1) as f32);
        let (x, y) = self.motion.pixel_size().unwrap_or_default();
        let lost = self.tracker.update(&observations, frame.time, aspect, Grid { x, y }, &mut self.ids);
        self.tracks = self.tracker.objects.iter().map(|object| object.track(frame.time)).collect();
        lost
    }

    /// What areas that wait for objects left or removed have to know of this frame.
    fn look_closer(&mut self, blobs: &[MotionBlob], detected: bool, time: StreamTime) {
        self.postures.clear();
        if !self.zones.watch().rest {
            self.gone.places.clear();
            return;
        }
        let mut pieces: Vec<(usize, Option<&MotionBlob>)> = vec![(0, None); self.tracker.objects.len()];
        for (blob, object) in blobs.iter().zip(&self.tracker.matches) {
            if let Some(object) = *object {
                pieces[object] = (pieces[object].0 + 1, Some(blob));
            }
        }
        let objects = self.tracker.objects.iter().zip(pieces);
        self.postures.extend(objects.map(|(object, (pieces, blob))| match detected {
            true => Posture::of_detections(object),
            // In several pieces it is not whole: nothing can be said of it.
            false => Posture::of_motion(object, blob.filter(|_| pieces == 1)),
        }));
        let known = std::mem::take(&mut self.gone.places);
        for place in self.motion.vanished() {
            let id = known.iter().find(|(known, _)| known.number == place.number).map(|(_, id)| *id);
            // Who went from there by themselves were never part of the scene.
            let walked_off = || self.tracker.objects.iter().any(|object| object.has_left(&place.rect));
            let id = match id {
                Some(id) => id,
                None if place.since == time && walked_off() => Id::nil(),
                None => self.ids.next(),
            };
            self.gone.places.push((place, id));
        }
    }

    /// Whether what is lost has gone, or is there still and has become part of the scene.
    fn posture_of_lost(&self, object: &Object, detected: bool, time: StreamTime) -> Option<Posture> {
        if !self.zones.watch().rest {
            return None;
        }
        if detected {
            return Some(Posture::of_detections(object));
        }
        let is_there = self.motion.is_unchanged(&object.rect().clamped(), time.since(object.last_seen));
        Some(Posture { has_gone: !is_there, ..Posture::of_motion(object, None) })
    }

    fn found(&self, blobs: &[MotionBlob]) -> Vec<Detection> {
        let found = blobs.iter().map(|seen| Detection {
            class: self.motion_class,
            label: self.motion_class.name().to_owned(),
            confidence: seen.confidence,
            rect: seen.rect.clamped(),
            track_id: None,
            attributes: Vec::new(),
        });
        found.collect()
    }

    fn note_attributes(&mut self, at: &Instant, out: &mut Analysis) {
        for index in 0..out.detections.len() {
            if out.detections[index].attributes.is_empty() {
                continue;
            }
            if let Some(track) = self.tracker.matches[index].map(|object| self.tracks[object].id) {
                let attributes = std::mem::take(&mut out.detections[index].attributes);
                self.outbox.attributes(track, &attributes, at, out);
                out.detections[index].attributes = attributes;
            }
        }
    }

    fn take_pictures(&mut self, frame: &Frame) {
        let Some(image) = &frame.image else { return };
        for (object, track) in self.tracker.objects.iter().zip(&self.tracks) {
            if object.sight != Sight::Missed {
                let occluded = object.sight == Sight::Shared;
                self.crops.consider(track.id, image, &track.rect, occluded, frame.time);
            }
        }
    }

    fn end_all(&mut self, out: &mut Analysis) {
        let Some(at) = self.last else { return };
        for happening in self.zones.stop(&self.tracks, at.time, &mut self.ids) {
            self.outbox.put(happening, &at, &mut self.crops, out);
        }
        for track in std::mem::take(&mut self.tracks) {
            self.outbox.lost(&track, &at, out);
            self.crops.forget(track.id);
        }
        self.postures.clear();
        self.tracker = Tracker::new(self.tracker.namespace());
    }

    fn summarise(&self, out: &mut Analysis) {
        out.tracks.clone_from(&self.tracks);
        out.occupancy = self.zones.occupancy(&self.tracks);
        for track in self.tracks.iter().filter(|track| track.phase != TrackPhase::Tentative) {
            out.counts.add(track.class);
        }
    }
}
