//! `Input` and `SolutionManager`: where frames come from.

use std::{path::Path, time::Duration};

use serde_json::Value;
use watchpost_model::{ObjectClass, Size, Timestamp};

use crate::{
    Base, LabelTable,
    detector::detector,
    instance::{Follow, Input, Pace},
    object::{Object, one_of, wrong},
    paths::warn_if_meant_absolute,
    problem::Check,
    schedule::time_zone,
};

/// A label table longer than this is a mistake: the largest public detectors know some 10 000 words.
const MAX_LABELS: usize = 20_000;

/// What `SolutionManager` holds that is not about the input.
pub(crate) struct Manager {
    pub debug: bool,
    pub run_statistics: bool,
    pub send_diagnostics: bool,
    pub send_metadata: bool,
}

/// Reads `Input` and `SolutionManager` of the document `root`.
pub(crate) fn input(check: &mut Check<'_>, root: &mut Object<'_>, base: Base) -> (Input, Manager) {
    let empty = serde_json::Map::new();
    let input_absent = root.map.get("Input").is_none_or(Value::is_null);
    let object = root.object(check, "Input");
    let given = object.is_some() || input_absent;
    let mut object = object.unwrap_or_else(|| Object::new(&empty, "/Input"));
    let uri = object.text(check, "uri").unwrap_or_default().trim().to_owned();
    if given && uri.is_empty() && object.map.get("uri").is_none_or(|uri| uri.is_null() || uri.is_string()) {
        no_source(check, base);
    }
    let video_uri = object.text(check, "video_uri").map(str::trim).filter(|uri| !uri.is_empty());
    for (key, uri) in [("uri", Some(uri.as_str())), ("video_uri", video_uri)] {
        uri.inspect(|uri| warn_if_meant_absolute(check, &object.at(key), uri));
    }
    let pace = object.choice(check, "pace", &[("realtime", Pace::Realtime), ("fast", Pace::Fast)]);
    let mut input = Input {
        video_uri: video_uri.map(str::to_owned),
        looping: object.bool(check, "loop").unwrap_or_default(),
        no_signal_picture: object.bool(check, "no_signal_picture").unwrap_or(true),
        pace: pace.unwrap_or(base.pace()),
        start_time: start_time(check, &mut object),
        stall_timeout: stall_timeout(check, &mut object),
        time_zone: time_zone(check, &mut object).unwrap_or_else(|| "UTC".to_owned()),
        frame_rate_limit: None,
        input_pixel_limit: None,
        motion_class: object.choice(check, "motion_class", &classes()).unwrap_or_default(),
        labels: labels(check, &mut object),
        software_decoder: false,
        follow: object.choice(check, "follow", &[("start", Follow::Start), ("end", Follow::End)]),
        frame_size: frame_size(check, &mut object),
        frame_rate: object.number(check, "frame_rate", 0.001..=1000.0, "frames per second"),
        detector: detector(check, &mut object),
        uri,
    };
    if let Some(mut format) = object.object(check, "media_format") {
        format.text(check, "name");
        input.software_decoder = format.bool(check, "is_software").unwrap_or(false);
        format.finish(check, &["color_format", "default_format", "height", "width"]);
    }
    object.text(check, "media_type");
    object.finish(check, &[]);
    let manager = manager(check, root, &mut input);
    (input, manager)
}

fn manager(check: &mut Check<'_>, root: &mut Object<'_>, input: &mut Input) -> Manager {
    let empty = serde_json::Map::new();
    let object = root.object(check, "SolutionManager");
    let mut object = object.unwrap_or_else(|| Object::new(&empty, "/SolutionManager"));
    let limit = object.number(check, "frame_rate_limit", 0.0..=1000.0, "frames per second");
    input.frame_rate_limit = limit.filter(|limit| *limit > 0.0);
    // The largest pictures GStreamer handles have sides of 32 767 pixels.
    let pixels = object.integer(check, "input_pixel_limit", 0..=1_073_676_289, "pixels");
    input.input_pixel_limit = pixels.filter(|pixels| *pixels > 0);
    object.number(check, "recommended_frame_rate", 0.0..=1000.0, "frames per second");
    let manager = Manager {
        debug: object.bool(check, "enable_debug").unwrap_or(false),
        run_statistics: object.bool(check, "run_statistics").unwrap_or(true),
        send_diagnostics: object.bool(check, "send_diagnostics").unwrap_or(true),
        send_metadata: object.bool(check, "send_metadata").unwrap_or(true),
    };
    object.finish(check, &[]);
    manager
}

