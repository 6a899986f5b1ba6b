//! Instance files: a real one loads unchanged, everything wrong is said at once, with its place.

use std::{path::Path, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};
use watchpost_config::{Base, Draws, Loaded, OnFailure, Pace, Problem, Switch, load, load_file, save};
use watchpost_model::{Anchor, ClassFilter, Id, ObjectClass, StreamTime, Timestamp};

const REFERENCE: &str = include_str!("data/reference.json");

fn read(text: &str) -> Result<Loaded, Vec<Problem>> {
    load(text, Path::new("cam.json"), Base::InstanceFile)
}

/// `document` with a source, if it names none.
fn loaded(mut document: Value) -> Loaded {
    let input = document.as_object_mut().unwrap().entry("Input").or_insert(json!({}));
    input.as_object_mut().unwrap().entry("uri").or_insert(json!("clip.avi"));
    read(&document.to_string()).expect("no errors")
}

fn lines<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> String {
    problems.into_iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn a_real_file_of_the_reference_system_loads_unchanged() {
    let loaded = read(REFERENCE).unwrap();
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.broken, []);
    let instance = &loaded.instance;
    assert_eq!(instance.id, Id::try_parse("8a329a3f-d9fc-e038-3435-676656695b07").unwrap());
    assert_eq!((instance.name.as_str(), instance.auto_start), ("Entrance", true));
    assert_eq!(instance.input.frame_rate_limit, Some(15.0));
    assert_eq!(instance.input.input_pixel_limit, Some(2_000_000));
    assert_eq!(instance.output.render.draws, Some(Draws::default()));
    assert_eq!(instance.output.preprocess, None);
    let exporters = [("JSONExport".to_owned(), Switch::Off), ("NXWitness".to_owned(), Switch::Off)];
    assert_eq!(instance.output.exporters, exporters);
    let [rtsp] = &instance.output.handlers[..] else { panic!("one handler") };
    assert_eq!(rtsp.name, "rtsp:--0.0.0.0:8554-stream1");
    assert_eq!(rtsp.path, "/Output/handlers/rtsp:--0.0.0.0:8554-stream1");
    assert_eq!((rtsp.uri.as_str(), rtsp.switch), ("rtsp://0.0.0.0:8554/stream1", Switch::On));
    assert_eq!((rtsp.sink.as_deref(), &rtsp.config["fps"]), (Some("output-image"), &json!(10)));
    assert_eq!(instance.lines[0].anchor, Anchor::Center);
    assert_eq!(instance.areas[0].triggers.loitering, Some(StreamTime::from_secs(3.0)));
    assert_eq!(instance.areas[0].id, Id::new_v5(&instance.id, b"lobby"));
}

#[test]
fn the_demos_own_file_is_without_blemish() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../demo/vtest.json");
    let loaded = load_file(&file, Base::InstanceFile).unwrap();
    assert_eq!((loaded.warnings, loaded.broken), (vec![], vec![]));
    assert_eq!((loaded.instance.areas.len(), loaded.instance.lines.len()), (2, 1));
}

#[test]
fn a_document_is_saved_as_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cam.json");
    let text = REFERENCE.replacen("\"AutoStart\"", "\"Later\": {\"b\": 1, \"a\": [2]},\n\"AutoStart\"", 1);
    let loaded = read(&text).unwrap();
    assert_eq!(lines(&loaded.warnings), "cam.json:2: /Later: unknown key: kept, but it has no effect\n");
    save(&file, &loaded.document).unwrap();
    let again = load_file(&file, Base::InstanceFile).unwrap();
    assert_eq!(again.instance, loaded.instance);
    let (before, after): (Value, Value) = (
        serde_json::from_str(&text).unwrap(),
        serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap(),
    );
    assert_eq!(before.to_string(), after.to_string());
}

