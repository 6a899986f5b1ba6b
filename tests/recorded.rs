//! Recorded detections go in and come out again as they were, by the word of the tools that read these formats.

use std::{path::Path, process::Command};

use serde_json::json;
use watchpost_testkit::Sandbox;

#[test]
fn motmetrics_and_pycocotools_read_what_is_written() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let python = root.join(".cache/venv/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup.sh test", python.display());
    let ran = Command::new(python)
        .arg(root.join("tests/python/benchmark_formats.py"))
        .env("WATCHPOST", env!("CARGO_BIN_EXE_watchpost"))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn tracks_come_out_as_benchmarks_read_them_and_their_ids_come_back() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let rows: String =
        (1..=50).map(|frame| format!("{frame},42,{}.5,101,40,80,0.75,-1,-1,-1\n", 10 + frame)).collect();
    sandbox.write("data/det.txt", &rows);
    let size = json!({"width": 640, "height": 480});
    sandbox.instance(&json!({
        "DisplayName": "recorded", "Solution": "securt",
        "Input": {"uri": "mot:///det.txt", "frame_size": size},
        "Output": {"handlers": {
            "mot": {"uri": "mot:///tracks.txt", "sink": "output-tracks", "config": {"frame_size": size}},
            "coco": {"uri": "coco:///tracks.jsonl", "sink": "output-tracks", "config": {"frame_size": size}},
        }},
    }));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let text = std::fs::read_to_string(sandbox.export("tracks.txt")).unwrap();
    // Tracks are told once they are established: from the second second on.
    assert_eq!(text.lines().count(), 25, "{text}");
    assert!(text.lines().all(|line| line.split(',').nth(1) == Some("42")), "{text}");
    let results = sandbox.json_lines("tracks.jsonl");
    assert!(results.iter().all(|one| one["category_id"] == 1 && one["track_id"] == 42), "{results:?}");
}

#[test]
fn what_cannot_be_told_in_pixels_is_refused_with_the_fix() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let refused = |uri: &str, handler: serde_json::Value, error: &str| {
        sandbox.instance(&json!({"Input": {"uri": uri}, "Output": {"handlers": {"x": handler}}}));
        let ran = sandbox.run(&["validate", "instance.json"]);
        assert!(ran.code == Some(78) && ran.stdout.contains(error), "{}", ran.stdout);
    };
    let records = json!({"uri": "mot:///a.txt", "sink": "", "config": {"schema_events": ["track:2"]}});
    refused("ndjson://-", records, "MOTChallenge does not take records");
    let other = json!({"uri": "coco:///a.jsonl", "sink": "zone_stats"});
    refused(
        "ndjson://-",
        other,
        "COCO does not take the stream `zone_stats`; expected one of output-tracks, output-detections",
    );
    let tabular = json!({"uri": "mot:///a.txt", "sink": "output-tracks", "config": {"shape": "tabular"}});
    refused("ndjson://-", tabular, "MOTChallenge has a shape of its own; remove it");

    // Without a picture and without `frame_size` nobody says how many pixels: each is refused for good.
    sandbox.write("data/in.ndjson", "{\"detections\": [{\"label\": \"a\", \"confidence\": 1, \"x\": 0, \"y\": 0, \"width\": 1, \"height\": 1}]}\n");
    sandbox.instance(&json!({
        "Input": {"uri": "ndjson:///in.ndjson"},
        "Output": {"handlers": {"x": {"uri": "mot:///a.txt", "sink": "output-detections"}}},
    }));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    let dead = sandbox.run(&["dead", "show", "instance.json", "x"]);
    assert!(dead.stdout.contains("set `frame_size`"), "{}{}", dead.stdout, dead.stderr);
}
