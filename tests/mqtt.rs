//! PRODUCT 10 to 12 for MQTT, against Debian's Mosquitto: whatever the broker does, every record reaches it, in
//! order, and the export says what it waits for.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_testkit::{
    Control, Random, Sandbox, Watchpost,
    mosquitto::{Mosquitto, Subscriber, free_port},
    scene::{EVENT_IDS, scene, walkers},
    wait_until,
};

#[path = "mqtt/faults.rs"]
mod faults;
#[path = "mqtt/home.rs"]
mod home;
#[path = "mqtt/refusals.rs"]
mod refusals;
#[path = "mqtt/session.rs"]
mod session;
#[path = "mqtt/tls.rs"]
mod tls;

const NAME: &str = "Gate";

/// A handler that publishes the area's events as version 2 to `topic`, with `config` merged in.
fn handler(port: u16, topic: &str, config: Value) -> Value {
    let events: Vec<_> = EVENT_IDS.iter().map(|id| format!("{id}:2")).collect();
    let mut handler = json!({
        "uri": format!("mqtt://127.0.0.1:{port}/{topic}"), "sink": "",
        "config": {"schema_events": events, "keep_alive_s": 15},
    });
    for (key, value) in config.as_object().unwrap() {
        handler["config"][key] = value.clone();
    }
    handler
}

/// An instance fed through STDIN, whose events go to `events.jsonl` and to `handlers`.
fn document(handlers: Value) -> Value {
    let mut document = scene("ndjson://-", 2, json!({"handlers": handlers}));
    (document["DisplayName"], document["AutoStart"]) = (NAME.into(), true.into());
    document
}

/// A server with one such instance.
struct Rig {
    sandbox: Sandbox,
    server: Watchpost,
    control: Control,
    frame: u64,
}

impl Rig {
    fn serve(sandbox: Sandbox, handlers: Value) -> Self {
        sandbox.write("data/instances/gate.json", document(handlers).to_string());
        let server = sandbox.spawn(&["serve"]);
        let control = Control::connect(&sandbox);
        Self { sandbox, server, control, frame: 0 }
    }

    fn feed(&mut self, frames: u64) {
        for _ in 0..frames {
            assert!(self.server.feed(walkers(10).line(self.frame).as_bytes()), "{}", self.stderr());
            self.frame += 1;
        }
    }

    fn export(&mut self) -> Value {
        self.control.export(NAME, "mqtt")
    }

    /// Waits until the export is in `state` over something that holds `problem`.
    fn is(&mut self, state: &str, problem: &str) -> Value {
        let mut shown = Value::Null;
        wait_until(&format!("{state}: {problem}"), || {
            shown = self.control.export(NAME, "mqtt");
            shown["state"] == state && shown["problem"].as_str().unwrap_or_default().contains(problem)
        });
        shown
    }

    /// The source ends, and everything is delivered; the events that the file export has.
    fn drained(&mut self) -> Vec<Value> {
        self.server.close_stdin();
        wait_until("the source ends", || self.control.instance(NAME)["state"] == "finished");
        self.control.drained(NAME, "events");
        self.control.drained(NAME, "mqtt");
        self.sandbox.json_lines("events.jsonl")
    }

    fn stderr(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("stderr.log")).unwrap()
    }

    /// Processor time of Watchpost so far.
    fn cpu(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Duration::from_millis(ticks * 10)
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

fn broker(sandbox: &Sandbox, config: &str) -> Mosquitto {
    Mosquitto::start(&sandbox.path().join("broker"), config)
}

const OPEN: &str = "allow_anonymous true\n";

fn sequences(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect()
}

/// The numbers in topics `w/<sequence>`.
fn numbers<'a>(topics: impl IntoIterator<Item = &'a str>) -> Vec<u64> {
    topics.into_iter().filter_map(|topic| topic.strip_prefix("w/")?.parse().ok()).collect()
}

/// Each of `expected` came, and for the first time in their order: what was sent again came before anything newer.
fn all_in_order(came: &[u64], expected: &[u64]) {
    let mut seen = std::collections::BTreeSet::new();
    let first: Vec<u64> = came.iter().copied().filter(|number| seen.insert(*number)).collect();
    assert!(expected.len() > 50, "only {}: the test proves nothing", expected.len());
    assert_eq!(first, expected);
}

