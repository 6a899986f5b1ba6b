//! PRODUCT 4 and 16: the user's own detector is given frames and answers detections, however it behaves.

use std::{collections::BTreeSet, path::Path, process::Command, time::Instant};

use serde_json::{Value, json};
use watchpost_testkit::{Ran, Sandbox, wait_until};

/// What every detector here begins with: frames in, a person at `x` out.
const PRELUDE: &str = r#"
import json, os, sys, time

def frames():
    while line := sys.stdin.buffer.readline():
        header = json.loads(line)
        pixels = sys.stdin.buffer.read(header["bytes"])
        yield header, pixels

def person(x):
    return {"label": "person", "confidence": 0.9, "x": x, "y": 0.3, "width": 0.1, "height": 0.4}

def answer(header, **more):
    print(json.dumps({"frame_id": header["frame_id"], "detections": [person(0.01 * header["frame_id"])], **more}))

def lives():
    "How many processes there have been before this one."
    with open("lives", "a+") as file:
        file.seek(0)
        before = len(file.read())
        file.write("x")
    return before
"#;

fn clip(frames: u32) -> String {
    format!(
        "gstreamer:///videotestsrc num-buffers={frames} ! video/x-raw,format=I420,width=160,height=120,framerate=20/1 ! appsink name=cvdsink"
    )
}

/// A sandbox with a detector and an instance that writes all detections and all diagnostics.
fn sandbox(detector: &str, input: Value) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    sandbox.write("detector.py", format!("{PRELUDE}\n{detector}"));
    sandbox.instance(&instance(input));
    sandbox
}

fn instance(input: Value) -> Value {
    let mut document = json!({
        "DisplayName": "own detector", "Solution": "securt", "AutoStart": true,
        "Input": {"uri": clip(40), "detector_cmd": "python3 detector.py"},
        "Output": {"handlers": {
            "detections": {"uri": "json:///detections.jsonl", "sink": "output-detections",
                "config": {"append_only": true, "minify": true}},
            "diagnostics": {"uri": "json:///diagnostics.jsonl", "sink": "",
                "config": {"append_only": true, "minify": true, "schema_events": ["diagnostics:2"]}},
        }},
    });
    for (key, value) in input.as_object().unwrap() {
        document["Input"][key] = value.clone();
    }
    document
}

fn run(sandbox: &Sandbox) -> Ran {
    sandbox.run(&["run", "instance.json", "--drain", "10"])
}

/// Frames of which there are detections, and whether each has exactly the one that was answered.
fn analysed(sandbox: &Sandbox) -> Vec<i64> {
    let seen = sandbox.json_lines("detections.jsonl");
    let id = |object: &Value| {
        let id = object["frame_id"].as_i64().unwrap();
        let boxes = object["detections"].as_array().unwrap();
        assert_eq!((boxes.len(), boxes[0]["label"].as_str()), (1, Some("person")), "{object}");
        assert!((boxes[0]["x"].as_f64().unwrap() - 0.01 * id as f64).abs() < 1e-3, "{object}");
        id
    };
    seen.iter().map(id).collect()
}

fn diagnostics(sandbox: &Sandbox) -> Vec<String> {
    let seen = sandbox.json_lines("diagnostics.jsonl");
    seen.iter().map(|record| format!("{}: {}", record["title"], record["message"]).replace('"', "")).collect()
}

fn all(count: i64) -> Vec<i64> {
    (0..count).collect()
}

#[test]
fn at_pace_fast_every_frame_is_asked_about_and_the_header_says_what_follows() {
    let detector = r#"
for header, pixels in frames():
    assert len(pixels) == header["bytes"] == header["stride"] * header["height"], header
    with open("headers", "a") as file:
        print(json.dumps(header), file=file)
    answer(header)
"#;
    let sandbox = sandbox(detector, json!({"detector_width": 80}));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(analysed(&sandbox), all(40));
    let headers = std::fs::read_to_string(sandbox.path().join("headers")).unwrap();
    let last: Value = serde_json::from_str(headers.lines().last().unwrap()).unwrap();
    let expected = json!({"frame_id": 39, "timestamp_ms": 1950.0, "width": 80, "height": 60, "stride": 240,
        "format": "BGR", "bytes": 240 * 60});
    assert_eq!(last, expected);
    assert_eq!((headers.lines().count(), diagnostics(&sandbox)), (40, vec![]));
}

