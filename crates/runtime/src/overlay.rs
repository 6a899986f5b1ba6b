//! What is drawn over the picture, and the picture as exports get it.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::tz::TimeZone;
use watchpost_analytics::Analysis;
use watchpost_config::{self as config, Draws};
use watchpost_export::{InstanceInfo, Picture};
use watchpost_media::{Color, Flash, Overlay, OverlayArea, OverlayBox, Renderer};
use watchpost_model::{
    Event, EventKind, Frame, Group, Id, Image, Instant, Point, Record, StreamTime, Timestamp, Track,
    TrackPhase,
};
use watchpost_schema::{self as schema, Context, SchemaId, Version};

/// How long an event's frame stays in the picture, in stream time.
const FLASH_FOR: StreamTime = StreamTime::from_nanos(700_000_000);
/// A track that is not matched keeps its box this long, in stream time: boxes do not flicker, and nothing
/// that has left the picture drags one behind.
const COAST_FOR: StreamTime = StreamTime::from_nanos(600_000_000);
/// Points of a track's trail: 3 s at 10 frames a second.
const TRAIL_POINTS: usize = 30;

/// Makes the pictures of an instance: clean, or with boxes, areas and lines (`render_preset`).
pub(crate) struct Painter {
    /// `None`: pictures are clean.
    scene: Option<Scene>,
    /// `None`: nothing of a picture is hidden.
    masks: Option<Masks>,
    /// For pictures without a signal; made when the first is drawn.
    silence: Option<Renderer>,
    time_zone: TimeZone,
    instance: InstanceInfo,
}

/// How somebody wants a picture.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// With everything that is drawn.
    pub drawn: bool,
    /// With nothing but the privacy masks.
    pub clean: bool,
}

impl Wants {
    pub const fn any(self) -> bool {
        self.drawn || self.clean
    }
}

/// `Output.privacy_masks`: in every picture that leaves the instance.
struct Masks {
    renderer: Renderer,
    overlay: Overlay,
}

impl Masks {
    fn of(masks: &[Vec<Point>]) -> Option<Self> {
        let overlay = Overlay { masks: masks.to_vec(), ..Overlay::default() };
        (!masks.is_empty()).then(|| Self { renderer: Renderer::new(), overlay })
    }
}

/// Everything that is drawn, and what it is drawn with.
struct Scene {
    renderer: Renderer,
    overlay: Overlay,
    trails: HashMap<Id, VecDeque<Point>>,
    /// When each track was last matched.
    matched: HashMap<Id, StreamTime>,
    flashes: Vec<(StreamTime, Flash)>,
    draws: Draws,
    /// The frame that it was brought up to date with.
    updated: Option<(u64, StreamTime)>,
}

impl Painter {
    pub fn new(wishes: &config::Instance, instance: &InstanceInfo) -> Self {
        let render = &wishes.output.render;
        let scene = render.draws.map(|draws| Scene {
            renderer: Renderer::new(),
            overlay: Overlay {
                masks: render.masks.clone(),
                areas: match draws.areas {
                    true => wishes.areas.iter().map(Into::into).collect(),
                    false => Vec::new(),
                },
                lines: match draws.lines {
                    true => wishes.lines.iter().map(Into::into).collect(),
                    false => Vec::new(),
                },
                ..Overlay::default()
            },
            trails: HashMap::new(),
            matched: HashMap::new(),
            flashes: Vec::new(),
            draws,
            updated: None,
        });
        // The name was checked when the instance was loaded.
        let time_zone = TimeZone::get(&wishes.input.time_zone).unwrap_or(TimeZone::UTC);
        let masks = Masks::of(&render.masks);
        Self { scene, masks, silence: None, time_zone, instance: instance.clone() }
    }

    /// Goes on with other areas, lines, colours or another name.
    pub fn change(&mut self, wishes: &config::Instance, instance: &InstanceInfo) {
        let mut new = Self::new(wishes, instance);
        if let (Some(scene), Some(old)) = (&mut new.scene, self.scene.take()) {
            (scene.trails, scene.matched) = (old.trails, old.matched);
        }
        *self = new;
    }

