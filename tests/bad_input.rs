//! PRODUCT 16: "Whatever comes in broken gets a clear error where the user looks, with what was expected,
//! and nothing is lost or stopped besides it."
//!
//! One test per case: the exact words, the exit code, and that everything else went on.

use serde_json::{Value, json};
use watchpost_testkit::{Ran, Sandbox, Script, set_mode, wait_until};

/// Walkers enter the area this often in what [`World::new`] lays out.
const ENTRIES: usize = 21;

/// A sandbox with detections that cause [`ENTRIES`] events.
struct World {
    sandbox: Sandbox,
    lines: Vec<String>,
}

impl World {
    fn new() -> Self {
        let script = Script { fps: 100, every: 20, walk: 400 };
        let lines = (0..600).map(|frame| script.line(frame)).collect();
        let world = Self { sandbox: Sandbox::new(env!("CARGO_BIN_EXE_watchpost")), lines };
        world.sandbox.write("data/in.ndjson", world.lines.concat());
        world
    }

    /// Runs `document` to its end.
    fn run(&self, document: &Value) -> Ran {
        self.sandbox.instance(document);
        self.sandbox.run(&["run", "instance.json", "--drain", "5"])
    }

    /// `validate` and `run` refuse `document` with `errors`, each said without `error: instance.json:` and
    /// in the order of lines; nothing was started.
    fn refused(&self, document: &Value, errors: &[&str]) {
        self.sandbox.instance(document);
        let expected: Vec<_> = errors.iter().map(|error| format!("error: instance.json:{error}")).collect();
        let checked = self.sandbox.run(&["validate", "instance.json"]);
        self.says(
            &without_warnings(&checked.stdout),
            &[expected.as_slice(), &[verdict(&checked, errors.len())]].concat(),
        );
        assert_eq!(checked.code, Some(78));
        let ran = self.sandbox.run(&["run", "instance.json"]);
        self.says(&without_warnings(&ran.stderr), &expected);
        assert_eq!((ran.stdout.as_str(), ran.code), ("", Some(78)));
        assert!(!self.sandbox.data().join("journal").exists(), "something was started");
    }

    /// One export or exporter is bad: `validate` refuses it, `run` says the same, fails it, and does the rest.
    fn fails_alone(&self, document: &Value, name: &str, error: &str) {
        self.sandbox.instance(document);
        let error = format!("error: {error}");
        let checked = self.sandbox.run(&["validate", "instance.json"]);
        self.says(
            &checked.stdout,
            &[error.clone(), "instance.json: instance: 1 error, no warnings".to_owned()],
        );
        assert_eq!(checked.code, Some(78));
        let ran = self.sandbox.run(&["run", "instance.json", "--drain", "5"]);
        self.says(&ran.stderr, &[error]);
        let end = format!("600 frames; the source has ended; failed: {name}; everything else is delivered");
        assert_eq!((last(&ran.stdout), ran.code), (end.as_str(), Some(1)));
        assert_eq!(self.events(), ENTRIES);
    }

    /// Compares lines. `DIR` is the sandbox; a line that ends in ` ...` goes on with a list that grows
    /// with what Watchpost can do.
    fn says(&self, text: &str, expected: &[String]) {
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), expected.len(), "{text}");
        for (line, expected) in lines.iter().zip(expected) {
            let expected = expected.replace("DIR", &self.place());
            match expected.strip_suffix(" ...") {
                Some(beginning) => assert!(line.starts_with(beginning), "{line}\nshould begin {beginning}"),
                None => assert_eq!(*line, expected),
            }
        }
    }

    /// Where the sandbox is.
    fn place(&self) -> String {
        self.sandbox.path().display().to_string()
    }

    fn events(&self) -> usize {
        self.sandbox.json_lines("events.jsonl").len()
    }
}

fn verdict(ran: &Ran, errors: usize) -> String {
    let warnings = match ran.stdout.matches("warning: ").count() {
        0 => "no warnings".to_owned(),
        1 => "1 warning".to_owned(),
        more => format!("{more} warnings"),
    };
    let errors = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
    format!("instance.json: instance: {errors}, {warnings}")
}

fn without_warnings(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("warning: ")).map(|line| format!("{line}\n")).collect()
}