#[test]
fn at_most_detector_fps_frames_are_asked_about() {
    let sandbox = sandbox(
        "for header, pixels in frames(): answer(header)",
        json!({"detector_fps": 5, "detector_format": "GRAY8"}),
    );
    assert_eq!(run(&sandbox).code, Some(0));
    assert_eq!(analysed(&sandbox), [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]);
}

#[test]
fn a_detector_that_crashes_is_started_again_and_no_frame_is_lost() {
    let detector = "
for number, (header, pixels) in enumerate(frames()):
    if number == 11:
        sys.exit('out of memory')
    answer(header)
";
    let sandbox = sandbox(detector, json!({}));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(analysed(&sandbox), all(40));
    let said = diagnostics(&sandbox);
    assert_eq!(said.len(), 3, "{said:?}");
    let beginning =
        "detector ended: the detector exited with status 1; its last words: out of memory; started again in ";
    assert!(said.iter().all(|said| said.starts_with(beginning)), "{said:?}");
}

#[test]
fn a_frame_that_kills_every_detector_is_passed_over() {
    let detector = "
for header, pixels in frames():
    if header['frame_id'] == 7:
        os.abort()
    answer(header)
";
    let sandbox = sandbox(detector, json!({}));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(analysed(&sandbox), all(40).into_iter().filter(|id| *id != 7).collect::<Vec<_>>());
    let over = "frame not analysed: the detector ended again and again over frame 7, which is passed over";
    assert!(diagnostics(&sandbox).iter().any(|said| said == over), "{:?}", diagnostics(&sandbox));
}

#[test]
fn a_detector_that_hangs_is_ended_and_started_again() {
    let detector = "
first = lives() == 0
for header, pixels in frames():
    if first and header['frame_id'] == 5:
        time.sleep(1000)
    answer(header)
";
    let sandbox = sandbox(detector, json!({"detector_timeout_ms": 2000}));
    assert_eq!(run(&sandbox).code, Some(0));
    assert_eq!(analysed(&sandbox), all(40));
    let said = diagnostics(&sandbox);
    assert_eq!(said.len(), 1, "{said:?}");
    let expected = "detector ended: the detector has not answered frame 5 for 2000 ms (detector_timeout_ms) and was ended; started again in ";
    assert!(said[0].starts_with(expected), "{said:?}");
}

#[test]
fn talk_and_floods_are_no_answers_and_no_obstacle() {
    let detector = "
print('loading model...')
for header, pixels in frames():
    for _ in range(200):
        print('W' * 1000, file=sys.stderr)
    print('frame done in 3 ms')
    print()
    answer(header)
";
    let sandbox = sandbox(detector, json!({}));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0));
    assert_eq!((analysed(&sandbox), diagnostics(&sandbox)), (all(40), vec![]));
    assert!(ran.stderr.len() < 1_000_000, "8 MB of STDERR are not passed on whole: {}", ran.stderr.len());
}

#[test]
fn garbage_is_refused_with_its_line_and_costs_its_frame_alone() {
    let detector = r#"
for header, pixels in frames():
    id = header["frame_id"]
    if id == 3:
        print('{"frame_id": 3, "detections": [{"label": "a", "confidence": NaN}]}')
    elif id == 5:
        print('{"frame_id": 5, "detections": ')
    elif id == 7:
        print('{' + 'x' * 100_000_000)
    elif id == 9:
        answer({"frame_id": 1234})
        answer(header)
    elif id == 11:
        bad = person(0.5) | {"x": 320}
        print(json.dumps({"detections": [bad, person(0.11)]}))
    else:
        answer(header)
"#;
    let sandbox = sandbox(detector, json!({}));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let lost = BTreeSet::from([3, 5, 7]);
    assert_eq!(analysed(&sandbox), all(40).into_iter().filter(|id| !lost.contains(id)).collect::<Vec<_>>());
    let said: Vec<_> = diagnostics(&sandbox)
        .iter()
        .map(|said| said.strip_prefix("detections refused: the detector line ").expect(said).to_owned())
        .collect();
    assert_eq!(said.len(), 5, "{said:?}");
    assert_eq!(said[0], "4: NaN or Infinity at column 61: expected a number");
    assert!(said[1].starts_with("6: not JSON from column "), "{said:?}");
    assert_eq!(said[2], "8: 100000001 bytes: skipped");
    assert!(
        said[3].starts_with("10: an answer to frame 1234, about which nothing was asked: expected 9"),
        "{said:?}"
    );
    let outside =
        "13: detections[0]: x is 320: expected a number from 0 to 1 (parts of the frame, not pixels)";
    assert_eq!(said[4], outside);
}

