//! PRODUCT 12: "Once a record is in the log it reaches every receiver that selected it at least once, in
//! order per receiver, through kill -9."
//!
//! Watchpost is killed at twenty random moments of a run of scripted detections. The oracle is the
//! numbering of the log: `sequence` has no gaps within a log, so whatever entered it is known to the last
//! record, and must be in the file exactly once and at the acknowledging exporter at least once, in order.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::disallowed_methods, reason = "a failure is repeated with the seed it printed")]

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, Script, acknowledging_exporter};

const KILLS: u32 = 20;
const IDS: [&str; 4] = ["event-area-enter", "event-area-exit", "event-intrusion", "event-intrusion-end"];

#[test]
fn twenty_kills_lose_and_double_nothing() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let events: serde_json::Map<_, _> = IDS.iter().map(|id| ((*id).to_owned(), json!([2]))).collect();
    acknowledging_exporter(&sandbox, "Keeper", Value::Object(events));
    let instance = sandbox.instance(&instance());
    let args = ["run".as_ref(), instance.as_os_str()];
    let script = Script { fps: 100, every: 10, walk: 400 };
    let mut frame = 0;
    let mut random = Random::new();
    eprintln!("random seed {}", random.seed);
    for _ in 0..KILLS {
        let mut watchpost = sandbox.spawn(&args);
        // Somewhere from "has hardly started" to "has been running for a while".
        for _ in 0..random.below(1500) {
            assert!(watchpost.feed(script.line(frame).as_bytes()), "see {:?}", sandbox.path());
            frame += 1;
        }
        watchpost.kill();
    }
    let mut last = sandbox.spawn(&args);
    for _ in 0..1500 {
        assert!(last.feed(script.line(frame).as_bytes()));
        frame += 1;
    }
    let ended = last.finish();
    assert_eq!(
        ended.code(),
        Some(0),
        "{}",
        std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap()
    );

    let file = sandbox.json_lines("events.jsonl");
    let sequences: Vec<_> = file.iter().map(sequence).collect();
    let expected: Vec<u64> = (0..sequences.len() as u64).collect();
    assert!(sequences.len() > 500, "only {} events: the test proves nothing", sequences.len());
    assert_eq!(sequences, expected, "the file has every number once, in order");

    let seen = sandbox.lines_of_exporter("Keeper");
    let mut known = BTreeSet::new();
    let firsts: Vec<_> = seen.iter().map(sequence).filter(|s| known.insert(*s)).collect();
    assert_eq!(firsts, expected, "the exporter has every number, in order");
    let doubles = seen.len() - firsts.len();
    assert!(doubles <= KILLS as usize * 100, "{doubles} doubles: at most the window of 100 per kill");

    every_start_has_one_end(&file);
}

fn sequence(record: &Value) -> u64 {
    record["sequence"].as_u64().unwrap_or_else(|| panic!("no sequence: {record}"))
}

fn every_start_has_one_end(records: &[Value]) {
    let of = |id: &str| records.iter().filter(move |r| r["$id"] == *id).collect::<Vec<_>>();
    let mut ends: HashMap<&str, u32> = HashMap::new();
    for end in of("event-intrusion-end") {
        *ends.entry(end["ref_event_id"].as_str().unwrap()).or_default() += 1;
    }
    let starts = of("event-intrusion");
    assert!(!starts.is_empty());
    for start in &starts {
        assert_eq!(ends.remove(start["event_id"].as_str().unwrap()), Some(1), "one end for {start}");
    }
    assert!(ends.is_empty(), "ends without a start: {ends:?}");
}

fn instance() -> Value {
    json!({
        "InstanceId": "0d9f0c52-55c4-4f0e-9a53-6c7a4f9e3b11",
        "DisplayName": "kill",
        "Solution": "securt",
        "Input": {"uri": "ndjson://-"},
        "Zone": {"Zones": {"3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.45, "y": 0.1}, {"x": 0.7, "y": 0.1}, {"x": 0.7, "y": 0.9}, {"x": 0.45, "y": 0.9}],
            "detect_people": true, "trigger_on_enter": true, "trigger_on_exit": true, "trigger_on_intrusion": true,
        }}},
        "Output": {
            "Keeper": {"enabled": true},
            "handlers": {"events": {
                "uri": "json:///events.jsonl", "sink": "", "enabled": true,
                "config": {
                    "append_only": true, "minify": true,
                    "schema_events": IDS.map(|id| format!("{id}:2")),
                },
            }},
        },
    })
}

/// A small generator of its own, so that a failure can be repeated from the seed it prints.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    fn new() -> Self {
        let given = std::env::var("WATCHPOST_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| {
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64
        });
        Self { seed, state: seed | 1 }
    }

    /// 0..`end` (xorshift64*).
    fn below(&mut self, end: u64) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        (self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}
