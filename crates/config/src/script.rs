//! The reference system's handler scripts and what each stands for (REFERENCE "Scripts").

use serde_json::{Map, Value};

use crate::{
    object::{Object, one_of, wrong},
    problem::Check,
};

/// What a script of the reference system does, in our words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script {
    /// File name.
    pub name: &'static str,
    /// `config.shape`; `None` for the picture, which has no shape.
    pub shape: Option<&'static str>,
    /// `config.crops`.
    pub crops: &'static str,
    /// `config.output_image`: each object carries the rendered picture.
    pub output_image: bool,
    /// The stream it is made for; `None`: any.
    pub sink: Option<&'static str>,
}

const fn script(
    name: &'static str,
    sink: Option<&'static str>,
    shape: Option<&'static str>,
    crops: &'static str,
) -> Script {
    Script { name, shape, crops, output_image: false, sink }
}

const EVENTS: Option<&str> = Some("eventsExport");
const DETECTIONS: Option<&str> = Some("output-detections");
const TRACKS: Option<&str> = Some("output-tracks");
const PICTURE: Option<&str> = Some("output-image");
const OBJECTS: Option<&str> = Some("objects");
const TABULAR: Option<&str> = Some("tabular");

/// Every script known. With `eventsExport`, the first one also gives crops.
pub const SCRIPTS: &[Script] = &[
    script(PASSTHROUGH, None, OBJECTS, "none"),
    script("events_without_crops.lua", EVENTS, OBJECTS, "none"),
    script("events_with_crops_on_disk.lua", EVENTS, OBJECTS, "disk"),
    script("events_without_crops_flat.lua", EVENTS, TABULAR, "none"),
    script("detections_without_buffers.lua", DETECTIONS, OBJECTS, "none"),
    script("detections_with_crops.lua", DETECTIONS, OBJECTS, "inline"),
    script("detections_with_crops_on_disk.lua", DETECTIONS, OBJECTS, "disk"),
    script("detections_without_buffers_flat.lua", DETECTIONS, TABULAR, "none"),
    Script { output_image: true, ..script("detections_with_output_buffer.lua", DETECTIONS, OBJECTS, "none") },
    script("tracks_with_crops.lua", TRACKS, OBJECTS, "inline"),
    script("tracks_with_crops_on_disk.lua", TRACKS, OBJECTS, "disk"),
    script("tracks_flat.lua", TRACKS, TABULAR, "none"),
    script("output_buffer.lua", PICTURE, None, "none"),
];

const PASSTHROUGH: &str = "passthrough_augmented.lua";

/// `config` with its `script` replaced by the keys it stands for. Keys that are there already win.
pub(crate) fn lower(check: &mut Check<'_>, config: &Object<'_>, sink: Option<&str>) -> Map<String, Value> {
    let mut lowered = config.map.clone();
    let Some(value) = lowered.shift_remove("script").filter(|value| !value.is_null()) else {
        return lowered;
    };
    let name = value.as_str().map(|path| path.rsplit(['/', '\\']).next().unwrap_or_default());
    if name == Some("") {
        return lowered;
    }
    let Some(script) = name.and_then(|name| SCRIPTS.iter().find(|script| script.name == name)) else {
        let names: Vec<_> = SCRIPTS.iter().map(|script| script.name.to_owned()).collect();
        wrong(check, &config.at("script"), &value, &one_of(&names));
        return lowered;
    };
    // Records have no stream: versioned MQTT handlers carry a script that then has no effect.
    let Some(sink) = sink else { return lowered };
    if script.sink.is_some_and(|made_for| made_for != sink) {
        let message = format!("`{}` is not made for the stream `{sink}`", script.name);
        check.warn(&config.at("script"), message, format!("it is for `{}`", script.sink.unwrap_or_default()));
    }
    let crops = if script.name == PASSTHROUGH && sink == "eventsExport" { "inline" } else { script.crops };
    let mut add = |key: &str, value: Value| {
        lowered.entry(key).or_insert(value);
    };
    if let Some(shape) = script.shape {
        add("shape", shape.into());
    }
    if crops != "none" {
        add("crops", crops.into());
    }
    if script.output_image {
        add("output_image", true.into());
    }
    lowered
}