#[test]
fn one_that_ends_at_once_or_never_answers_fails_the_run_with_the_reason() {
    let cases = [
        (
            "sys.exit('no such model: yolo.onnx')",
            60_000,
            "exited with status 1; its last words: no such model: yolo.onnx",
        ),
        (
            "for header, pixels in frames(): pass",
            300,
            "has not answered frame 0 for 300 ms (detector_start_timeout_ms) and was ended",
        ),
    ];
    for (detector, timeout_ms, reason) in cases {
        let sandbox = sandbox(detector, json!({"detector_start_timeout_ms": timeout_ms}));
        let ran = run(&sandbox);
        assert_eq!(ran.code, Some(1), "{}{}", ran.stdout, ran.stderr);
        let expected =
            format!("the detector ended 5 times in a row without ever answering: the detector {reason}");
        assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
        assert_eq!(analysed(&sandbox), all(0));
    }
}

#[test]
fn commands_that_cannot_run_are_refused_with_the_path_tried() {
    let refused = |input: Value, error: &str| {
        let sandbox = sandbox("", input);
        let ran = sandbox.run(&["validate", "instance.json"]);
        assert_eq!(ran.code, Some(78), "{}", ran.stdout);
        assert!(ran.stdout.contains(error), "{}", ran.stdout);
    };
    refused(json!({"detector_cmd": "./none.py"}), "/Input/detector_cmd");
    refused(json!({"detector_cmd": "python3 'open"}), "/Input/detector_cmd");
    refused(
        json!({"detector_width": 0}),
        "/Input/detector_width: is 0; expected a whole number from 16 to 32767 pixels",
    );
    refused(json!({"detector_format": "YUYV"}), "expected \"BGR\", \"RGB\", \"GRAY8\" or \"I420\"");
    refused(
        json!({"uri": "ndjson://-"}),
        "/Input/detector_cmd: Input.uri gives detections already: put a video there for the detector to look at",
    );
}