fn last(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

/// Log lines without their time.
fn logged(text: &str) -> Vec<String> {
    let said = |line: &str| {
        let said = line.split_once("  WARN ").map_or(line, |(_, said)| said);
        // Behind it stands whose line it is.
        said.split_once(" instance=\"bad\"").map_or(said, |(said, _)| said).to_owned()
    };
    text.lines().map(said).collect()
}

fn instance() -> Value {
    json!({
        "DisplayName": "bad",
        "Solution": "securt",
        "Input": {"uri": "ndjson:///in.ndjson", "motion_class": "Person"},
        "Zone": {"Zones": {"middle": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.45, "y": 0.1}, {"x": 0.7, "y": 0.1}, {"x": 0.7, "y": 0.9}, {"x": 0.45, "y": 0.9}],
            "detect_people": true, "trigger_on_enter": true,
        }}},
        "Output": {"handlers": {"events": {
            "uri": "json:///events.jsonl", "sink": "", "enabled": true,
            "config": {"append_only": true, "minify": true, "schema_events": ["event-area-enter:2"]},
        }}},
    })
}

/// The instance with `value` at a JSON pointer whose last part may be new.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = instance();
    set(&mut document, pointer, value);
    document
}

fn set(document: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    document.pointer_mut(parent).unwrap()[key] = value;
}

fn source(uri: &str) -> Value {
    with("/Input/uri", json!(uri))
}

// The instance file

#[test]
fn good_input_for_comparison() {
    let world = World::new();
    let ran = world.run(&instance());
    assert_eq!(
        (last(&ran.stdout), ran.stderr.as_str(), ran.code),
        ("600 frames; the source has ended; everything is delivered", "", Some(0))
    );
    assert_eq!(world.events(), ENTRIES);
}

#[test]
fn instance_file_missing() {
    let world = World::new();
    let ran = world.sandbox.run(&["run", "gone.json"]);
    assert_eq!(
        (ran.stderr.as_str(), ran.code),
        ("error: gone.json: no such file; check the path\n", Some(78))
    );
    let checked = world.sandbox.run(&["validate", "gone.json"]);
    assert_eq!(checked.code, Some(78));
}

#[test]
fn malformed_json() {
    let world = World::new();
    world.sandbox.write("instance.json", "{\n  \"Input\": {\n    \"uri\": \"a\",\n  }\n}\n");
    let ran = world.sandbox.run(&["run", "instance.json"]);
    let expected =
        "error: instance.json:4: is not JSON from column 3 on: trailing comma; mend the JSON there\n";
    assert_eq!((ran.stderr.as_str(), ran.code), (expected, Some(78)));
}

#[test]
fn an_empty_file_and_one_without_a_source() {
    let world = World::new();
    for (text, error) in [
        ("", "instance.json:1: is empty; expected a JSON object {...}"),
        (
            "{}",
            "instance.json:1: /Input: `uri` is missing: the instance has no source; expected for example \
             \"rtsp://camera/stream\", \"file:///clip.mp4\" or a path",
        ),
    ] {
        world.sandbox.write("instance.json", text);
        let ran = world.sandbox.run(&["run", "instance.json"]);
        assert_eq!((ran.stderr, ran.code), (format!("error: {error}\n"), Some(78)));
    }
}

#[test]
fn wrong_types_at_depth_are_all_reported() {
    let world = World::new();
    let mut document = with("/AutoStart", json!(7));
    set(&mut document, "/Zone/Zones/middle/vertices/1/x", json!("left"));
    set(&mut document, "/Zone/Zones/middle/trigger_on_enter", json!(1));
    set(&mut document, "/Output/handlers/events/config/minify", json!("yes"));
    set(
        &mut document,
        "/Output/handlers/events/config/schema_events",
        json!(["event-area-enter:2", "event-foo:1", 5]),
    );
    world.refused(
        &document,
        &[
            "19: /Zone/Zones/middle/vertices/1/x: is the text \"left\"; expected a number from 0 to 1 (parts of the frame)",
            "32: /Zone/Zones/middle/trigger_on_enter: is 1; expected true or false",
            "44: /Output/handlers/events/config/minify: is the text \"yes\"; expected true or false",
            "47: /Output/handlers/events/config/schema_events/1: unknown schema id `event-foo`: expected one of event-area-enter, ...",
            "48: /Output/handlers/events/config/schema_events/2: is not a text; expected a list such as [\"event-intrusion:2\"]",
            "54: /AutoStart: is 7; expected true or false",
        ],
    );
}

