//! The main job (PRODUCT 2): the demo's instance on real footage. Every output is opened with other people's
//! tools, and what the analysis found is held against what people saw (`demo/truth.json`).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, identities, truth};

const FRAMES: u64 = 795;

#[test]
fn the_demo_writes_everything_it_promises() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let instance = demo_in(&sandbox);
    let ran = sandbox.run(&["run".as_ref(), instance.as_os_str(), "--json".as_ref()]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(summary["frames"], FRAMES);
    assert_eq!(summary["complete"], true);

    let events = sandbox.json_lines("vtest/events.jsonl");
    assert!(events.len() > 60, "only {} events", events.len());
    for (number, event) in events.iter().enumerate() {
        assert!(event["site"].is_string(), "passed the preprocess command: {event}");
        assert!(number == 0 || event["sequence"].as_u64() > events[number - 1]["sequence"].as_u64());
    }
    every_start_has_one_end(&events);
    video(&sandbox.export("vtest/annotated.mp4"));
    stills(&sandbox, &events);
    table(&sandbox.export("vtest/tracks.csv"));
    zone_statistics(&sandbox.export("vtest/zones"));
    log_lines(&sandbox.export("vtest/events.txt"), events.len());
    exporter_files(&sandbox, &events);
    validated_by_python(&sandbox);

    let report = truth::compare(&root().join("demo/truth.json"), &events);
    eprintln!("{report}");
    assert!(report.precision() >= 0.9, "precision\n{report}");
    assert!(report.recall() >= 0.9, "recall\n{report}");
    tracks_are_steady(&sandbox.export("vtest/tracks.csv"));
}

/// Who is followed keeps their track, and boxes neither flicker nor jump. The bounds are what is reached
/// (docs/analytics.md) and some slack, so that a change for the worse is noticed.
fn tracks_are_steady(table: &Path) {
    let tracks = identities::Tracks::read(table);
    let report = identities::compare(&root().join("demo/identities.json"), &tracks);
    eprintln!("{report}");
    assert!(report.covered * 100 >= report.checkpoints * 88, "coverage\n{report}");
    assert!(report.switches <= 15, "identity switches\n{report}");
    assert!(report.fragments <= 8, "fragments\n{report}");
    let flicker = identities::flicker(&tracks);
    eprintln!("{flicker}");
    assert_eq!(flicker.missing, 0, "a track has a box in every frame of its life\n{flicker}");
    assert!(flicker.jumps * 200 <= flicker.steps, "jumps\n{flicker}");
    assert!(flicker.breaths * 1000 <= flicker.steps, "sizes\n{flicker}");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// The demo's folder, as `make demo` has it.
fn demo_in(sandbox: &Sandbox) -> PathBuf {
    let clip = root().join(".cache/vtest.avi");
    assert!(clip.exists(), "{} is missing: run scripts/clip.sh", clip.display());
    std::os::unix::fs::symlink(&clip, sandbox.path().join("vtest.avi")).unwrap();
    sandbox.write_program(
        "demo/add_site.py",
        &std::fs::read_to_string(root().join("demo/add_site.py")).unwrap(),
    );
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(root().join("demo/vtest.json")).unwrap()).unwrap();
    document["Input"]["uri"] = "../vtest.avi".into();
    // Beside what the demo exports: every record there is, in each version.
    let ids = schema_ids(sandbox);
    for version in [1, 2] {
        let all: Vec<_> = ids.iter().map(|id| format!("{id}:{version}")).collect();
        document["Output"]["handlers"][format!("all in version {version}")] = json!({
            "uri": format!("json:///all-v{version}.jsonl"), "sink": "", "enabled": true,
            "config": {"schema_events": all, "append_only": true, "minify": true},
        });
    }
    sandbox.write("demo/vtest.json", document.to_string())
}

fn schema_ids(sandbox: &Sandbox) -> Vec<String> {
    let listed = sandbox.run(&["schema", "list", "--json"]);
    let listed: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    listed.iter().map(|schema| schema["id"].as_str().unwrap().to_owned()).collect()
}

fn every_start_has_one_end(events: &[Value]) {
    for (start, end) in
        [("event-intrusion", "event-intrusion-end"), ("event-loitering", "event-loitering-end")]
    {
        let ids = |id: &str, key: &str| -> Vec<String> {
            let of_id = events.iter().filter(|e| e["$id"] == id);
            of_id.map(|e| e[key].as_str().unwrap().to_owned()).collect()
        };
        let mut starts = ids(start, "event_id");
        let mut ends = ids(end, "ref_event_id");
        assert!(!starts.is_empty(), "no {start}");
        starts.sort();
        ends.sort();
        assert_eq!(starts, ends, "{start} and its ends");
    }
}

