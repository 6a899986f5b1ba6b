//! PRODUCT 3: "Every change is applied at once, touching only what changed: adding, removing, editing or
//! pausing one export never interrupts the source or another export."
//!
//! Two hundred random changes of a running instance, while others take everything it gives: each of these must
//! have every record and every frame, exactly once where that is promised, in order.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Control, Random, Sandbox, Watchpost, acknowledging_exporter,
    scene::{EVENT_IDS, json_lines, key, scene, subscriptions, walkers, write_detections},
    wait_until,
};

const CHANGES: u32 = 200;
const INSTANCE: &str = "Gate";
/// Each appended file is synced a hundred times a second: with many the test would measure the disk.
const MOST_VICTIMS: usize = 5;
const FRAMES_PER_CHANGE: u64 = 15;

#[test]
fn two_hundred_changes_disturb_nobody_else() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    acknowledging_exporter(&sandbox, "Keeper", subscriptions(&EVENT_IDS, 2));
    acknowledging_exporter(&sandbox, "Victim", subscriptions(&EVENT_IDS, 2));
    sandbox.write("data/instances/gate.json", instance().to_string());
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches(INSTANCE, "all", "running");

    let feeder = Feeder::start(server);
    let mut random = Random::new();
    let mut victims = Victims::default();
    for number in 0..CHANGES {
        let began = std::time::Instant::now();
        let change = victims.change(&sandbox, &mut control, &mut random, number);
        eprintln!("{number}: {change} ({:?})", began.elapsed());
        // Every change meets frames.
        feeder.has_fed(u64::from(number + 1) * FRAMES_PER_CHANGE);
    }
    let (frames, mut server) = feeder.stop();
    server.close_stdin();
    wait_until("the source ends", || control.instance(INSTANCE)["state"] == "finished");
    for name in ["all", "tracks", "Keeper", "steady"] {
        control.ask(&json!({"op": "switch_export", "instance": INSTANCE, "name": name, "to": "on"})).unwrap();
        control.drained(INSTANCE, name);
    }

    let all = sandbox.json_lines("all.jsonl");
    let sequences: Vec<_> = all.iter().map(sequence).collect();
    let expected: Vec<u64> = (0..sequences.len() as u64).collect();
    assert!(sequences.len() > 500, "only {} events: the test proves nothing", sequences.len());
    assert_eq!(sequences, expected, "the untouched file has every number once, in order");

    let tracks = std::fs::read_to_string(sandbox.export("tracks.jsonl")).unwrap();
    let seen: Vec<u64> = tracks.lines().map(frame_id).collect();
    assert_eq!(seen, (0..frames).collect::<Vec<_>>(), "every frame once: the source was never interrupted");

    let keeper = sandbox.lines_of_exporter("Keeper");
    let keeper: Vec<_> = keeper.iter().map(sequence).collect();
    assert_eq!(keeper, expected, "nobody restarted the exporter: it has every record once");

    // Edited, paused and renamed again and again, but never off: nothing of it is lost or doubled either.
    let steady: Vec<_> = sandbox.json_lines("steady.jsonl").iter().map(sequence).collect();
    assert_eq!(steady, expected, "pausing, renaming and editing lose and double nothing");
    assert!(victims.done.len() >= 9, "kinds of changes: {:?}", victims.done);
    drop(server);
}

fn instance() -> Value {
    let output = json!({
        "handlers": {
            "all": json_lines("all.jsonl", &EVENT_IDS, 2),
            "steady": json_lines("steady.jsonl", &EVENT_IDS, 2),
            "tracks": {"uri": "json:///tracks.jsonl", "sink": "output-tracks",
                       "config": {"append_only": true, "minify": true}},
        },
        "Keeper": {"enabled": true},
    });
    let mut document = scene("ndjson://-", 2, output);
    (document["DisplayName"], document["AutoStart"]) = (INSTANCE.into(), true.into());
    document["Input"]["pace"] = "fast".into();
    document
}

fn sequence(record: &Value) -> u64 {
    record["sequence"].as_u64().unwrap_or_else(|| panic!("no sequence: {record}"))
}

fn frame_id(line: &str) -> u64 {
    serde_json::from_str::<Value>(line).unwrap()["frame_id"].as_u64().unwrap()
}