    /// Whether pictures are drawn on at all.
    pub const fn draws(&self) -> bool {
        self.scene.is_some()
    }

    /// Whether a part of the picture is nobody's business: then the source's own video is not passed on.
    pub const fn hides(&self) -> bool {
        self.masks.is_some()
    }

    /// The picture of an analysed frame; `None` if the frame has none. A frame may be asked for more than once.
    pub fn picture(&mut self, frame: &Frame, analysis: &Analysis, wants: Wants) -> Option<Picture> {
        self.update(frame, analysis);
        let events = analysis.groups.iter().flat_map(|group| self.events(group)).collect();
        self.draw(frame, events, false, wants)
    }

    /// Draws from now on what was found in `frame`.
    pub fn update(&mut self, frame: &Frame, analysis: &Analysis) {
        if let Some(scene) = &mut self.scene {
            scene.update(frame, analysis);
        }
    }

    /// The last picture once more, for events that come when the source has ended.
    pub fn last_picture(&mut self, frame: &Frame, analysis: &Analysis, wants: Wants) -> Option<Picture> {
        let events = analysis.groups.iter().flat_map(|group| self.events(group)).collect();
        self.draw(frame, events, true, wants)
    }

    /// The picture of a frame that was not analysed, with what was found last.
    pub fn picture_again(&mut self, frame: &Frame, wants: Wants) -> Option<Picture> {
        self.draw(frame, Vec::new(), false, wants)
    }

    /// The last frame, darkened, with words that no other has come since; `now` is where the stream's clock would be.
    pub fn no_signal(&mut self, frame: &Frame, now: StreamTime) -> Option<Picture> {
        let corners = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
        let vertices = corners.map(|(x, y)| Point { x, y }).to_vec();
        let shade = OverlayArea { vertices, color: Color::DARK, label: String::new(), active: true };
        let overlay = Overlay {
            masks: self.masks.as_ref().map(|masks| masks.overlay.masks.clone()).unwrap_or_default(),
            areas: vec![shade],
            timestamp: format!("No signal since {}", clock(frame.timestamp, &self.time_zone)),
            ..Overlay::default()
        };
        let renderer = self.silence.get_or_insert_with(Renderer::new);
        let image = renderer.draw(frame.image.as_ref()?, &overlay);
        // Clean or not, this is what there is.
        let frame = Frame { time: now, image: Some(image), ..frame.clone() };
        Some(self.finish(&frame, frame.image.clone()?, Vec::new(), false))
    }

    fn draw(
        &mut self,
        frame: &Frame,
        events: Vec<bytes::Bytes>,
        again: bool,
        wants: Wants,
    ) -> Option<Picture> {
        let image = frame.image.as_ref()?;
        let drawn = self.scene.as_mut().filter(|_| wants.drawn).map(|scene| {
            scene.stamp(frame, &self.time_zone);
            scene.renderer.draw(image, &scene.overlay)
        });
        // No picture leaves without its masks, wanted or not.
        let clean = match (&mut self.masks, &drawn) {
            (None, _) => image.clone(),
            (Some(_), Some(drawn)) if !wants.clean => drawn.clone(),
            (Some(masks), _) => masks.renderer.draw(image, &masks.overlay),
        };
        let shown = drawn.unwrap_or_else(|| clean.clone());
        let frame = Frame { image: Some(clean), ..frame.clone() };
        Some(self.finish(&frame, shown, events, again))
    }

    fn finish(&self, frame: &Frame, shown: Image, events: Vec<bytes::Bytes>, again: bool) -> Picture {
        let at =
            Instant { frame_id: frame.id, time: frame.time, timestamp: frame.timestamp, size: frame.size };
        let context = Context { instance_id: self.instance.id, instance_name: &self.instance.name };
        let mut frame_keys = Vec::with_capacity(256);
        schema::streams::encode_frame_keys(&at, &context, &mut frame_keys);
        Picture { frame: frame.clone(), shown, frame_keys: frame_keys.into(), events, again }
    }

