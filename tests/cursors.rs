//! PRODUCT 12 "Cursors", rule by rule, at a running server.

use serde_json::{Value, json};
use watchpost_testkit::{
    Control, Sandbox, Watchpost, acknowledging_exporter,
    scene::{EVENT_IDS, json_lines, scene, subscriptions, walkers},
    wait_until,
};

const INSTANCE: &str = "scene";

/// A server with the export `events`, which takes everything and is never touched, and `r`.
struct Bench {
    server: Watchpost,
    control: Control,
    frame: u64,
    sandbox: Sandbox,
}

impl Bench {
    fn new() -> Self {
        Self::with(json!({"handlers": {"r": json_lines("r.jsonl", &EVENT_IDS, 2)}}), |_| {})
    }

    fn with(output: Value, prepare: impl FnOnce(&Sandbox)) -> Self {
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        prepare(&sandbox);
        let mut document = scene("ndjson://-", 2, output);
        (document["AutoStart"], document["Input"]["pace"]) = (true.into(), "fast".into());
        sandbox.write("data/instances/scene.json", document.to_string());
        let server = sandbox.spawn(&["serve"]);
        let mut control = Control::connect(&sandbox);
        control.reaches(INSTANCE, "events", "running");
        Self { server, control, frame: 0, sandbox }
    }

    /// Lets events happen; returns how many there were in all, once they are delivered to `events`.
    fn events(&mut self) -> usize {
        let before = self.sandbox.json_lines("events.jsonl").len();
        let script = walkers(10);
        wait_until("more events", || {
            for _ in 0..100 {
                assert!(self.server.feed(script.line(self.frame).as_bytes()));
                self.frame += 1;
            }
            self.sandbox.json_lines("events.jsonl").len() > before + 10
        });
        // All that these frames cause has happened when the last of them is analysed.
        wait_until("the frames are analysed", || self.control.instance(INSTANCE)["analysed"] == self.frame);
        self.control.drained(INSTANCE, "events");
        self.sandbox.json_lines("events.jsonl").len()
    }

    fn asks(&mut self, operation: &str, more: Value) -> Result<Value, Value> {
        let mut asked = json!({"op": operation, "instance": INSTANCE});
        for (key, value) in more.as_object().unwrap() {
            asked[key] = value.clone();
        }
        self.control.ask(&asked)
    }

    fn does(&mut self, operation: &str, more: Value) -> Value {
        self.asks(operation, more).unwrap()
    }

    fn switches(&mut self, name: &str, to: &str) {
        self.does("switch_export", json!({"name": name, "to": to}));
    }

    fn sequences(&self, file: &str) -> Vec<u64> {
        self.sandbox.json_lines(file).iter().map(|record| record["sequence"].as_u64().unwrap()).collect()
    }
}

fn numbers(from: usize, to: usize) -> Vec<u64> {
    (from as u64..to as u64).collect()
}

#[test]
fn a_new_receiver_starts_at_the_logs_end() {
    let mut bench = Bench::new();
    let before = bench.events();
    bench.does("set_export", json!({"name": "new", "export": json_lines("new.jsonl", &EVENT_IDS, 2)}));
    let after = bench.events();
    bench.control.drained(INSTANCE, "new");
    assert_eq!(bench.sequences("new.jsonl"), numbers(before, after));
}

#[test]
fn paused_its_cursor_stays_and_records_wait() {
    let mut bench = Bench::new();
    let before = bench.events();
    bench.control.drained(INSTANCE, "r");
    bench.switches("r", "paused");
    let after = bench.events();
    assert_eq!(bench.control.export(INSTANCE, "r")["state"], "paused");
    assert_eq!(bench.control.export(INSTANCE, "r")["waiting"], after - before);
    assert_eq!(bench.sequences("r.jsonl"), numbers(0, before));
    bench.switches("r", "on");
    bench.control.drained(INSTANCE, "r");
    assert_eq!(bench.sequences("r.jsonl"), numbers(0, after));
}