#[test]
fn the_preprocess_command_comes_changes_and_goes_and_no_record_with_it() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let filter = sandbox.write(
        "tag.py",
        "import json, sys\n\
         buffer = b''\n\
         while piece := sys.stdin.buffer.read1(65536):\n\
         \x20   *messages, buffer = (buffer + piece).split(b'\\0')\n\
         \x20   for message in messages:\n\
         \x20       record = json.loads(message)\n\
         \x20       records = record if isinstance(record, list) else [record]\n\
         \x20       print(json.dumps([dict(r, via=sys.argv[1]) for r in records]), flush=True)\n",
    );
    sandbox.write("data/instances/gate.json", instance().to_string());
    acknowledging_exporter(&sandbox, "Keeper", subscriptions(&EVENT_IDS, 2));
    let mut server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches(INSTANCE, "all", "running");

    let commands = [None, Some("first"), Some("second"), None, Some("third")];
    let mut frame = 0;
    for command in commands {
        let mut document = control.does(&json!({"op": "document", "instance": INSTANCE}));
        let command = command.map(|name| format!("python3 {} {name}", filter.display()));
        document["Output"]["preprocess_cmd"] = command.into();
        document["Output"]["preprocess_version"] = 2.into();
        document["Output"]["preprocess_acknowledge"] = true.into();
        control.does(&json!({"op": "apply", "instance": INSTANCE, "document": document}));
        for _ in 0..600 {
            assert!(server.feed(walkers(10).line(frame).as_bytes()));
            frame += 1;
        }
    }
    server.close_stdin();
    wait_until("the source ends", || control.instance(INSTANCE)["state"] == "finished");
    wait_until("the last command has answered", || control.instance(INSTANCE)["preprocess"]["waiting"] == 0);
    control.drained(INSTANCE, "all");

    // The same frames without any command.
    let plain = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let uri = write_detections(&plain, "walk.ndjson", walkers(10), frame);
    let file = plain.instance(&scene(&uri, 2, json!({})));
    assert_eq!(plain.run(&["run".as_ref(), file.as_os_str()]).code, Some(0));
    let sorted = |records: &[Value]| {
        let mut keys: Vec<_> = records.iter().map(key).collect();
        keys.sort();
        keys
    };
    let all = sandbox.json_lines("all.jsonl");
    assert_eq!(sorted(&all), sorted(&plain.json_lines("events.jsonl")), "every event once");
    let sequences: Vec<_> = all.iter().map(sequence).collect();
    assert_eq!(sequences, (0..all.len() as u64).collect::<Vec<_>>());
    for tag in [json!("first"), json!("second"), json!("third"), Value::Null] {
        assert!(all.iter().any(|record| record["via"] == tag), "nothing went by {tag}");
    }
}

/// Feeds frames without end.
struct Feeder {
    stop: Arc<AtomicBool>,
    fed: Arc<AtomicU64>,
    thread: Option<thread::JoinHandle<Watchpost>>,
}

impl Drop for Feeder {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(thread::JoinHandle::join));
    }
}

impl Feeder {
    fn start(mut server: Watchpost) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let fed = Arc::new(AtomicU64::new(0));
        let (stopped, feeding) = (stop.clone(), fed.clone());
        let thread = thread::spawn(move || {
            let script = walkers(10);
            while !stopped.load(Ordering::Relaxed) {
                let frame = feeding.load(Ordering::Relaxed);
                assert!(server.feed(script.line(frame).as_bytes()), "it no longer reads");
                feeding.store(frame + 1, Ordering::Relaxed);
                // About 500 a second: a camera, not a flood, so that changes meet frames all the time.
                thread::park_timeout(Duration::from_millis(2));
            }
            server
        });
        Self { stop, fed, thread: Some(thread) }
    }

    fn has_fed(&self, frames: u64) {
        wait_until("frames are fed", || self.fed.load(Ordering::Relaxed) >= frames);
    }

    fn stop(mut self) -> (u64, Watchpost) {
        self.stop.store(true, Ordering::Relaxed);
        let server = self.thread.take().unwrap().join().unwrap();
        (self.fed.load(Ordering::Relaxed), server)
    }
}

/// The exports that are changed, as they should be now.
#[derive(Default)]
struct Victims {
    names: Vec<String>,
    next: u32,
    /// What `steady` is called now.
    steady_alias: Option<String>,
    done: BTreeSet<&'static str>,
}