/// A file to run must name its source; a server's instance may get it, or detections, by the API.
fn no_source(check: &mut Check<'_>, base: Base) {
    let message = "`uri` is missing: the instance has no source";
    let fix = "expected for example \"rtsp://camera/stream\", \"file:///clip.mp4\" or a path";
    match base {
        Base::InstanceFile => check.error("/Input", message, fix),
        Base::DataFolder => check.warn("/Input", message, fix),
    }
}

fn start_time(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Timestamp> {
    let value = object.value("start_time")?;
    let parsed = match value {
        Value::String(text) => text.parse::<jiff::Timestamp>().ok().map(|time| time.as_millisecond()),
        _ => value.as_i64().filter(|ms| jiff::Timestamp::from_millisecond(*ms).is_ok()),
    };
    if parsed.is_none() {
        let expected = "a time such as \"2026-05-01T12:00:00Z\" or Unix milliseconds";
        wrong(check, &object.at("start_time"), value, expected);
    }
    parsed.map(Timestamp)
}

/// Slow cameras give a picture in some seconds; a dead connection is noticed by TCP after minutes only.
const STALL_TIMEOUT_MS: u64 = 10_000;

fn stall_timeout(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Duration> {
    let given = object.integer(check, "stall_timeout_ms", 0..=86_400_000, "milliseconds");
    let timeout_ms = given.unwrap_or(STALL_TIMEOUT_MS);
    (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms))
}

/// The largest side that a [`Size`] of pixels may have: GStreamer's own bound.
const MAX_SIDE_PIXELS: u64 = 32_767;

fn frame_size(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Size> {
    let mut size = object.object(check, "frame_size")?;
    let mut side = |check: &mut Check<'_>, key| {
        if size.map.get(key).is_none() {
            size.missing(check, key, "pixels");
        }
        size.integer(check, key, 1..=MAX_SIDE_PIXELS, "pixels").map(|side| side as u32)
    };
    let (width, height) = (side(check, "width"), side(check, "height"));
    size.finish(check, &[]);
    Some(Size { width: width?, height: height? })
}

fn labels(check: &mut Check<'_>, object: &mut Object<'_>) -> LabelTable {
    let Some(table) = object.object(check, "labels") else { return LabelTable::default() };
    if table.map.len() > MAX_LABELS {
        let message = format!("has {} labels", table.map.len());
        check.error(&table.path, message, format!("expected at most {MAX_LABELS}"));
    }
    let mut own = Vec::new();
    for (label, value) in table.map.iter().take(MAX_LABELS) {
        match value.as_str().map(str::parse::<ObjectClass>) {
            Some(Ok(class)) => own.push((label.clone(), class)),
            _ => {
                let names = ObjectClass::ALL.map(|class| format!("\"{}\"", class.name()));
                wrong(check, &table.at(label), value, &one_of(&names));
            }
        }
    }
    LabelTable::new(own)
}

fn classes() -> [(&'static str, ObjectClass); 5] {
    ObjectClass::ALL.map(|class| (class.name(), class))
}

/// Whether `uri` gives detections with labels of their own, or none at all and waits for them.
pub(crate) fn has_detections(input: &Input) -> bool {
    let scheme = crate::split_scheme(&input.uri).map(|(scheme, _)| scheme);
    let recorded = scheme.is_some_and(|scheme| {
        ["ndjson", "ndjson+unix", "ndjson+post", "mot", "coco"].contains(&scheme.as_str())
    });
    recorded || input.uri.is_empty() || input.detector.is_some()
}

/// The instance's name where the file gives none.
pub(crate) fn stem(origin: &Path) -> String {
    origin.file_stem().map_or_else(|| "instance".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
