//! Single pictures as files, now and then or with events: what JPG and PNG have in common.

use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use watchpost_config::Problem;
use watchpost_model::{Rect, StreamTime};
use watchpost_template::Counts;

use crate::{
    dynamic::{Dynamic, SpeaksOf},
    files::{Chunk, Head, House, Names, Replacer, Retention, Store, WrittenFiles},
    format::{Format, Plan, Request},
    picture::{Picture, PictureError, PictureSink, Written},
    pictures,
    settings::problem,
};

/// Keys of `config` that both have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StillSettings {
    /// Which pictures; any of the conditions is enough. Absent: one a second.
    #[garde(dive)]
    when: Option<When>,
    /// Only a part of the picture: a box in parts of the frame, or `event` for the event's object.
    #[garde(skip)]
    crop: Option<Crop>,
    /// How many of its pictures stay. Absent: all.
    #[garde(dive)]
    retention: Option<Retention>,
}

/// How a picture becomes a file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coding {
    /// With this quality, 1 to 100.
    Jpeg(u8),
    Png,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct When {
    /// One of so many frames; 1: each.
    #[garde(inner(range(min = 1)))]
    every_frames: Option<u64>,
    /// One in so many seconds of stream time.
    #[garde(inner(range(min = 0.001, max = 86_400.0)))]
    every_s: Option<f64>,
    /// One for each event; `{obj...}` in the name is then the event's record.
    #[garde(skip)]
    events: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"event\" or {\"x\", \"y\", \"width\", \"height\"}, each 0 to 1")]