impl Victims {
    /// Makes one change; says which.
    fn change(
        &mut self,
        sandbox: &Sandbox,
        control: &mut Control,
        random: &mut Random,
        number: u32,
    ) -> String {
        let steady = self.steady_alias.clone().unwrap_or_else(|| "steady".to_owned());
        // The last ones leave `steady` as it was.
        let kind = if number + 2 >= CHANGES { 100 } else { random.below(13) };
        let (kind, operation) = match kind {
            0 | 1 if self.names.len() < MOST_VICTIMS => {
                let name = format!("victim-{}", self.next);
                self.next += 1;
                self.names.push(name.clone());
                ("add", set(&name, random))
            }
            0..=3 => match self.pick(random) {
                Some(name) => ("edit", set(&name, random)),
                None => return self.nothing(),
            },
            4 => match self.pick(random) {
                Some(name) => {
                    let to = ["on", "paused", "off"][random.below(3) as usize];
                    ("switch", json!({"op": "switch_export", "instance": INSTANCE, "name": name, "to": to}))
                }
                None => return self.nothing(),
            },
            5 => match self.pick(random) {
                Some(name) => {
                    let to = format!("victim-{}", self.next);
                    self.next += 1;
                    self.names.retain(|known| *known != name);
                    self.names.push(to.clone());
                    ("rename", json!({"op": "rename_export", "instance": INSTANCE, "name": name, "to": to}))
                }
                None => return self.nothing(),
            },
            6 => match self.pick(random) {
                Some(name) => {
                    self.names.retain(|known| *known != name);
                    ("delete", json!({"op": "delete_export", "instance": INSTANCE, "name": name}))
                }
                None => return self.nothing(),
            },
            7 => {
                let to = ["on", "off"][random.below(2) as usize];
                ("exporter", json!({"op": "switch_export", "instance": INSTANCE, "name": "Victim", "to": to}))
            }
            8 => ("apply", apply(control, random)),
            9 => {
                hand_edit(sandbox, control, random);
                self.done.insert("hand edit");
                return "hand edit".to_owned();
            }
            10 => {
                let to = ["on", "paused"][random.below(2) as usize];
                (
                    "pause steady",
                    json!({"op": "switch_export", "instance": INSTANCE, "name": steady, "to": to}),
                )
            }
            11 => {
                let to = if steady == "steady" { "steady too" } else { "steady" };
                self.steady_alias = Some(to.to_owned());
                (
                    "rename steady",
                    json!({"op": "rename_export", "instance": INSTANCE, "name": steady, "to": to}),
                )
            }
            12 => match self.pick(random) {
                Some(name) => {
                    ("replay", json!({"op": "replay", "instance": INSTANCE, "from": null, "receiver": name}))
                }
                None => return self.nothing(),
            },
            _ if steady != "steady" => {
                self.steady_alias = None;
                (
                    "name steady back",
                    json!({"op": "rename_export", "instance": INSTANCE, "name": steady, "to": "steady"}),
                )
            }
            _ => return self.nothing(),
        };
        self.done.insert(kind);
        let done = control.ask(&operation);
        if let Err(error) = &done {
            // Only a replay to one that is off may be refused.
            assert!(kind == "replay", "{operation}: {error}");
        }
        format!("{kind} {operation}")
    }

    fn pick(&self, random: &mut Random) -> Option<String> {
        let count = self.names.len() as u64;
        (count > 0).then(|| self.names[random.below(count) as usize].clone())
    }

    fn nothing(&self) -> String {
        "nothing".to_owned()
    }
}

/// An export of any kind, under a name.
fn set(name: &str, random: &mut Random) -> Value {
    let number = random.below(1_000_000);
    let records: Vec<_> = EVENT_IDS
        .iter()
        .take(1 + random.below(4) as usize)
        .map(|id| format!("{id}:{}", 1 + number % 2))
        .collect();
    let export = match random.below(4) {
        0 => json!({"uri": format!("csv:///v/{number}.csv"), "sink": "output-tracks"}),
        1 => json!({"uri": format!("json:///v/{number}.jsonl"),
                    "config": {"append_only": true, "minify": true, "schema_events": records}}),
        2 => json!({"uri": format!("txt:///v/{number}.txt"), "config": {"schema_events": records}}),
        _ => json!({"uri": format!("json:///v/{number}/{{obj.frame_id}}.json"), "sink": "zone_stats"}),
    };
    json!({"op": "set_export", "instance": INSTANCE, "name": name, "export": export})
}

/// The document with something of it changed that concerns no export.
fn edited(control: &mut Control, random: &mut Random) -> Value {
    let mut document = control.does(&json!({"op": "document", "instance": INSTANCE}));
    let shade = random.below(100) as f64 / 100.0;
    document["Zone"]["Zones"]["3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01"]["color"] =
        json!([shade, 0.5, 0.5, 1.0]);
    document["NoteOfMine"] = json!(random.below(1000));
    document
}

fn apply(control: &mut Control, random: &mut Random) -> Value {
    let document = edited(control, random);
    json!({"op": "apply", "instance": INSTANCE, "document": document})
}

/// Sometimes one that makes no sense: it must change nothing.
fn hand_edit(sandbox: &Sandbox, control: &mut Control, random: &mut Random) {
    let document = edited(control, random);
    let text = serde_json::to_string_pretty(&document).unwrap();
    if random.below(3) == 0 {
        sandbox.write("data/instances/gate.json", &text[..text.len() / 2]);
        wait_until("the broken file is seen", || control.instance(INSTANCE)["file_problem"].is_string());
    }
    sandbox.write("data/instances/gate.json", &text);
    wait_until("the edit is picked up", || {
        let seen = control.does(&json!({"op": "document", "instance": INSTANCE}));
        seen["NoteOfMine"] == document["NoteOfMine"] && control.instance(INSTANCE)["file_problem"].is_null()
    });
}