fn video(path: &Path) {
    let frames = probe(path, "stream=nb_read_frames");
    assert_eq!(frames, FRAMES.to_string(), "frames of {}", path.display());
    let size = probe(path, "stream=width,height");
    assert_eq!(size, "768\n576");
}

/// What ffprobe says of the first video stream.
fn probe(path: &Path, entries: &str) -> String {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-count_frames", "-show_entries", entries])
        .args(["-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(path)
        .output()
        .expect("ffprobe is installed by scripts/setup.sh test");
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn stills(sandbox: &Sandbox, events: &[Value]) {
    for event in events {
        let path = sandbox.export(&format!("vtest/events/{}.jpg", event["event_id"].as_str().unwrap()));
        let jpeg = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]),
            "{} is a JPEG",
            path.display()
        );
    }
}

/// RFC 4180, read by Python's own reader: fixed columns, numbers where numbers belong.
fn table(path: &Path) {
    let check = r#"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert len(rows) > 1000, len(rows)
columns = "frame_id frame_time system_timestamp system_date instance_id track_id object_class x y width height confidence age_ms is_moving".split()
assert list(rows[0]) == columns, list(rows[0])
for row in rows:
    assert None not in row and None not in row.values(), row
    assert 0 <= float(row["x"]) <= 1 and 0 < float(row["height"]) <= 1, row
    int(row["frame_id"]); int(row["system_timestamp"])
"#;
    python(&root().join(".cache/venv/bin/python"), &["-c".as_ref(), check.as_ref(), path.as_os_str()]);
}

fn zone_statistics(folder: &Path) {
    let files: BTreeSet<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    // 79.5 s of stream.
    assert!((79..=81).contains(&files.len()), "one file a second: {}", files.len());
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("\n  \""), "indented: {text}");
        let object: BTreeMap<String, Value> = serde_json::from_str(&text).unwrap();
        for key in
            ["frame_id", "frame_time", "system_timestamp", "system_date", "instance_id", "numOccupiedZones"]
        {
            assert!(object.contains_key(key), "{key} in {text}");
        }
    }
}

fn log_lines(path: &Path, events: usize) {
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text.lines().count(), events);
}

/// One file per event, its crop beside as a real picture.
fn exporter_files(sandbox: &Sandbox, events: &[Value]) {
    let files: Vec<_> = walk(&sandbox.data().join("exports/json-export"));
    let of = |ending: &str| {
        files.iter().filter(|f| f.extension().is_some_and(|e| e == ending)).collect::<Vec<_>>()
    };
    let written: BTreeSet<String> = of("json")
        .iter()
        .map(|file| {
            // The event, then what travelled with it.
            let group: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            group[0]["event_id"].as_str().unwrap().to_owned()
        })
        .collect();
    for event in events {
        assert!(written.contains(event["event_id"].as_str().unwrap()), "{event}");
    }
    let pictures = of("jpg");
    assert!(!pictures.is_empty());
    assert_eq!(probe(pictures[0], "stream=codec_name"), "mjpeg");
    for picture in pictures {
        let jpeg = std::fs::read(picture).unwrap();
        assert!(jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]), "{}", picture.display());
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

/// Every record of the run, in both versions, against the published schemas by PyPI's `jsonschema`.
fn validated_by_python(sandbox: &Sandbox) {
    let validator = root().join("tests/python/validate_records.py");
    let python_with_jsonschema = root().join(".cache/venv/bin/python");
    let schemas = root().join("schemas");
    let count = |version: u32| sandbox.json_lines(&format!("all-v{version}.jsonl")).len();
    assert!(count(1) > 500, "only {} records", count(1));
    assert_eq!(count(1), count(2), "each record in each version");
    for version in [1, 2] {
        let file = sandbox.export(&format!("all-v{version}.jsonl"));
        python(&python_with_jsonschema, &[validator.as_os_str(), schemas.as_os_str(), file.as_os_str()]);
    }
}

fn python(program: &Path, args: &[&std::ffi::OsStr]) {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| {
        panic!("{}: {error}; scripts/setup.sh test makes it", program.display());
    });
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
}