#[test]
fn unknown_values_are_told_with_the_valid_ones() {
    let world = World::new();
    let mut document = with("/Solution", json!("securit"));
    set(&mut document, "/Input/pace", json!("warp"));
    set(&mut document, "/Output/handlers/events/config/when_behind", json!("cry"));
    set(
        &mut document,
        "/Output/handlers/tracks",
        json!({"uri": "csv:///t.csv", "sink": "tracks", "enabled": true}),
    );
    world.refused(
        &document,
        &[
            "3: /Solution: is the text \"securit\"; expected \"securt\"",
            "7: /Input/pace: is the text \"warp\"; expected \"realtime\" or \"fast\"",
            "49: /Output/handlers/events/config/when_behind: is `cry`; expected `keep` or `drop_oldest`",
            "54: /Output/handlers/tracks/sink: there is no stream `tracks`; expected one of output-image, source, eventsExport, ...",
        ],
    );
}

#[test]
fn an_area_that_nothing_can_trigger() {
    let world = World::new();
    world.sandbox.instance(&with("/Zone/Zones/middle/trigger_on_enter", json!(false)));
    let checked = world.sandbox.run(&["validate", "instance.json"]);
    let expected = "warning: instance.json:10: /Zone/Zones/middle: the area \"middle\" reports nothing: no trigger is on; \
                    switch on one of trigger_on_enter, trigger_on_exit, trigger_on_intrusion, trigger_loitering, \
                    trigger_crowding or trigger_when\ninstance.json: instance: no errors, 1 warning\n";
    assert_eq!((checked.stdout.as_str(), checked.code), (expected, Some(0)));
}

#[test]
fn an_area_for_classes_that_motion_does_not_give() {
    let world = World::new();
    let mut document = source("rtsp://192.0.2.1/stream");
    set(&mut document, "/Input/motion_class", json!("Vehicle"));
    world.sandbox.instance(&document);
    let checked = world.sandbox.run(&["validate", "instance.json"]);
    let expected = "warning: instance.json:10: /Zone/Zones/middle: the area \"middle\" takes only Person, which nothing here can \
                    produce: without a detector, motion gives Vehicle; switch on detect_vehicles, set Input.motion_class or add a detector\n\
                    instance.json: instance: no errors, 1 warning\n";
    assert_eq!((checked.stdout.as_str(), checked.code), (expected, Some(0)));
}

#[test]
fn bad_usage() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    for (args, said) in [
        (&["run"][..], "error: the following required arguments were not provided:\n  <INSTANCE.json>\n"),
        (
            &["run", "a.json", "--drain", "soon"],
            "error: invalid value 'soon' for '--drain <SECONDS>': expected a whole number of seconds, for example 60\n",
        ),
        (&["runn"], "error: unrecognized subcommand 'runn'\n"),
        (&["validate"], "error: the following required arguments were not provided:\n  <FILE>...\n"),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2), "{args:?}: {ran:?}");
        assert!(ran.stderr.starts_with(said), "{args:?}: {ran:?}");
    }
    let help = sandbox.run(&["--help"]);
    assert_eq!((help.stderr.as_str(), help.code), ("", Some(0)));
    assert!(help.stdout.contains("Exit codes: 0 done, 1 failed or incomplete, 2 bad usage, 78"), "{help:?}");
}

/// What is read no further is no reason to panic: the command does its work, and says how by its exit code.
#[test]
fn nobody_reads_what_is_printed() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    for (command, code) in [
        (&["schema", "list", "--json"][..], 0),
        (&["schema", "show", "track"], 0),
        (&["validate", "gone.json"], 78),
    ] {
        let (nobody, out) = std::io::pipe().unwrap();
        drop(nobody);
        let mut watchpost = std::process::Command::new(env!("CARGO_BIN_EXE_watchpost"));
        let ran = watchpost.args(command).current_dir(sandbox.path()).stdout(out).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!((said.as_ref(), ran.status.code()), ("", Some(code)), "{command:?}");
    }
}

