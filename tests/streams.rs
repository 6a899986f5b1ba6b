//! PRODUCT 6 and 10: every stream as objects and as rows, with pictures left out, inside, or as files.

use serde_json::{Map, Value, json};
use watchpost_testkit::Sandbox;

/// A ball that bounces, five seconds of it.
const BALL: &str = "gstreamer:///videotestsrc num-buffers=150 pattern=ball ! \
     video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! appsink name=cvdsink";

const STREAMS: [(&str, Option<&str>); 6] = [
    ("eventsExport", Some("events")),
    ("output-tracks", Some("tracks")),
    ("output-detections", Some("detections")),
    ("zone_stats", None),
    ("global_object_stats", None),
    ("statistics", None),
];

fn document(handlers: Map<String, Value>) -> Value {
    json!({
        "DisplayName": "ball", "Solution": "securt", "Input": {"uri": BALL, "pace": "fast"},
        "Zone": {"Zones": {"3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.3, "y": 0.0}, {"x": 0.7, "y": 0.0}, {"x": 0.7, "y": 1.0}, {"x": 0.3, "y": 1.0}],
            "detect_unknowns": true, "trigger_on_enter": true, "trigger_on_exit": true,
        }}},
        "Output": {"handlers": handlers},
    })
}

fn run(sandbox: &Sandbox, handlers: Map<String, Value>) {
    let ran = sandbox.run(&["run".as_ref(), sandbox.instance(&document(handlers)).as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn every_stream_is_exported_as_objects_and_as_rows() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut handlers = Map::new();
    for (stream, _) in STREAMS {
        let uri = format!("json:///{stream}.jsonl");
        handlers.insert(
            format!("{stream} objects"),
            json!({"uri": uri, "sink": stream, "config": {"minify": true, "append_only": true}}),
        );
        handlers
            .insert(format!("{stream} rows"), json!({"uri": format!("csv:///{stream}.csv"), "sink": stream}));
    }
    run(&sandbox, handlers);
    for (stream, list) in STREAMS {
        let objects = sandbox.json_lines(&format!("{stream}.jsonl"));
        assert!(objects.len() >= 2, "{stream}: {}", objects.len());
        for object in &objects {
            let keys: Vec<_> = object.as_object().unwrap().keys().take(5).map(String::as_str).collect();
            let frame_keys = ["frame_id", "frame_time", "system_timestamp", "system_date", "instance_id"];
            assert_eq!(keys, frame_keys, "{stream}");
        }
        let rows = std::fs::read_to_string(sandbox.export(&format!("{stream}.csv"))).unwrap();
        let expected: usize = match list {
            Some(list) => objects.iter().map(|object| object[list].as_array().unwrap().len()).sum(),
            None => objects.len(),
        };
        assert!(expected >= 2, "{stream}: {expected} rows");
        assert_eq!(rows.lines().count() - 1, expected, "{stream}");
    }
    let of_a_second = |stream: &str| {
        let times = sandbox.json_lines(&format!("{stream}.jsonl"));
        times
            .iter()
            .map(|object| object["frame_time"].as_f64().unwrap().floor() as u64 / 1000)
            .collect::<Vec<_>>()
    };
    for stream in ["zone_stats", "global_object_stats"] {
        assert_eq!(of_a_second(stream), [0, 1, 2, 3, 4], "{stream} has an object each second of the stream");
    }
}

#[test]
fn crops_are_left_out_inside_or_files_that_are_there() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut handlers = Map::new();
    for (stream, _) in &STREAMS[..3] {
        for crops in ["none", "inline", "disk"] {
            let name = format!("{stream} {crops}");
            let config = json!({"crops": crops, "minify": true, "append_only": true});
            handlers.insert(
                name.clone(),
                json!({"uri": format!("json:///{name}.jsonl"), "sink": stream, "config": config}),
            );
        }
    }
    let whole = json!({"output_image": true, "minify": true, "append_only": true, "every_s": 1});
    handlers.insert(
        "whole".into(),
        json!({"uri": "json:///whole.jsonl", "sink": "output-detections", "config": whole}),
    );
    run(&sandbox, handlers);
    for (stream, list) in &STREAMS[..3] {
        let list = list.unwrap();
        let pictures = |crops: &str| -> Vec<String> {
            let objects = sandbox.json_lines(&format!("{stream} {crops}.jsonl"));
            let items = objects.iter().flat_map(|object| {
                assert_eq!(
                    object.get("image"),
                    None,
                    "{stream} {crops}: the whole picture was not asked for"
                );
                object[list].as_array().unwrap()
            });
            let picture = |item: &Value| {
                let holder = item.get("best_thumbnail").unwrap_or(item);
                holder.get("image").map(|image| image.as_str().unwrap().to_owned())
            };
            items.filter_map(picture).collect()
        };
        assert_eq!(pictures("none"), Vec::<String>::new(), "{stream}");
        let inline = pictures("inline");
        assert!(
            inline.len() >= 2 && inline.iter().all(|image| image.starts_with("/9j/")),
            "{stream}: JPEG in base64"
        );
        let disk = pictures("disk");
        assert_eq!(disk.len(), inline.len(), "{stream}");
        for path in disk {
            let folder = format!("{stream}_disk-crops/");
            assert!(path.starts_with(&folder) && path.ends_with(".jpg"), "{path}");
            let picture = std::fs::read(sandbox.export(&path)).unwrap();
            assert!(
                picture.starts_with(&[0xFF, 0xD8]) && picture.ends_with(&[0xFF, 0xD9]),
                "{path} is whole"
            );
        }
    }
    let whole = sandbox.json_lines("whole.jsonl");
    assert_eq!(whole.len(), 5);
    assert!(whole.iter().all(|object| object["image"].as_str().unwrap().starts_with("/9j/")));
    let crops = whole.iter().flat_map(|object| object["detections"].as_array().unwrap());
    assert!(crops.into_iter().all(|detection| detection.get("image").is_none()));
}

#[test]
fn the_scripts_of_the_reference_map_to_shapes_and_crops_and_an_unknown_one_is_an_error_of_its_export_alone() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let handler = |name: &str, sink: &str, script: &str| {
        let config =
            json!({"script": format!("assets/scripts/{script}"), "minify": true, "append_only": true});
        json!({"uri": format!("json:///{name}.jsonl"), "sink": sink, "config": config})
    };
    let mut handlers = Map::new();
    for (name, sink, script) in [
        ("flat", "output-tracks", "tracks_flat.lua"),
        ("disk", "eventsExport", "events_with_crops_on_disk.lua"),
        ("passed", "eventsExport", "passthrough_augmented.lua"),
        ("buffer", "output-detections", "detections_with_output_buffer.lua"),
        ("wrong", "eventsExport", "my_own.lua"),
    ] {
        handlers.insert(name.into(), handler(name, sink, script));
    }
    let checked =
        sandbox.run(&["validate".as_ref(), sandbox.instance(&document(handlers.clone())).as_os_str()]);
    assert_ne!(checked.code, Some(0));
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(
        said.contains("/Output/handlers/wrong/config/script") && said.contains("tracks_flat.lua"),
        "{said}"
    );
    let ran = sandbox.run(&["run".as_ref(), sandbox.instance(&document(handlers)).as_os_str()]);
    assert!(!sandbox.export("wrong.jsonl").exists(), "{}", ran.stdout);
    let first = |name: &str| sandbox.json_lines(&format!("{name}.jsonl"))[0].clone();
    assert!(first("flat")["track_id"].is_string(), "a row");
    let thumbnail = |name: &str| {
        let events = sandbox.json_lines(&format!("{name}.jsonl"));
        events[0]["events"][0]["best_thumbnail"]["image"].as_str().unwrap().to_owned()
    };
    assert!(thumbnail("disk").starts_with("disk-crops/"));
    assert!(thumbnail("passed").starts_with("/9j/"));
    assert!(first("buffer")["image"].as_str().unwrap().starts_with("/9j/"));
}