#[test]
fn exporters_stand_under_handlers_or_beside_them() {
    let loaded = loaded(json!({"Output": {
        "handlers": {"JSONExport": {"enabled": false}, "NXWitness": {"enabled": true}},
        "JSONExport": {"enabled": true}, "mine": {"enabled": true}
    }}));
    let on = |name: &str| (name.to_owned(), Switch::On);
    let expected = [on("JSONExport"), on("NXWitness"), on("mine")];
    assert_eq!(loaded.instance.output.exporters, expected);
    // Where both are, the one that counts.
    let paths = ["/Output/JSONExport", "/Output/handlers/NXWitness", "/Output/mine"];
    assert_eq!(loaded.instance.output.exporter_paths, paths);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn handlers_of_2023_are_a_list_and_get_names_from_their_uris() {
    let handler = json!({"uri": "rtsp://0.0.0.0:8554/a", "sink": "output-image"});
    let loaded = loaded(json!({"Output": {"handlers": [handler, handler]}}));
    let names: Vec<_> =
        loaded.instance.output.handlers.iter().map(|h| (h.name.as_str(), h.path.as_str())).collect();
    let first = ("rtsp:--0.0.0.0:8554-a", "/Output/handlers/0");
    assert_eq!(names, [first, ("rtsp:--0.0.0.0:8554-a-2", "/Output/handlers/1")]);
}

#[test]
fn a_bad_export_leaves_the_instance_and_the_other_exports() {
    let loaded = loaded(json!({"Output": {"handlers": {
        "good": {"uri": "json:///a.json", "sink": "eventsExport"},
        "bad": {"uri": 7, "sink": true, "config": []},
        "none": {"sink": "source"},
        "bare": {"uri": "out.json"},
        "lua": {"uri": "json:///b", "sink": "source", "config": {"script": "mine.lua"}},
        "preprocess": {"uri": "json:///c", "sink": "source"},
        "text": "x"
    }}}));
    let names: Vec<_> = loaded.instance.output.handlers.iter().map(|handler| &handler.name).collect();
    assert_eq!(names, ["good"]);
    insta::assert_snapshot!(lines(loaded.errors()));
}

#[test]
fn scripts_become_shape_and_crops() {
    let config = |sink: &str, script: &str| {
        let script = format!("assets/scripts/{script}");
        let handler = json!({"uri": "json:///a", "sink": sink, "config": {"script": script, "minify": true}});
        let loaded = loaded(json!({"Output": {"handlers": {"a": handler}}}));
        Value::from(loaded.instance.output.handlers[0].config.clone())
    };
    let (objects, table) = (json!("objects"), json!("tabular"));
    // Each that REFERENCE "Scripts" names, with what it says of it.
    let all = [
        ("eventsExport", "passthrough_augmented.lua", json!({"shape": objects, "crops": "inline"})),
        ("output-tracks", "passthrough_augmented.lua", json!({"shape": objects})),
        ("eventsExport", "events_without_crops.lua", json!({"shape": objects})),
        ("eventsExport", "events_with_crops_on_disk.lua", json!({"shape": objects, "crops": "disk"})),
        ("eventsExport", "events_without_crops_flat.lua", json!({"shape": table})),
        ("output-detections", "detections_without_buffers.lua", json!({"shape": objects})),
        ("output-detections", "detections_with_crops.lua", json!({"shape": objects, "crops": "inline"})),
        (
            "output-detections",
            "detections_with_crops_on_disk.lua",
            json!({"shape": objects, "crops": "disk"}),
        ),
        ("output-detections", "detections_without_buffers_flat.lua", json!({"shape": table})),
        (
            "output-detections",
            "detections_with_output_buffer.lua",
            json!({"shape": objects, "output_image": true}),
        ),
        ("output-tracks", "tracks_with_crops.lua", json!({"shape": objects, "crops": "inline"})),
        ("output-tracks", "tracks_with_crops_on_disk.lua", json!({"shape": objects, "crops": "disk"})),
        ("output-tracks", "tracks_flat.lua", json!({"shape": table})),
        ("output-image", "output_buffer.lua", json!({})),
        // Records have their own shape.
        ("", "passthrough_augmented.lua", json!({})),
    ];
    for (sink, script, mut expected) in all {
        expected["minify"] = true.into();
        assert_eq!(config(sink, script), expected, "{sink} {script}");
    }
}

#[test]
fn every_error_is_said_at_once_with_its_line() {
    let problems = read(include_str!("data/all-wrong.json")).unwrap_err();
    insta::assert_snapshot!(lines(&problems));
}

#[test]
fn what_works_but_hardly_as_meant_is_a_warning() {
    let loaded = read(include_str!("data/doubtful.json")).unwrap();
    insta::assert_snapshot!(lines(&loaded.warnings));
}

#[test]
fn an_area_of_people_that_waits_for_things_is_a_warning() {
    let corners = json!([{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]);
    let warnings = |uri: &str, class: &str| {
        let area = json!({"vertices": corners, "trigger_when": "object_left", class: true});
        let input = json!({"uri": uri, "motion_class": "Person"});
        loaded(json!({"Input": input, "Zone": {"Zones": {"hall": area}}})).warnings
    };
    let found = warnings("ndjson://-", "detect_people");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].message.contains("\"hall\" never reports an object left or removed"), "{found:?}");
    assert_eq!(warnings("ndjson://-", "detect_unknowns"), []);
    assert_eq!(warnings("clip.mp4", "detect_people"), [], "by motion, everything is of the one class");
}

#[test]
fn text_that_is_no_instance() {
    let first = |text: &str| lines(&read(text).unwrap_err());
    assert_eq!(
        first("{\n\"a\": 1,\n}"),
        "cam.json:3: is not JSON from column 1 on: trailing comma; mend the JSON there\n"
    );
    assert_eq!(first(""), "cam.json:1: is empty; expected a JSON object {...}\n");
    assert_eq!(first("[1]"), "cam.json:1: is a list of 1; expected a JSON object {...}\n");
    assert_eq!(
        first("{}"),
        "cam.json:1: /Input: `uri` is missing: the instance has no source; expected for example \
         \"rtsp://camera/stream\", \"file:///clip.mp4\" or a path\n"
    );
    let missing = load_file(Path::new("/nowhere/x.json"), Base::InstanceFile).unwrap_err();
    assert_eq!(lines(&missing), "/nowhere/x.json: no such file; check the path\n");
    let folder = load_file(Path::new("/"), Base::InstanceFile).unwrap_err();
    assert_eq!(lines(&folder), "/: is a folder; name a file\n");
}

