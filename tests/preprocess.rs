//! PRODUCT 8, "The preprocess command", against real programs in three languages, through `watchpost run`.
//!
//! A scripted scene causes the same events every time. What they are is known from a run without a command;
//! what must come out behind one follows from what the command does.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Ran, Sandbox,
    scene::{EVENT_IDS, Key, key, scene, walkers, write_detections},
};

const FRAMES: u64 = 700;

/// What of the events comes out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Out {
    All,
    EveryOther,
    Twice,
    /// Two at a time the other way round.
    Swapped,
}

struct Case {
    name: &'static str,
    command: String,
    out: Out,
    acknowledge: bool,
    version: u8,
    /// More keys of `Output`.
    settings: Value,
}

impl Case {
    fn new(name: &'static str, command: impl Into<String>, out: Out) -> Self {
        Self { name, command: command.into(), out, acknowledge: false, version: 2, settings: json!({}) }
    }

    fn acknowledge(self) -> Self {
        Self { acknowledge: true, ..self }
    }

    fn version(self, version: u8) -> Self {
        Self { version, ..self }
    }

    fn with(self, settings: Value) -> Self {
        Self { settings, ..self }
    }
}

struct World {
    sandbox: Sandbox,
    uri: String,
}

/// A run's events, in the order of the file.
struct Events {
    records: Vec<Value>,
}

impl World {
    fn new(frames: u64) -> Self {
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        let uri = write_detections(&sandbox, "in.ndjson", walkers(20), frames);
        for (name, text) in [
            ("sample.py", include_str!("filters/sample.py")),
            ("filter.py", include_str!("filters/filter.py")),
            ("copy.sh", include_str!("filters/copy.sh")),
        ] {
            sandbox.write(name, text);
        }
        Self { sandbox, uri }
    }

    /// Runs to the end, with what `settings` add to `Output`.
    fn run(&self, version: u8, settings: &Value) -> Ran {
        self.sandbox.instance(&scene(&self.uri, version, settings.clone()));
        self.sandbox.run(&["run", "instance.json", "--json", "--drain", "30"])
    }

    fn events(&self) -> Events {
        Events { records: self.sandbox.json_lines("events.jsonl") }
    }
}

impl Events {
    fn keys(&self) -> Vec<Key> {
        self.records.iter().map(key).collect()
    }

    /// Gapless from 0, where the version has them.
    fn assert_numbered(&self, name: &str) {
        let numbers: Vec<_> = self.records.iter().filter_map(|record| record["sequence"].as_u64()).collect();
        let expected: Vec<_> = (0..self.records.len() as u64).collect();
        assert!(numbers.is_empty() || numbers == expected, "{name}: {numbers:?}");
    }
}

/// What happens without a command.
fn emitted(frames: u64) -> Vec<Key> {
    let world = World::new(frames);
    let ran = world.run(2, &json!({}));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let keys = world.events().keys();
    assert!(keys.len() > 60, "{}", keys.len());
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "keys tell events apart");
    keys
}

fn expected(emitted: &[Key], out: Out) -> Vec<Key> {
    match out {
        Out::All => emitted.to_vec(),
        Out::EveryOther => emitted.iter().step_by(2).cloned().collect(),
        Out::Twice => emitted.iter().flat_map(|key| [key.clone(), key.clone()]).collect(),
        Out::Swapped => emitted.chunks(2).flat_map(|pair| pair.iter().rev().cloned()).collect(),
    }
}

fn holds(case: &Case, emitted: &[Key]) {
    let name = format!("{}, version {}, acknowledge {}", case.name, case.version, case.acknowledge);
    let world = World::new(FRAMES);
    let mut settings = json!({
        "preprocess_cmd": case.command, "preprocess_version": case.version,
        "preprocess_acknowledge": case.acknowledge, "preprocess_drain_ms": 300,
    });
    settings.as_object_mut().unwrap().extend(case.settings.as_object().unwrap().clone());
    let ran = world.run(case.version, &settings);
    let events = world.events();
    assert_eq!(ran.code, Some(0), "{name}: {}{}", ran.stderr, ran.stdout);
    assert_eq!(events.keys(), expected(emitted, case.out), "{name}");
    assert!(events.records.iter().all(|record| record["$version"] == case.version), "{name}");
    events.assert_numbered(&name);
    if !case.command.contains("sample.py") {
        assert!(
            events.records.iter().all(|record| record["added"].is_string()),
            "{name}: all have passed it"
        );
    }
}