#[test]
fn paused_it_stays_paused_over_a_restart_of_the_server() {
    let mut bench = Bench::new();
    bench.switches("r", "paused");
    let before = bench.events();
    bench.server.kill();
    bench.server = bench.sandbox.spawn(&["serve"]);
    bench.control = Control::connect(&bench.sandbox);
    bench.control.reaches(INSTANCE, "r", "paused");
    bench.switches("r", "on");
    bench.control.drained(INSTANCE, "r");
    assert!(bench.sequences("r.jsonl").starts_with(&numbers(0, before)));
}

#[test]
fn disabled_its_cursor_goes_and_enabled_it_starts_at_the_end() {
    let mut bench = Bench::new();
    let before = bench.events();
    bench.control.drained(INSTANCE, "r");
    bench.switches("r", "off");
    let away = bench.events();
    assert_eq!(bench.control.export(INSTANCE, "r")["state"], "disabled");
    bench.switches("r", "on");
    let after = bench.events();
    bench.control.drained(INSTANCE, "r");
    assert_eq!(bench.sequences("r.jsonl"), [numbers(0, before), numbers(away, after)].concat());
}

#[test]
fn deleted_it_says_how_many_waited_and_a_new_one_of_its_name_starts_at_the_end() {
    let mut bench = Bench::new();
    bench.switches("r", "paused");
    let waited = bench.events();
    let reply = bench.does("delete_export", json!({"name": "r"}));
    assert_eq!(reply["removed"], json!([{"name": "r", "waiting": waited}]));
    assert_eq!(bench.control.export(INSTANCE, "r"), Value::Null);
    bench.does("set_export", json!({"name": "r", "export": json_lines("r.jsonl", &EVENT_IDS, 2)}));
    let after = bench.events();
    bench.control.drained(INSTANCE, "r");
    assert_eq!(bench.sequences("r.jsonl"), numbers(waited, after));
}

#[test]
fn renamed_its_cursor_moves_along() {
    let mut bench = Bench::new();
    bench.switches("r", "paused");
    let waited = bench.events();
    bench.does("rename_export", json!({"name": "r", "to": "other"}));
    assert_eq!(bench.control.export(INSTANCE, "other")["waiting"], waited);
    bench.switches("other", "on");
    let after = bench.events();
    bench.control.drained(INSTANCE, "other");
    assert_eq!(bench.sequences("r.jsonl"), numbers(0, after));
    let taken = bench.asks("rename_export", json!({"name": "other", "to": "events"})).unwrap_err();
    assert_eq!(taken["message"], "there is an export `events` already: choose another name");
}