enum Crop {
    Event(EventWord),
    Box { x: f32, y: f32, width: f32, height: f32 },
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EventWord {
    Event,
}

/// Writes them, and lets go of what retention does not keep.
fn store(target: &pictures::Target, retention: Option<Retention>) -> Replacer {
    let root = target.names.root();
    let house = House::new(root.clone(), target.key, retention, None);
    if let Some(house) = &house {
        house.opened(0);
    }
    Replacer::new(target.key, WrittenFiles::new(root)).with(house)
}

/// The plan of a format of single pictures. `settings`: `None` if they could not be read, for `problems`.
pub(super) fn plan(
    format: &'static Format,
    request: &Request<'_>,
    settings: Option<(StillSettings, Coding)>,
    mut problems: Vec<Problem>,
) -> Result<Plan, Vec<Problem>> {
    let target = pictures::target(format, request, true, &mut problems);
    let (settings, coding) = settings.unzip();
    if let Some(settings) = &settings {
        pictures::check_retention(request, settings.retention, &mut problems);
        let mut refuse = |key: &str, message: &str, fix: &str| {
            problems.push(problem(request.handler, &format!("/config/{key}"), message, fix));
        };
        match settings.crop {
            Some(Crop::Event(_)) if !settings.when.is_some_and(|when| when.events) => {
                refuse("crop", "there are no events to crop to", "set `when.events` to true");
            }
            Some(Crop::Box { x, y, width, height })
                if ![x, y, width, height].iter().all(|part| (0.0..=1.0).contains(part))
                    || width <= 0.0
                    || height <= 0.0 =>
            {
                refuse(
                    "crop",
                    "the box lies outside the picture or is empty",
                    "expected parts of the frame, 0 to 1",
                );
            }
            _ => {}
        }
        if settings.when.is_some_and(|w| w.every_frames.is_none() && w.every_s.is_none() && !w.events) {
            refuse("when", "no condition is set", "expected `every_frames`, `every_s` or `events`");
        }
    }
    let (Some((selection, target)), Some(settings), Some(coding), true) =
        (target, settings, coding, problems.is_empty())
    else {
        return Err(problems);
    };
    let batch = if request.instance.lossless { LOSSLESS_BATCH } else { 1 };
    let only_events =
        settings.when.is_some_and(|w| w.events && w.every_frames.is_none() && w.every_s.is_none());
    let speaks_of = if only_events { SpeaksOf::Event } else { SpeaksOf::Frame };
    let dynamic = Dynamic::file(target.names.clone(), speaks_of);
    let plan = pictures::plan(format, request, selection, move || {
        Box::new(StillSink {
            names: target.names.clone(),
            store: store(&target, settings.retention),
            coding,
            settings: settings.clone(),
            batch,
            waiting: Vec::new(),
            counts: Counts::default(),
            frames: 0,
            next: StreamTime::ZERO,
        })
    });
    Ok(Plan { dynamic: Some(dynamic), ..plan })
}

/// Pictures that are synced together where the source waits for them and nobody watches them live.
const LOSSLESS_BATCH: usize = 16;

struct StillSink {
    coding: Coding,
    names: Names,
    store: Replacer,
    settings: StillSettings,
    batch: usize,
    waiting: Vec<Chunk>,
    counts: Counts,
    /// Pictures seen.
    frames: u64,
    /// When the next one is due by `every_s`.
    next: StreamTime,
}

impl PictureSink for StillSink {
    fn push(&mut self, picture: &Picture) -> Result<u64, PictureError> {
        let when = self.settings.when.unwrap_or(When { every_s: Some(1.0), ..When::default() });
        let nth = !picture.again && when.every_frames.is_some_and(|every| self.frames.is_multiple_of(every));
        self.frames += u64::from(!picture.again);
        let due = !picture.again && when.every_s.is_some() && picture.frame.time >= self.next;
        if let Some(seconds) = when.every_s.filter(|_| due) {
            // Whole steps from the stream's start, so that the rate holds whatever the frames' times are.
            let steps = (picture.frame.time.as_secs() / seconds).floor() + 1.0;
            self.next = StreamTime::from_secs(steps * seconds);
        }
        let mut made = 0;
        if nth || due {
            self.take(picture, &picture.frame_keys, self.part(None))?;
            made += 1;
        }
        if when.events {
            for event in &picture.events {
                self.take(picture, event, self.part(Some(event)))?;
                made += 1;
            }
        }
        if self.waiting.len() >= self.batch {
            self.write()?;
        }
        Ok(made)
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.write()?;
        Ok(self.store.written().list())
    }
}

impl StillSink {
    fn take(&mut self, picture: &Picture, object: &[u8], part: Option<Rect>) -> Result<(), PictureError> {
        let data = match self.coding {
            Coding::Jpeg(quality) => watchpost_media::jpeg(&picture.shown, part, quality)?,
            Coding::Png => watchpost_media::png(&picture.shown, part)?,
        };
        let (name, path) = loop {
            let name = self.names.name(object, picture.frame.timestamp.0, &mut self.counts).text;
            let path = self.names.path(&name);
            // Counts are not kept over restarts here: those that are taken are passed over.
            if !self.names.has_counts() || !path.exists() {
                break (name, path);
            }
        };
        self.waiting.push(Chunk {
            name,
            path,
            head: Arc::new(Head::default()),
            data,
            rows: 1,
            position: 0,
            lines: vec![],
        });
        Ok(())
    }

    fn write(&mut self) -> Result<(), PictureError> {
        let waiting = std::mem::take(&mut self.waiting);
        Ok(self.store.write(&waiting)?)
    }

    /// The part of the picture that is wanted; `None`: all of it.
    fn part(&self, event: Option<&[u8]>) -> Option<Rect> {
        match self.settings.crop? {
            Crop::Box { x, y, width, height } => Some(Rect::new(x, y, width, height)),
            Crop::Event(_) => {
                let event: Value = serde_json::from_slice(event?).ok()?;
                let side = |name: &str| event["location"][name].as_f64().map(|side| side as f32);
                let part = Rect::new(side("x")?, side("y")?, side("width")?, side("height")?).clamped();
                (part.area() > 0.0).then_some(part)
            }
        }
    }
}