#[test]
fn schemas_are_shown_checked_and_unknown_ones_refused() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let shown = sandbox.run(&["schema", "show", "event-intrusion"]);
    let newest = sandbox.run(&["schema", "show", "event-intrusion:2"]);
    assert_eq!((&shown.stdout, shown.code), (&newest.stdout, Some(0)));
    let schema: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(schema["$id"], "/schema/event-intrusion-v2.json");
    assert!(shown.stdout.lines().count() > 100, "for people");
    for (which, said) in [
        ("event-intrusion:3", "watchpost: `event-intrusion` has no version `3`: expected 1 or 2\n"),
        (
            "event-nothing",
            "watchpost: unknown schema id `event-nothing`: expected one of event-area-enter, event-area-exit, ",
        ),
    ] {
        let refused = sandbox.run(&["schema", "show", which]);
        assert!(refused.stderr.starts_with(said), "{refused:?}");
        assert_eq!((refused.stdout.as_str(), refused.code), ("", Some(2)));
    }
    sandbox.write("r.jsonl", "{\"$id\": \"attribute\", \"$version\": 1}\n\nhello\n");
    let checked = sandbox.run(&["schema", "check", "r.jsonl"]);
    let lines: Vec<_> = checked.stdout.lines().collect();
    assert!(lines.contains(&"error: r.jsonl:1: \"name\" is a required property (attribute:1)"), "{lines:?}");
    let not_json = "error: r.jsonl:3: is not JSON from column 1 on: expected value; mend the JSON there; what follows was not checked";
    assert_eq!(lines[lines.len() - 2], not_json);
    assert_eq!(checked.code, Some(78));
    assert_eq!(sandbox.run(&["validate", "r.jsonl"]).stdout, checked.stdout, "it is seen what the file is");
    let missing = sandbox.run(&["schema", "check", "gone.jsonl"]);
    assert!(missing.stdout.starts_with("error: gone.jsonl: no such file; check the path\n"), "{missing:?}");
}

// Sources

#[test]
fn unknown_scheme_of_the_source() {
    World::new().refused(
        &source("gopher://x/y"),
        &["5: /Input/uri: there is no source `gopher://`: expected a path or one of file://, rtsp://, ..."],
    );
}

#[test]
fn source_clip_missing() {
    World::new().refused(&source("gone.avi"), &["5: /Input/uri: DIR/gone.avi: no such file; check the path"]);
}

#[test]
fn detections_missing() {
    let error =
        "5: /Input/uri: DIR/data/gone.ndjson: no such file; three slashes are relative to the data folder";
    World::new().refused(&source("ndjson:///gone.ndjson"), &[error]);
}

#[test]
fn broken_pipeline() {
    World::new().refused(
        &source("gstreamer:///videotestsrc !! appsink name=cvdsink"),
        &["5: /Input/uri: the pipeline does not parse at character 15, near `! appsink name=cvdsink`: syntax error"],
    );
}

#[test]
fn pipeline_without_cvdsink() {
    World::new().refused(
        &source("gstreamer:///videotestsrc ! fakesink"),
        &["5: /Input/uri: the pipeline has no `appsink name=cvdsink`: end it with `appsink name=cvdsink` \
           (in it: videotestsrc name=videotestsrc0, fakesink name=fakesink0)"],
    );
}

#[test]
fn missing_element() {
    World::new().refused(
        &source("gstreamer:///videotestsrc ! avdec_nothing ! appsink name=cvdsink"),
        &["5: /Input/uri: the pipeline names `avdec_nothing` (character 16), which is not installed here: \
           install the Debian package gstreamer1.0-libav (apt-get install gstreamer1.0-libav)"],
    );
}

#[test]
fn a_text_file_named_avi() {
    let world = World::new();
    world.sandbox.write("text.avi", "this is no video\n".repeat(200));
    let ran = world.run(&source("text.avi"));
    let expected = format!(
        "error: instance.json:5: /Input/uri: not a video: {}/text.avi (This appears to be a text file); expected a video that GStreamer can play\n",
        world.place()
    );
    assert_eq!((ran.stderr, ran.code), (expected, Some(1)));
}

#[test]
fn a_truncated_clip_is_processed_as_far_as_it_goes() {
    let world = World::new();
    let whole = world.sandbox.path().join("whole.mkv");
    let made = std::process::Command::new("gst-launch-1.0")
        .args([
            "-q",
            "videotestsrc",
            "num-buffers=200",
            "pattern=ball",
            "!",
            "video/x-raw,width=320,height=240,framerate=25/1",
        ])
        .args(["!", "jpegenc", "!", "matroskamux", "!", "filesink"])
        .arg(format!("location={}", whole.display()))
        .status()
        .unwrap();
    assert!(made.success());
    let bytes = std::fs::read(&whole).unwrap();
    world.sandbox.write("cut.mkv", &bytes[..bytes.len() / 2]);
    let mut document = source("cut.mkv");
    set(
        &mut document,
        "/Output/handlers/tracks",
        json!({
            "uri": "json:///tracks.jsonl", "sink": "output-tracks", "enabled": true,
            "config": {"append_only": true, "minify": true},
        }),
    );
    set(
        &mut document,
        "/Output/handlers/video",
        json!({"uri": "mp4:///video.mp4", "sink": "output-image", "enabled": true}),
    );
    let ran = world.run(&document);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let frames = world.sandbox.json_lines("tracks.jsonl").len();
    assert!((60..=140).contains(&frames), "{frames}: {ran:?}");
    let end = format!("{frames} frames; the source broke off: {}/cut.mkv breaks off after ", world.place());
    assert!(last(&ran.stdout).starts_with(&end), "{ran:?}");
    assert!(
        last(&ran.stdout).ends_with(": the file is cut short or damaged; everything is delivered"),
        "{ran:?}"
    );
    let video = ran.stdout.lines().find(|line| line.contains("video.mp4")).unwrap();
    assert_eq!(video.split_whitespace().nth(2), Some(frames.to_string().as_str()), "{ran:?}");
}