#[test]
fn changed_what_waits_goes_by_the_new_settings() {
    let mut bench = Bench::new();
    bench.switches("r", "paused");
    let waited = bench.events();
    let changed = json_lines("changed.jsonl", &["event-intrusion"], 1);
    bench.does("set_export", json!({"name": "r", "export": changed}));
    bench.switches("r", "on");
    bench.control.drained(INSTANCE, "r");
    let got = bench.sandbox.json_lines("changed.jsonl");
    let all = bench.sandbox.json_lines("events.jsonl");
    let expected: Vec<_> = all[..waited].iter().filter(|r| r["$id"] == "event-intrusion").collect();
    assert!(!expected.is_empty());
    assert_eq!(got.len(), expected.len());
    let ids = |records: &[&Value]| records.iter().map(|r| r["event_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&got.iter().collect::<Vec<_>>()), ids(&expected));
    assert!(got.iter().all(|record| record["$version"] == 1));
    assert!(!bench.sandbox.export("r.jsonl").exists());
}

#[test]
fn the_format_may_change_and_the_place_in_the_log_stays() {
    let mut bench = Bench::new();
    bench.switches("r", "paused");
    let waited = bench.events();
    let csv = json!({"uri": "csv:///r.csv", "config": {"schema_events": ["event-intrusion:2"]}});
    bench.does("set_export", json!({"name": "r", "export": csv}));
    bench.switches("r", "on");
    bench.control.drained(INSTANCE, "r");
    let intrusions = bench.sandbox.json_lines("events.jsonl")[..waited]
        .iter()
        .filter(|r| r["$id"] == "event-intrusion")
        .count();
    let text = std::fs::read_to_string(bench.sandbox.export("r.csv")).unwrap();
    assert_eq!(text.lines().count(), intrusions + 1, "a header and a row each");
    assert_eq!(bench.control.export(INSTANCE, "r")["format"], "csv");
}

#[test]
fn replayed_records_come_again_from_their_number_on() {
    let mut bench = Bench::new();
    let count = bench.events();
    bench.control.drained(INSTANCE, "r");
    let from = count - 5;
    let reply = bench.does("replay", json!({"from": from, "receiver": "r"}));
    assert_eq!(reply["count"], 5);
    bench.control.drained(INSTANCE, "r");
    assert_eq!(bench.sequences("r.jsonl"), [numbers(0, count), numbers(from, count)].concat());
    let error = bench.asks("replay", json!({"from": 1_000_000, "receiver": "r"})).unwrap_err();
    let expected = format!("record 1000000 is not in the log yet; the newest is {}", count - 1);
    assert_eq!(
        (error["kind"].as_str(), error["message"].as_str()),
        (Some("invalid"), Some(expected.as_str()))
    );
    let error = bench.asks("replay", json!({"from": 0, "receiver": "x"})).unwrap_err();
    assert_eq!(error["message"], "scene has no export `x`; it has: events, r");
}

#[test]
fn dead_letters_are_shown_sent_again_and_dropped_and_outlive_their_exporter() {
    let refusing = |sandbox: &Sandbox| {
        acknowledging_exporter(sandbox, "Picky", subscriptions(&EVENT_IDS, 2));
        // Refuses while the file `refuse` is there.
        sandbox.write(
            "data/exporters/Picky/keep.py",
            "import os, sys\n\
             out = open('seen.jsonl', 'ab')\n\
             for line in sys.stdin.buffer:\n\
             \x20   if os.path.exists('refuse'):\n\
             \x20       print('ERROR not today', flush=True)\n\
             \x20       continue\n\
             \x20   out.write(line)\n\
             \x20   out.flush()\n\
             \x20   print('OK', flush=True)\n",
        );
        sandbox.write("data/exporters/Picky/refuse", "");
    };
    let mut bench = Bench::with(json!({"Picky": {"enabled": true}}), refusing);
    let count = bench.events();
    bench.control.drained(INSTANCE, "Picky");
    let list = bench.does("dead_list", json!({}));
    assert_eq!(list[0]["letters"], count, "{list}");
    let shown = bench.does("dead_show", json!({"receiver": "Picky", "limit": 2}));
    assert_eq!(shown.as_array().unwrap().len(), 2);
    assert!(shown[0]["reason"].as_str().unwrap().contains("not today"), "{shown}");
    assert_eq!(shown[0]["items"][0]["json"]["sequence"], 0);

    // One is dropped, one sent again, and then all the others.
    let one = &shown[1]["letter"];
    assert_eq!(
        bench.does("dead_drop", json!({"receiver": "Picky", "letters": [shown[0]["letter"]]}))["count"],
        1
    );
    std::fs::remove_file(bench.sandbox.data().join("exporters/Picky/refuse")).unwrap();
    assert_eq!(bench.does("dead_resend", json!({"receiver": "Picky", "letters": [one]}))["count"], 1);
    let seen = |bench: &Bench| -> Vec<u64> {
        let lines = bench.sandbox.lines_of_exporter("Picky");
        lines.iter().map(|record| record["sequence"].as_u64().unwrap()).collect()
    };
    wait_until("one is sent again", || seen(&bench) == [1]);
    assert_eq!(bench.does("dead_resend", json!({"receiver": "Picky"}))["count"], count - 2);
    wait_until("the others are, too", || seen(&bench) == numbers(1, count));
    wait_until("none are left", || bench.does("dead_list", json!({})) == json!([]));

    // Letters of a deleted exporter stay.
    bench.sandbox.write("data/exporters/Picky/refuse", "");
    let more = bench.events() - count;
    bench.control.drained(INSTANCE, "Picky");
    bench.does("delete_export", json!({"name": "Picky"}));
    let list = bench.does("dead_list", json!({}));
    assert_eq!((list[0]["letters"].as_u64(), list[0]["deleted"].as_bool()), (Some(more as u64), Some(true)));
}