#[test]
fn live_frames_are_dropped_rather_than_delayed_and_counted() {
    let detector = "
for header, pixels in frames():
    time.sleep(0.3)
    answer(header)
";
    // 4 s at 20 a second: a detector that takes 0.3 s sees some 13 of 80.
    let sandbox = sandbox(detector, json!({"uri": clip(80), "pace": "realtime"}));
    let began = Instant::now();
    let ran = sandbox.run(&["run", "instance.json", "--json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(began.elapsed().as_secs() < 40, "asking about each frame would take 24 s and more");
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let seen = analysed(&sandbox);
    assert!((3..=16).contains(&seen.len()), "{seen:?}");
    assert!(seen.is_sorted(), "{seen:?}");
    let (frames, skipped) = (summary["frames"].as_u64().unwrap(), summary["skipped"].as_u64().unwrap());
    assert!(frames > 40 && skipped >= frames - seen.len() as u64 - 1, "{summary}");
}

#[test]
fn live_a_detector_slower_than_pictures_may_wait_still_counts() {
    let detector = "
for header, pixels in frames():
    time.sleep(1)
    answer(header)
";
    let sandbox = sandbox(detector, json!({"uri": clip(80), "pace": "realtime"}));
    assert_eq!(run(&sandbox).code, Some(0));
    let seen = analysed(&sandbox);
    assert!((2..=6).contains(&seen.len()), "{seen:?}");
    // Each with the time of its own frame, not that of the answer.
    for object in sandbox.json_lines("detections.jsonl") {
        assert!(
            (object["frame_time"].as_f64().unwrap() / 50.0 - object["frame_id"].as_f64().unwrap()).abs()
                < 30.0
        );
    }
}

#[test]
fn live_a_dead_detector_holds_up_no_picture() {
    let sandbox = sandbox("sys.exit('no GPU')", json!({"uri": clip(60), "pace": "realtime"}));
    let ran = sandbox.run(&["run", "instance.json", "--json"]);
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(summary["frames"].as_u64().unwrap() > 40, "{summary}");
    let said = diagnostics(&sandbox);
    assert!((2..=8).contains(&said.len()), "with growing pauses: {said:?}");
    assert!(said.iter().all(|said| said.contains("no GPU")), "{said:?}");
}

#[test]
fn a_detector_ends_with_watchpost_and_in_order_with_its_source() {
    let detector = "
with open('pid', 'w') as file:
    file.write(str(os.getpid()))
for header, pixels in frames():
    answer(header)
with open('good-bye', 'w') as file:
    file.write('all seen')
";
    let in_order = sandbox(detector, json!({}));
    assert_eq!(run(&in_order).code, Some(0));
    assert_eq!(std::fs::read_to_string(in_order.path().join("good-bye")).unwrap(), "all seen");

    let uri = clip(100_000).replace("videotestsrc", "videotestsrc is-live=true");
    let killed = sandbox(detector, json!({"uri": uri}));
    let watchpost = killed.spawn(&["run", "instance.json"]);
    let mut pid = String::new();
    wait_until("the detector runs", || {
        pid = std::fs::read_to_string(killed.path().join("pid")).unwrap_or_default();
        !pid.is_empty() && Path::new(&format!("/proc/{pid}")).exists()
    });
    watchpost.kill_group();
    wait_until("the detector is gone", || !Path::new(&format!("/proc/{pid}")).exists());
}

/// The shipped example, on the first five seconds of the demo's clip.
#[test]
fn opencvs_people_detector_turns_walkers_into_persons_with_tracks_and_events() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let (clip, python) = (root.join(".cache/vtest.avi"), root.join(".cache/venv/bin/python"));
    assert!(clip.exists(), "{} is missing: run scripts/clip.sh", clip.display());
    assert!(python.exists(), "{} is missing: run scripts/setup.sh test", python.display());
    let script = root.join("detectors/people.py");
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut cut = Command::new("ffmpeg");
    cut.args(["-loglevel", "error", "-i"]).arg(&clip).args(["-t", "5", "-c", "copy"]);
    assert!(cut.arg(sandbox.path().join("walkers.avi")).status().unwrap().success());
    let corner = |x: f64, y: f64| json!({"x": x, "y": y});
    sandbox.instance(&json!({
        "DisplayName": "people", "Solution": "securt",
        "Input": {
            "uri": "walkers.avi",
            "detector_cmd": format!("{} {}", python.display(), script.display()),
            "detector_fps": 5,
        },
        "Zone": {"Zones": {"all": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "everywhere",
            "vertices": [corner(0.0, 0.0), corner(1.0, 0.0), corner(1.0, 1.0), corner(0.0, 1.0)],
            "detect_people": true, "trigger_on_intrusion": true,
        }}},
        "Output": {"handlers": {
            "tracks": {"uri": "json:///tracks.jsonl", "sink": "output-tracks",
                "config": {"append_only": true, "minify": true}},
            "events": {"uri": "json:///events.jsonl", "sink": "",
                "config": {"append_only": true, "minify": true, "schema_events": ["event-intrusion:2", "event-intrusion-end:2"]}},
        }},
    }));
    let ran = run(&sandbox);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let frames = sandbox.json_lines("tracks.jsonl");
    assert!((24..=27).contains(&frames.len()), "5 of 10 frames a second are looked at: {}", frames.len());
    let tracks = frames.iter().flat_map(|frame| frame["tracks"].as_array().unwrap());
    let people: BTreeSet<_> = tracks
        .filter(|track| track["class_label"] == "Person")
        .map(|track| track["track_id"].to_string())
        .collect();
    let events = sandbox.json_lines("events.jsonl");
    let of = |id: &str| {
        events.iter().filter(|event| event["$id"] == id && event["object_class"] == "Person").count()
    };
    eprintln!("{} tracks, {} intrusions", people.len(), of("event-intrusion"));
    assert!(people.len() >= 3, "{people:?}");
    assert!(of("event-intrusion") >= 2 && of("event-intrusion") == of("event-intrusion-end"), "{events:?}");
}