#[test]
fn what_is_emitted_is_what_a_subscriber_gets() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let subscriber = Subscriber::start(sandbox.path(), &broker, &["all/#", "two/#", "old", "tracks"], &[]);
    let mut tracks = handler(broker.port, "tracks", json!({"retain": true, "expiry_s": 60}));
    (tracks["sink"], tracks["config"]["schema_events"]) = ("output-tracks".into(), json!({}));
    let handlers = json!({
        "mqtt": handler(broker.port, "all/{obj.area.name}/{obj.$id}", json!({})),
        "zero": handler(broker.port, "zero", json!({"qos": 0, "minify": false})),
        "two": handler(broker.port, "x", json!({"qos": 2, "topic": "two/{instance.name|lower}"})),
        "old": handler(broker.port, "old", json!({"version": "3.1.1"})),
        "tracks": tracks,
    });
    let mut rig = Rig::serve(sandbox, handlers);
    for name in ["mqtt", "zero", "two", "old", "tracks"] {
        rig.control.reaches(NAME, name, "running");
    }
    rig.feed(800);
    let events = rig.drained();
    for name in ["zero", "two", "old", "tracks"] {
        rig.control.drained(NAME, name);
    }
    assert!(events.len() > 100, "only {}: the test proves nothing", events.len());

    let mut came = Vec::new();
    wait_until("all have come", || {
        came = subscriber.messages();
        let count = |topic: &str| came.iter().filter(|message| message.topic.starts_with(topic)).count();
        ["all/", "two/", "old"].iter().all(|topic| count(topic) >= events.len()) && count("tracks") >= 800
    });
    let all = |topic: &str| -> Vec<_> {
        came.iter().filter(|message| message.topic.starts_with(topic)).cloned().collect()
    };
    for (topic, qos) in [("all/", 1), ("two/gate", 2), ("old", 1)] {
        let messages = all(topic);
        let records: Vec<Value> = messages
            .iter()
            .map(|message| {
                let group: Vec<Value> = serde_json::from_str(&message.payload).unwrap();
                assert_eq!((group.len(), message.qos, message.retained), (1, qos, false));
                group.into_iter().next().unwrap()
            })
            .collect();
        assert_eq!(records, events, "{topic}: the same, once, in the same order");
        let properties = if topic == "old" {
            String::new()
        } else {
            format!("schema:{}:2", records[0]["$id"].as_str().unwrap())
        };
        assert_eq!(messages[0].properties, properties, "{topic}");
    }
    for message in all("all/") {
        let record: Vec<Value> = serde_json::from_str(&message.payload).unwrap();
        assert_eq!(message.topic, format!("all/middle/{}", record[0]["$id"].as_str().unwrap()));
    }
    // Indented payloads have lines of their own in the subscriber's file; the broker's log has their number.
    let zero: Vec<_> = broker.published().into_iter().filter(|one| one.topic == "zero").collect();
    assert_eq!((zero.len(), zero[0].qos), (events.len(), 0));
    let objects = all("tracks");
    assert_eq!((objects.len(), objects[0].properties.as_str()), (800, "stream:output-tracks"));
    assert!(objects[0].expiry.parse::<u32>().is_ok_and(|left| left <= 60), "{:?}", objects[0]);
    for (frame, object) in objects.iter().enumerate() {
        let object: Value = serde_json::from_str(&object.payload).unwrap();
        assert_eq!(object["frame_id"], frame, "a stream's object as it is");
    }
    let retained = Subscriber::start(rig.sandbox.path(), &broker, &["tracks"], &[]);
    wait_until("the retained one", || !retained.messages().is_empty());
    let last: Value = serde_json::from_str(&retained.messages()[0].payload).unwrap();
    assert_eq!((last["frame_id"].as_u64(), retained.messages()[0].retained), (Some(799), true));
    let exports = rig.control.instance(NAME)["exports"].as_array().unwrap().clone();
    assert!(exports.iter().all(|export| export["refused"] == 0 && export["retried"] == 0), "{exports:?}");
}