fn python() -> String {
    let venv = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/venv/bin/python");
    assert!(venv.exists(), "{} is missing: run scripts/setup.sh test", venv.display());
    venv.display().to_string()
}

/// The filter in Rust, an example of the testkit: built by `cargo nextest run --workspace` beside this test.
fn rust() -> String {
    let target = PathBuf::from(env!("CARGO_BIN_EXE_watchpost"));
    let example = target.with_file_name("examples").join("filter");
    assert!(example.exists(), "{} is missing: cargo build --workspace --examples", example.display());
    example.display().to_string()
}

#[test]
fn the_sample_of_the_reference_runs_unmodified() {
    let emitted = emitted(FRAMES);
    let sample = format!("{} sample.py", python());
    for version in [1, 2] {
        holds(&Case::new("sample", &sample, Out::All).version(version), &emitted);
    }
}

#[test]
fn filters_in_three_languages_pass_every_record_in_order() {
    let emitted = emitted(FRAMES);
    for command in ["python3 filter.py copy", "sh copy.sh", &rust()] {
        for version in [1, 2] {
            holds(&Case::new("copy", command, Out::All).version(version), &emitted);
            holds(&Case::new("copy", command, Out::All).version(version).acknowledge(), &emitted);
        }
    }
}

#[test]
fn a_filter_may_drop_split_merge_and_reorder() {
    let emitted = emitted(FRAMES);
    for (mode, out) in
        [("half", Out::EveryOther), ("split", Out::Twice), ("merge", Out::All), ("reorder", Out::Swapped)]
    {
        let command = format!("python3 filter.py {mode}");
        holds(&Case::new(mode, &command, out), &emitted);
        holds(&Case::new(mode, &command, out).acknowledge(), &emitted);
    }
}

#[test]
fn one_that_dies_hangs_or_takes_its_time_costs_nothing_if_it_acknowledges() {
    let emitted = emitted(FRAMES);
    let short = json!({"preprocess_timeout_ms": 2000});
    let cases = [
        Case::new("dies at every 30th event", "python3 filter.py crash 30", Out::All),
        Case::new("hangs", "python3 filter.py hang", Out::All).with(short),
        Case::new("answers after 5 s", "python3 filter.py slow 5", Out::All),
    ];
    for case in cases {
        holds(&case.acknowledge(), &emitted);
    }
    // Free-running: what it says at the very end of its input counts, too.
    holds(&Case::new("says everything at the end", "python3 filter.py late", Out::All), &emitted);
}

#[test]
fn one_that_dies_without_acknowledging_loses_no_more_than_it_had_read() {
    let emitted = emitted(FRAMES);
    let world = World::new(FRAMES);
    let settings = json!({
        "preprocess_cmd": "python3 filter.py crash 30", "preprocess_version": 2, "preprocess_drain_ms": 300,
    });
    let ran = world.run(2, &settings);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, ran.stdout);
    let events = world.events();
    events.assert_numbered("crash 30");
    let came: BTreeSet<Key> = events.keys().into_iter().collect();
    let read = read_by_filter(world.sandbox.path());
    let lost: Vec<_> = emitted.iter().filter(|key| !came.contains(*key)).collect();
    assert!(!lost.is_empty(), "it dies with something in hand, or this proves nothing");
    assert!(lost.iter().all(|key| read.contains_key(*key)), "lost what it had not read: {lost:?}");
    // In order, and nothing twice: it had read what it answered, or it would have been asked again.
    let order: HashMap<_, _> = emitted.iter().zip(0..).collect();
    let places: Vec<_> = events.keys().iter().map(|key| order[key]).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn bypass_passes_records_unfiltered_while_it_is_down() {
    let emitted = emitted(FRAMES);
    for command in ["false", "python3 filter.py crash 30"] {
        for version in [1, 2] {
            let world = World::new(FRAMES);
            let settings = json!({
                "preprocess_cmd": command, "preprocess_version": version, "preprocess_acknowledge": true,
                "preprocess_on_failure": "bypass", "preprocess_drain_ms": 300,
            });
            let ran = world.run(version, &settings);
            assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, ran.stdout);
            assert_eq!(world.events().keys(), emitted, "{command}: each comes, filtered or not, in order");
        }
    }
}