#[test]
fn malformed_detections_are_refused_alone() {
    let mut world = World::new();
    world.lines[10] =
        r#"{"frame_id": 10, "detections": [{"label": "p", "confidence": NaN}]}"#.to_owned() + "\n";
    let outside = r#"{"label": "p", "confidence": 0.9, "x": 1.4, "y": 0.1, "width": 0.1, "height": 0.1}"#;
    let inside = r#"{"label": "p", "confidence": 0.9, "x": 0.1, "y": 0.1, "width": 0.1, "height": 0.1}"#;
    world.lines[20] = format!(
        "{{\"frame_id\": 20, \"timestamp_ms\": 1700000000200, \"detections\": [{outside}, {inside}]}}\n"
    );
    world.lines[30] = "hello\n".to_owned();
    world.lines[31] = "{\"frame_id\": 31, \"detections\": 7}\n".to_owned();
    world.lines[32] = "[1, 2\n".to_owned();
    world.sandbox.write("data/in.ndjson", world.lines.concat());
    let ran = world.run(&instance());
    assert_eq!(
        last(&ran.stdout),
        "596 frames; the source has ended; 5 lines or detections of the source refused; everything is delivered"
    );
    assert_eq!(ran.code, Some(0));
    let place = format!("detections refused: {}/data/in.ndjson line", world.place());
    let expected = [
        "11: NaN or Infinity at column 62: expected a number",
        "21: detections[0]: x is 1.4: expected a number from 0 to 1 (parts of the frame, not pixels)",
        "31: not JSON from column 1 on: expected value",
        "32: detections is 7: expected a list",
        "33: not JSON from column 5 on: EOF while parsing a list",
    ];
    assert_eq!(logged(&ran.stderr), expected.map(|line| format!("{place} {line}")));
    assert_eq!(world.events(), ENTRIES);
}

#[test]
fn a_line_of_100_mb_is_passed_over_in_bounded_memory() {
    let mut world = World::new();
    world.lines.insert(100, format!("{{\"frame_id\": \"{}\"}}\n", "a".repeat(100_000_000)));
    world.sandbox.write("data/in.ndjson", world.lines.concat());
    world.sandbox.instance(&instance());
    let mut running = world.sandbox.spawn(&["run", "instance.json"]);
    let mut peak_kib = 0;
    let mut events = 0;
    wait_until("all events are there", || {
        peak_kib = peak_kib.max(peak_memory_kib(running.pid()));
        events =
            std::fs::read_to_string(world.sandbox.export("events.jsonl")).unwrap_or_default().lines().count();
        events == ENTRIES || !running.feed(b"")
    });
    assert_eq!(running.finish().code(), Some(0));
    assert_eq!(world.events(), ENTRIES);
    assert!(peak_kib > 0 && peak_kib < 400 << 10, "{peak_kib} KiB");
    let log = std::fs::read_to_string(world.sandbox.path().join("stderr.log")).unwrap();
    let said =
        format!("detections refused: {}/data/in.ndjson line 101: longer than 16 MiB: skipped", world.place());
    assert_eq!(logged(&log), [said]);
}

/// The most memory a process has held so far; 0 once it is gone.
fn peak_memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

// Permissions

