//! A scene whose events are known: persons walk through an area in the middle, and the instance file for it.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Sandbox, Script};

/// What the area in the middle causes.
pub const EVENT_IDS: [&str; 4] =
    ["event-area-enter", "event-area-exit", "event-intrusion", "event-intrusion-end"];

/// Id of [`scene`]'s instance.
pub const INSTANCE_ID: &str = "0d9f0c52-55c4-4f0e-9a53-6c7a4f9e3b11";

/// One line per frame for [`scene`]: at 100 frames a second somebody new every `every` frames.
pub fn walkers(every: u64) -> Script {
    Script { fps: 100, every, walk: 400 }
}

/// An instance file: source `uri`, the area, an export `events` to `events.jsonl` in `version`, and `output`
/// merged into `Output`.
pub fn scene(uri: &str, version: u8, output: Value) -> Value {
    let mut document = json!({
        "InstanceId": INSTANCE_ID,
        "DisplayName": "scene",
        "Solution": "securt",
        "Input": {"uri": uri},
        "Zone": {"Zones": {"3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.45, "y": 0.1}, {"x": 0.7, "y": 0.1}, {"x": 0.7, "y": 0.9}, {"x": 0.45, "y": 0.9}],
            "detect_people": true, "trigger_on_enter": true, "trigger_on_exit": true, "trigger_on_intrusion": true,
        }}},
        "Output": {"handlers": {"events": json_lines("events.jsonl", &EVENT_IDS, version)}},
    });
    merge(&mut document["Output"], output);
    document
}

/// A handler that appends records to a file of JSON lines.
pub fn json_lines(file: &str, ids: &[&str], version: u8) -> Value {
    let schema_events: Vec<_> = ids.iter().map(|id| format!("{id}:{version}")).collect();
    json!({
        "uri": format!("json:///{file}"), "sink": "", "enabled": true,
        "config": {"append_only": true, "minify": true, "schema_events": schema_events},
    })
}

/// Which ids in which versions, as a manifest says it.
pub fn subscriptions(ids: &[&str], version: u8) -> Value {
    Value::Object(ids.iter().map(|id| ((*id).to_owned(), json!([version]))).collect::<Map<_, _>>())
}

/// Writes `frames` lines of `script` into a file that `ndjson:////<path>` reads.
pub fn write_detections(sandbox: &Sandbox, name: &str, script: Script, frames: u64) -> String {
    let lines: String = (0..frames).map(|frame| script.line(frame)).collect();
    uri_of(&sandbox.write(name, lines))
}

/// A file as an absolute `ndjson` URI.
pub fn uri_of(path: &Path) -> String {
    format!("ndjson:///{}", path.display())
}

/// What makes an event known whatever its version.
pub type Key = (String, i64, i64);

/// Its schema, when it happened in stream milliseconds, and where, in thousandths of the width: no two walkers
/// are at one place at one time.
pub fn key(record: &Value) -> Key {
    let id = record["$id"].as_str().unwrap_or_else(|| panic!("no $id: {record}"));
    let time = record.get("frame_time").or(record.get("event_timestamp_ms"));
    let time = time.and_then(Value::as_f64).unwrap_or_else(|| panic!("no time: {record}"));
    let x = record["location"]["x"].as_f64().unwrap_or_else(|| panic!("no location: {record}"));
    (id.to_owned(), time.round() as i64, (x * 1000.0).round() as i64)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}