#[test]
fn a_byte_order_mark_is_no_error() {
    assert!(read("\u{feff}{\"Input\": {\"uri\": \"x\"}}").is_ok());
}

#[test]
fn defaults() {
    let corners = json!([{"x": 0, "y": 0}, {"x": 1, "y": 0}, {"x": 1, "y": 1}]);
    let instance = loaded(json!({
        "Zone": {"Zones": {"a": {"vertices": corners, "trigger_loitering": true, "trigger_when": "object_removed"}}},
        "Tripwire": {"Tripwires": {"b": {"vertices": [{"x": 0, "y": 0}, {"x": 1, "y": 1}], "trigger_tailgating": true}}},
        "Output": {"preprocess_cmd": "./f.py"}
    }))
    .instance;
    assert_eq!((instance.name.as_str(), instance.input.pace), ("cam", Pace::Fast));
    assert_eq!((instance.input.time_zone.as_str(), instance.input.frame_rate_limit), ("UTC", None));
    let (area, line) = (&instance.areas[0], &instance.lines[0]);
    assert_eq!(
        (area.name.as_str(), area.classes, area.anchor),
        ("a", ClassFilter::ALL, Anchor::BottomCenter)
    );
    assert_eq!(area.triggers.loitering, Some(StreamTime::from_secs(3.0)));
    assert_eq!(area.triggers.object_removed, Some(StreamTime::from_secs(4.0)));
    assert_eq!(area.enter_activation_delay, StreamTime::from_secs(0.2));
    assert_eq!((line.cross_bandwidth, line.cooldown_bandwidth), (0.03, 0.07));
    assert_eq!(line.triggers.tailgating, Some(StreamTime::from_secs(1.0)));
    let preprocess = instance.output.preprocess.unwrap();
    assert_eq!((preprocess.version, preprocess.on_failure), (1, OnFailure::Hold));
    assert_eq!((preprocess.timeout_ms, preprocess.drain_ms), (10_000, 1_000));
    assert_eq!(instance.journal.keep, Duration::from_secs(86_400));
    let served = load("{}", Path::new("cam.json"), Base::DataFolder).unwrap();
    assert_eq!((served.instance.input.pace, served.warnings.len()), (Pace::Realtime, 1));
}

#[test]
fn the_same_file_keeps_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), "{}").unwrap();
    let id = |path: &str| load("{}", &folder.path().join(path), Base::DataFolder).unwrap().instance.id;
    assert_eq!(id("a.json"), id("./../").min(id("a.json")).max(id("a.json")));
    assert_eq!(id("a.json").get_version_num(), 5);
    assert_ne!(id("a.json"), id("b.json"));
}

#[test]
fn inputs() {
    let input = |input: Value| loaded(json!({"Input": input})).instance.input;
    let ms = Some(Timestamp(1_785_161_453_812));
    assert_eq!(
        input(json!({"start_time": "2026-07-27T16:10:53.812+02:00"})).start_time,
        Some(Timestamp(1_785_161_453_812))
    );
    assert_eq!(input(json!({"start_time": 1_785_161_453_812_i64})).start_time, ms);
    let table = input(json!({"labels": {"Fork Lift": "vehicle"}})).labels;
    assert_eq!(table.classify("fork_lift"), ObjectClass::Vehicle);
    assert_eq!(input(json!({"pace": "Realtime", "loop": true})).pace, Pace::Realtime);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("json:///tmp/x")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let key = prop_oneof![
            "[a-z]{1,6}",
            proptest::sample::select(vec![
                "uri",
                "sink",
                "config",
                "enabled",
                "handlers",
                "vertices",
                "x",
                "y",
                "Zones",
                "Tripwires",
                "schedule",
                "spans",
                "days",
                "from",
                "to",
                "color",
                "name",
                "id",
                "labels",
                "keep",
                "script",
            ])
            .prop_map(str::to_owned),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_json_is_loaded_or_refused(parts in proptest::collection::vec(any_json(), 8)) {
        let keys = ["Input", "Output", "Zone", "Tripwire", "SolutionManager", "journal", "InstanceId", "Solution"];
        let document: Value = keys.into_iter().zip(parts).collect();
        let text = serde_json::to_string_pretty(&document).unwrap();
        match read(&text) {
            Ok(loaded) => prop_assert!(loaded.errors().all(|problem| problem.line.is_some())),
            Err(problems) => prop_assert!(!problems.is_empty() && problems.iter().all(|p| p.line.is_some())),
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in any::<String>()) {
        let _ = read(&text);
    }
}