#[test]
fn no_permission_to_read() {
    let world = World::new();
    let file = world.sandbox.instance(&source("clip.avi"));
    let clip = world.sandbox.write("clip.avi", "x");
    set_mode(&clip, 0);
    let Some(ran) = world.sandbox.run_unprivileged(&["run", "instance.json"]) else { return };
    let place = world.place();
    let expected = format!(
        "error: instance.json:5: /Input/uri: {place}/clip.avi: no permission to read it; give the user Watchpost runs \
         as access (chmod, chown)\n"
    );
    assert_eq!((ran.stderr, ran.code), (expected, Some(78)));
    set_mode(&file, 0);
    let ran = world.sandbox.run_unprivileged(&["run", "instance.json"]).unwrap();
    let expected =
        "error: instance.json: may not be read; give the user that runs watchpost permission to read it\n";
    assert_eq!((ran.stderr.as_str(), ran.code), (expected, Some(78)));
}

#[test]
fn no_permission_to_write() {
    let world = World::new();
    let locked = world.sandbox.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    let export = json!({
        "uri": format!("json:///{}/x.jsonl", locked.display()), "sink": "", "enabled": true,
        "config": {"append_only": true, "schema_events": ["event-area-enter:2"]},
    });
    world.sandbox.instance(&with("/Output/handlers/locked", export));
    let Some(ran) = world.sandbox.run_unprivileged(&["run", "instance.json", "--drain", "1"]) else { return };
    let said = format!(
        "locked: cannot write {}/x.jsonl: permission denied: let the user that Watchpost runs as write there",
        locked.display()
    );
    assert!(ran.stdout.lines().any(|line| line == said), "{ran:?}");
    assert_eq!(
        last(&ran.stdout),
        format!("600 frames; the source has ended; {ENTRIES} log entries wait and are sent by the next run")
    );
    assert_eq!(ran.code, Some(1));
    assert_eq!(world.events(), ENTRIES, "the other export went on");
    set_mode(&locked, 0o777);
    world.sandbox.write("data/in.ndjson", "");
    let again = world.sandbox.run_unprivileged(&["run", "instance.json"]).unwrap();
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(
        std::fs::read_to_string(locked.join("x.jsonl")).unwrap().matches("record_id").count(),
        ENTRIES
    );
}

#[test]
fn no_permission_for_the_data_folder() {
    let world = World::new();
    world.sandbox.instance(&instance());
    let exports = world.sandbox.data().join("journal");
    std::fs::create_dir(&exports).unwrap();
    let Some(ran) = world.sandbox.run_unprivileged(&["run", "instance.json"]) else { return };
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.starts_with(&format!("watchpost: journal {}/data/journal: ", world.place())),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("Permission denied"), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
}

// The preprocess command

/// Hands everything on as it came.
const PASS: &str = "import sys\nb = b''\nwhile c := sys.stdin.buffer.read1(65536):\n  b += c\n  while b'\\0' in b:\n    \
                    m, b = b.split(b'\\0', 1)\n    print(m.decode(), flush=True)\n";

fn preprocess(command: &str) -> Value {
    let mut document = with("/Output/preprocess_cmd", json!(command));
    set(&mut document, "/Output/preprocess_version", json!(2));
    document
}

#[test]
fn preprocess_command_missing() {
    World::new().refused(
        &preprocess("./filter.py --fast"),
        &["51: /Output/preprocess_cmd: program `./filter.py` not found; tried DIR/filter.py; correct the path; expected a program and \
           its arguments; a relative path begins at the instance file's folder"],
    );
}

#[test]
fn preprocess_command_not_executable() {
    let world = World::new();
    world.sandbox.write("filter.py", PASS);
    world.refused(
        &preprocess("./filter.py"),
        &["51: /Output/preprocess_cmd: `DIR/filter.py` is not executable; run `chmod +x DIR/filter.py` or name its \
           interpreter, for example `python3 DIR/filter.py`; expected a program and its arguments; a relative path \
           begins at the instance file's folder"],
    );
}