    /// The group's `event-*` records as JSON, for names and conditions of stills.
    fn events(&self, group: &Group) -> Vec<bytes::Bytes> {
        let context = Context { instance_id: self.instance.id, instance_name: &self.instance.name };
        let encode = |record: &Record| -> bytes::Bytes {
            let mut json = Vec::new();
            schema::encode(Version::V2, record, &group.at, &context, None, &mut json);
            json.into()
        };
        group.records.iter().filter(|record| SchemaId::of(record).is_event()).map(encode).collect()
    }
}

/// As people read it.
fn clock(at: Timestamp, zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    at.to_zoned(zone.clone()).strftime("%F %H:%M:%S").to_string()
}

impl Scene {
    /// The time goes on with every frame, analysed or not.
    fn stamp(&mut self, frame: &Frame, time_zone: &TimeZone) {
        if self.draws.timestamp {
            self.overlay.timestamp = clock(frame.timestamp, time_zone);
        }
    }

    fn update(&mut self, frame: &Frame, analysis: &Analysis) {
        let draws = self.draws;
        if self.updated.replace((frame.id, frame.time)) == Some((frame.id, frame.time)) {
            return;
        }
        for track in analysis.tracks.iter().filter(|track| track.phase == TrackPhase::Locked) {
            self.matched.insert(track.id, frame.time);
            let trail = self.trails.entry(track.id).or_default();
            if trail.len() == TRAIL_POINTS {
                trail.pop_front();
            }
            trail.push_back(track.rect.bottom_center());
        }
        let alive: HashSet<Id> = analysis.tracks.iter().map(|track| track.id).collect();
        self.trails.retain(|id, _| alive.contains(id));
        self.matched.retain(|id, _| alive.contains(id));
        self.flashes.retain(|(since, _)| frame.time.since(*since) < FLASH_FOR);
        let events =
            analysis.groups.iter().flat_map(|group| &group.records).filter_map(|record| match record {
                Record::Event(event) => flash(event),
                _ => None,
            });
        self.flashes.extend(events.map(|flash| (frame.time, flash)));
        let shown =
            |track: &&Track| self.matched.get(&track.id).is_some_and(|at| frame.time.since(*at) < COAST_FOR);
        let boxes =
            analysis.tracks.iter().filter(shown).map(|track| self.labelled_box(track, draws)).collect();
        self.overlay.boxes = boxes;
        self.overlay.flashes = match draws.flashes {
            true => self.flashes.iter().map(|(_, flash)| flash.clone()).collect(),
            false => Vec::new(),
        };
        for (area, occupancy) in self.overlay.areas.iter_mut().zip(&analysis.occupancy) {
            area.active = occupancy.is_occupied();
        }
    }

    fn labelled_box(&self, track: &Track, draws: Draws) -> OverlayBox {
        let trail = self.trails.get(&track.id).filter(|_| draws.trails);
        OverlayBox {
            rect: track.rect,
            framed: draws.boxes,
            color: Color::of_class(track.class),
            label: if draws.labels { short_name(track) } else { String::new() },
            trail: trail.map(|trail| trail.iter().copied().collect()).unwrap_or_default(),
        }
    }
}

/// The user's own name for a track, or its class and the first digits of its id: enough to tell the
/// objects of one picture apart.
fn short_name(track: &Track) -> String {
    match &track.external_id {
        Some(id) => format!("{} {id}", track.class),
        None => format!("{} {:.4}", track.class, track.id.simple().to_string()),
    }
}

/// What is worth an eye-catcher: starts and crossings, not their ends.
fn flash(event: &Event) -> Option<Flash> {
    let label = match &event.kind {
        EventKind::Intrusion(area) => format!("in {}", area.name),
        EventKind::Loitering(area) => format!("loiters in {}", area.name),
        EventKind::Crowd(area) => format!("crowd in {}", area.name),
        EventKind::LineCrossing { line, .. } => format!("crosses {}", line.name),
        EventKind::Tailgating { line, .. } => format!("tailgates at {}", line.name),
        EventKind::ObjectLeftRemoved { area, state } => format!("{state:?} in {}", area.name).to_lowercase(),
        EventKind::ArmedPerson => "armed".to_owned(),
        EventKind::FallenPerson => "fallen".to_owned(),
        _ => return None,
    };
    Some(Flash { rect: event.subjects.first()?.rect, color: Color::ALERT, label })
}