#[test]
fn hold_keeps_records_for_a_command_that_cannot_run_now() {
    let emitted = emitted(FRAMES);
    let world = World::new(FRAMES);
    let gone = json!({"preprocess_cmd": "false", "preprocess_version": 2});
    world.sandbox.instance(&scene(&world.uri, 2, gone));
    let ran = world.sandbox.run(&["run", "instance.json", "--json", "--drain", "1"]);
    assert_eq!(ran.code, Some(1));
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let waiting = summary["preprocess"]["waiting"].as_u64().unwrap();
    assert!(waiting >= emitted.len() as u64, "events, and records that nobody selected: {summary:#}");
    assert!(world.events().records.is_empty());
    // The next run has one that works, and nothing new to say.
    let mended = json!({"preprocess_cmd": "python3 filter.py copy", "preprocess_version": 2});
    let ran = nothing_more(&world, 2, &mended);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(world.events().keys(), emitted);
}

/// A run whose source has nothing to say.
fn nothing_more(world: &World, version: u8, settings: &Value) -> Ran {
    let empty = write_detections(&world.sandbox, "empty.ndjson", walkers(20), 0);
    world.sandbox.instance(&scene(&empty, version, settings.clone()));
    world.sandbox.run(&["run", "instance.json", "--json", "--drain", "30"])
}

#[test]
fn a_command_that_goes_comes_or_changes_its_version_leaves_nothing_behind() {
    let emitted = emitted(FRAMES);
    let waits = json!({"preprocess_cmd": "false", "preprocess_version": 1, "handlers": {"events": null}});
    let taker = json!({"preprocess_cmd": ""});
    let converted = json!({"preprocess_cmd": "python3 filter.py copy", "preprocess_version": 2});
    for (after, filtered) in [(taker, false), (converted, true)] {
        let world = World::new(FRAMES);
        // A receiver that has a cursor from now on: a new one would begin at the end of what waited.
        let ran = nothing_more(&world, 2, &json!({}));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let mut document = scene(&world.uri, 2, waits.clone());
        document["Output"]["handlers"] =
            json!({"events": watchpost_testkit::scene::json_lines("events.jsonl", &EVENT_IDS, 1)});
        world.sandbox.instance(&document);
        let ran = world.sandbox.run(&["run", "instance.json", "--drain", "1"]);
        assert_eq!(ran.code, Some(1), "{}", ran.stdout);
        let ran = nothing_more(&world, 2, &after);
        assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, ran.stdout);
        let events = world.events();
        assert_eq!(events.keys(), emitted, "filtered: {filtered}");
        events.assert_numbered("changed");
        let right = |record: &Value| record["$version"] == 2 && record["added"].is_string() == filtered;
        assert!(events.records.iter().all(right), "{}", events.records[0]);
    }
}

#[test]
fn lines_of_20_mb_pass() {
    // Up to the first few events: each becomes 20 MB.
    let world = World::new(250);
    let settings = json!({
        "preprocess_cmd": "python3 filter.py big 20", "preprocess_version": 2, "preprocess_acknowledge": true,
    });
    let ran = world.run(2, &settings);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stderr, ran.stdout);
    let events = world.events();
    assert!(events.records.len() >= 2, "{}", events.records.len());
    assert!(events.records.iter().all(|record| record["pad"].as_str().unwrap().len() == 20 << 20));
    events.assert_numbered("big");
}

/// The messages that lives of `filter.py` had read wholly, and how often.
fn read_by_filter(dir: &Path) -> HashMap<Key, u32> {
    let mut read = HashMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().is_none_or(|name| !name.to_string_lossy().starts_with("reads-")) {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let whole = bytes.iter().rposition(|byte| *byte == 0).map_or(0, |end| end + 1);
        for message in bytes[..whole].split(|byte| *byte == 0).filter(|message| !message.is_empty()) {
            let value: Value = serde_json::from_slice(message).unwrap();
            let records = value.as_array().cloned().unwrap_or_else(|| vec![value]);
            for record in records.iter().filter(|record| record["event_id"].is_string()) {
                *read.entry(key(record)).or_default() += 1;
            }
        }
    }
    read
}