#[test]
fn preprocess_command_that_dies_at_once_loses_nothing() {
    let world = World::new();
    world.sandbox.instance(&preprocess("sh -c 'echo no licence >&2; exit 3'"));
    // Long enough for five deaths in a row.
    let ran = world.sandbox.run(&["run", "instance.json", "--drain", "2"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let waiting: usize = ran
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("preprocess  command  waiting"))
        .and_then(|line| line.split_whitespace().nth(2)?.parse().ok())
        .unwrap();
    assert!(waiting >= ENTRIES, "{ran:?}");
    assert_eq!(
        last(&ran.stdout),
        format!("600 frames; the source has ended; {waiting} log entries wait and are sent by the next run")
    );
    // It is started again and again: that so many messages are not done, or only why, as the end comes between two tries.
    let why = "exited with status 3; its last words: no licence";
    let said = [format!("preprocess: {waiting} messages are not done: {why}"), format!("preprocess: {why}")];
    assert!(ran.stdout.lines().any(|line| said.iter().any(|said| line == said)), "{ran:?}");
    assert_eq!(world.events(), 0);

    world.sandbox.write("pass.py", PASS);
    world.sandbox.write("data/in.ndjson", "");
    let next = world.run(&preprocess("python3 pass.py"));
    assert_eq!(
        (last(&next.stdout), next.code),
        ("0 frames; the source has ended; everything is delivered", Some(0))
    );
    assert_eq!(world.events(), ENTRIES);
}

#[test]
fn preprocess_command_that_prints_garbage_lives_on() {
    let world = World::new();
    let garbage = "    n = globals().get('n', 0) + 1\n    sys.stdout.flush()\n    \
                   sys.stdout.buffer.write({3: b'oops\\n', 4: b'{\"hello\": 1}\\n', 5: b'\\xff\\xfe\\n'}.get(n, b''))\n    \
                   sys.stdout.flush()\n    print(m.decode()";
    world.sandbox.write("filter.py", PASS.replace("    print(m.decode()", garbage));
    let ran = world.run(&preprocess("python3 filter.py"));
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let not_json = "refused: the preprocess command wrote a line that is not JSON (expected value at line 1 column 1); the line begins:";
    let expected = [
        format!("{not_json} oops"),
        "refused: record 0: not a record: the key `$id` is missing; the line begins: {\"hello\": 1}"
            .to_owned(),
        format!("{not_json} \u{fffd}\u{fffd}"),
    ];
    assert_eq!(logged(&ran.stderr), expected);
    let end = "600 frames; the source has ended; 3 records refused for good, kept as dead letters; everything else is delivered";
    assert_eq!(last(&ran.stdout), end);
    assert_eq!(world.events(), ENTRIES);
}

// Exports and exporters

#[test]
fn unknown_scheme_of_an_export() {
    World::new().fails_alone(
        &with("/Output/handlers/bad", json!({"uri": "xml:///a.xml", "sink": "output-tracks", "enabled": true})),
        "bad",
        "instance.json:51: /Output/handlers/bad/uri: no format for `xml://`; expected one of json://, csv://, ...",
    );
}

#[test]
fn an_export_with_an_unknown_key() {
    let export = json!({"uri": "csv:///t.csv", "sink": "output-tracks", "enabled": true, "config": {"append_onyl": true}});
    World::new().fails_alone(
        &with("/Output/handlers/other", export),
        "other",
        "instance.json:55: /Output/handlers/other/config/append_onyl: unknown key `append_onyl`; expected one of separator, minify, append_only, header, ...",
    );
}

#[test]
fn exporter_not_installed() {
    World::new().fails_alone(
        &with("/Output/Nope", json!({"enabled": true})),
        "Nope",
        "instance.json:51: /Output/Nope: no exporter `Nope` is installed; installed: ...",
    );
}

#[test]
fn a_manifest_with_an_unknown_setting_type() {
    let world = World::new();
    let manifest = "{\n  \"name\": \"Bad\", \"events\": {\"event-area-enter\": 2}, \"command\": \"cat\",\n  \
                    \"settings\": {\n    \"x\": {\"type\": \"slider\", \"label\": \"X\"}\n  }\n}\n";
    world.sandbox.write("data/exporters/Bad/manifest.json", manifest);
    let error = "data/exporters/Bad/manifest.json:4: /settings/x/type: is the text \"slider\"; expected \"text\", \
                 \"checkbox\", \"int_range\", \"float_range\", \"combobox\" or \"secret\"";
    let checked = world.sandbox.run(&["validate", "data/exporters/Bad/manifest.json"]);
    let verdict = "data/exporters/Bad/manifest.json: manifest: 1 error, no warnings\n";
    assert_eq!((checked.stdout, checked.code), (format!("error: {error}\n{verdict}"), Some(78)));
    world.fails_alone(&with("/Output/Bad", json!({"enabled": true})), "Bad", &format!("DIR/{error}"));
}

/// PRODUCT 7: "An id with no common version is not sent and is reported; an exporter with nothing agreed is not started."
#[test]
fn a_manifest_that_asks_for_what_there_is_not() {
    let world = World::new();
    let file = "data/exporters/Odd/manifest.json";
    let manifest =
        |events: Value| json!({"name": "Odd", "events": events, "command": "cat", "framing": "newline"});
    let dwelling =
        "event-dwelling is not sent: there is no schema of that name (see `watchpost schema list`)";
    let track = "track is not sent: asked for in version 9, available in 1, 2";
    world
        .sandbox
        .write(file, manifest(json!({"event-area-enter": 2, "event-dwelling": 1, "track": [9]})).to_string());
    let checked = world.sandbox.run(&["validate", file]);
    let expected = format!(
        "warning: {file}: /events: {dwelling}\nwarning: {file}: /events: {track}\n{file}: manifest: no errors, 2 warnings\n"
    );
    assert_eq!((checked.stdout, checked.code), (expected, Some(0)));
    // Who runs an instance with it is told the same, and what there is is sent.
    let ran = world.run(&with("/Output/Odd", json!({"enabled": true})));
    let said = [dwelling, track].map(|why| format!("warning: DIR/{file}: /events: {why}"));
    world.says(&ran.stderr, &said);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    // With nothing left it is no exporter.
    world.sandbox.write(file, manifest(json!({"event-dwelling": 1, "crop": 0})).to_string());
    let checked = world.sandbox.run(&["validate", file]);
    let error = format!(
        "{file}: /events: {dwelling}; expected ids and versions of `watchpost schema list`; it is not started"
    );
    let expected = format!("error: {error}\n{file}: manifest: 1 error, no warnings\n");
    assert_eq!((checked.stdout, checked.code), (expected, Some(78)));
    world.sandbox.write("data/in.ndjson", world.lines.concat());
    std::fs::remove_dir_all(world.sandbox.data().join("exports")).unwrap();
    std::fs::remove_dir_all(world.sandbox.data().join("journal")).unwrap();
    world.fails_alone(&with("/Output/Odd", json!({"enabled": true})), "Odd", &format!("DIR/{error}"));
}

#[test]
fn exporter_command_not_found() {
    let world = World::new();
    let manifest = json!({"name": "Gone", "events": {"event-area-enter": 2}, "command": "./gone --x", "framing": "newline"});
    world.sandbox.write("data/exporters/Gone/manifest.json", manifest.to_string());
    world.sandbox.instance(&with("/Output/Gone", json!({"enabled": true})));
    let folder = format!("{}/data/exporters/Gone", world.place());
    let error = format!("program `./gone` not found; tried {folder}/gone; correct the path");
    let checked = world.sandbox.run(&["validate", "instance.json"]);
    let expected = format!(
        "error: {folder}/manifest.json: /command: {error}\ninstance.json: instance: 1 error, no warnings\n"
    );
    assert_eq!((checked.stdout, checked.code), (expected, Some(78)));
    let ran = world.sandbox.run(&["run", "instance.json", "--drain", "5"]);
    assert!(ran.stdout.lines().any(|line| line == format!("Gone: {error}")), "{ran:?}");
    let end = format!(
        "600 frames; the source has ended; failed: Gone; {ENTRIES} log entries wait and are sent by the next run"
    );
    assert_eq!((last(&ran.stdout), ran.code), (end.as_str(), Some(1)));
    assert_eq!(world.events(), ENTRIES);
    // Mended, it gets what waited.
    world.sandbox.write_program("data/exporters/Gone/gone", "#!/bin/sh\nexec cat > seen.jsonl\n");
    world.sandbox.write("data/in.ndjson", "");
    let again = world.sandbox.run(&["run", "instance.json"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(world.sandbox.lines_of_exporter("Gone").len(), ENTRIES);
}

// The data folder

#[test]
fn two_processes_on_one_data_folder() {
    let world = World::new();
    world.sandbox.instance(&source("ndjson://-"));
    let mut first = world.sandbox.spawn(&["run", "instance.json"]);
    // It reads STDIN only when it holds everything it needs: once it has delivered, it surely runs.
    for line in &world.lines {
        assert!(first.feed(line.as_bytes()));
    }
    wait_until("the first delivers", || world.sandbox.export("events.jsonl").exists());
    let second = world.sandbox.run(&["run", "instance.json"]);
    let expected = format!(
        "watchpost: journal {}/data/journal: in use by process {}; one process per data folder, stop it or choose \
         another --data folder\n",
        world.place(),
        first.pid()
    );
    assert_eq!((second.stderr, second.code), (expected, Some(1)));
    assert_eq!(first.finish().code(), Some(0));
    assert_eq!(world.events(), ENTRIES);
}
