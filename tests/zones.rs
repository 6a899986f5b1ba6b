//! PRODUCT 5 and 7: tailgating and objects left or removed, from the keys of an instance file to records in both
//! versions and the older envelope; and over a crash.

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    scene::{json_lines, scene, uri_of, walkers},
    wait_until,
};

const START_MS: i64 = 1_780_000_000_000;
const STEP_MS: i64 = 100;

/// A frame in which walkers go over the line in the middle at these moments, and a bag lies about between two others.
fn line(frame: i64, crossings: &[(&str, f64, i64)], bag: std::ops::Range<i64>) -> String {
    let at = frame * STEP_MS;
    let thing = |label: &str, id: &str, x: f64, y: f64| json!({"label": label, "confidence": 0.9, "track_id": id, "x": x - 0.02, "y": y - 0.1, "width": 0.04, "height": 0.1});
    let mut seen: Vec<Value> = Vec::new();
    for (id, x, when) in crossings {
        // Two seconds of waiting, two of walking.
        if at >= when - 3000 && at < when + 3000 {
            let share = ((at - (when - 1000)) as f64 / 2000.0).clamp(0.0, 1.0);
            seen.push(thing("person", id, *x, 0.3 + 0.4 * share));
        }
    }
    if bag.contains(&at) {
        seen.push(thing("suitcase", "bag", 0.85, 0.6));
    }
    format!("{}\n", json!({"frame_id": frame, "timestamp_ms": START_MS + at, "detections": seen}))
}

fn instance(uri: &str) -> Value {
    let ids = ["event-tailgating", "event-object-left-removed"];
    let output = json!({"handlers": {
        "events": json_lines("events.jsonl", &ids, 2),
        "old": json_lines("old.jsonl", &ids, 1),
        "envelope": {"uri": "json:///envelope.jsonl", "sink": "eventsExport", "enabled": true,
                     "config": {"append_only": true, "minify": true}},
    }});
    let mut document = scene(uri, 2, output);
    let hall = |when: &str| {
        json!({"name": when, "vertices": [{"x": 0.7, "y": 0.2}, {"x": 1.0, "y": 0.2}, {"x": 1.0, "y": 0.9}, {"x": 0.7, "y": 0.9}],
               "trigger_when": when, "left_duration": 5.0, "removed_duration": 3.0})
    };
    document["Zone"]["Zones"] = json!({"left": hall("object_left"), "removed": hall("object_removed")});
    document["Input"]["labels"] = json!({"suitcase": "Unknown"});
    document["Tripwire"] = json!({"Tripwires": {"door": {
        "name": "door", "vertices": [{"x": 0.1, "y": 0.5}, {"x": 0.6, "y": 0.5}],
        "trigger_tailgating": true, "tailgating_maximum_crossing_elapsed": 2.0
    }}});
    document
}

#[test]
fn tailgating_and_things_left_and_removed_are_told_in_every_form() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let crossings = [("a", 0.2, 10_000), ("b", 0.3, 11_000), ("c", 0.4, 20_000)];
    let lines: String = (0..450).map(|frame| line(frame, &crossings, 5_000..30_000)).collect();
    let uri = uri_of(&sandbox.write("scene.ndjson", lines));
    sandbox.instance(&instance(&uri));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);

    let told = sandbox.json_lines("events.jsonl");
    let ids: Vec<_> = told.iter().map(|event| event["$id"].as_str().unwrap()).collect();
    // In the order in which it happens: the bag at 10 s, the second walker at 11 s, the bag again at 33 s.
    assert_eq!(ids, ["event-object-left-removed", "event-tailgating", "event-object-left-removed"]);
    let (left, tailgating, removed) = (&told[0], &told[1], &told[2]);
    assert_eq!((&left["object_state"], &left["area"]["name"]), (&json!("left"), &json!("object_left")));
    assert_eq!(
        (&removed["object_state"], &removed["area"]["name"]),
        (&json!("removed"), &json!("object_removed"))
    );
    assert_eq!(left["tracking_id"], removed["tracking_id"]);
    assert_eq!(left["object_class"], "Unknown");
    assert_eq!((&tailgating["line"]["name"], &tailgating["direction"]), (&json!("door"), &json!("down")));
    let interval = tailgating["time_interval_ms"].as_i64().unwrap();
    assert!((900..=1100).contains(&interval), "{interval}");
    assert_ne!(tailgating["first_tracking_id"], tailgating["tracking_id"]);

    let old = sandbox.json_lines("old.jsonl");
    assert_eq!(old.len(), 3);
    assert_eq!((&old[0]["object_state"], &old[0]["area_name"]), (&json!("left"), &json!("object_left")));
    assert_eq!(old[1]["time_interval_ms"], tailgating["time_interval_ms"]);
    assert_eq!(old[1]["first_tracking_id"], tailgating["first_tracking_id"]);
    assert_eq!(old[1]["tripwire_name"], "door");

    let envelopes = sandbox.json_lines("envelope.jsonl");
    let labels: Vec<_> = envelopes
        .iter()
        .flat_map(|envelope| envelope["events"].as_array().unwrap())
        .map(|event| (event["type"].as_str().unwrap(), event["label"].as_str().unwrap()))
        .collect();
    let expected = [
        ("object_left", "Object left"),
        ("tripwire_tailgating", "Tailgating"),
        ("object_removed", "Object removed"),
    ];
    assert_eq!(labels, expected);
}

/// None of them has an end, so nothing is open after a crash; and nobody follows over it.
#[test]
fn a_crash_tells_nothing_twice_and_nobody_follows_over_it() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut document = instance("ndjson://-");
    document["Input"]["pace"] = "fast".into();
    sandbox.instance(&document);
    let crossings = [("a", 0.2, 10_000), ("b", 0.3, 11_000), ("c", 0.4, 12_500)];
    let feed = |frames: std::ops::Range<i64>| -> Vec<u8> {
        frames.map(|frame| line(frame, &crossings, 1_000..60_000)).collect::<String>().into()
    };
    let mut first = sandbox.spawn(&["run", "instance.json"]);
    assert!(first.feed(&feed(0..120)));
    wait_until("both are told", || sandbox.json_lines_so_far("events.jsonl").len() == 2);
    first.kill();
    let mut second = sandbox.spawn(&["run", "instance.json"]);
    // The third crosses 1.5 s after the second; the bag lies there still, and is told once more by a new track.
    assert!(second.feed(&feed(120..300)));
    second.close_stdin();
    assert!(second.finish().success());
    let told: Vec<_> = sandbox
        .json_lines("events.jsonl")
        .iter()
        .map(|event| (event["$id"].as_str().unwrap().to_owned(), event["sequence"].as_u64().unwrap()))
        .collect();
    let (bag, behind) = ("event-object-left-removed".to_owned(), "event-tailgating".to_owned());
    assert_eq!(told, [(bag.clone(), 0), (behind, 1), (bag, 2)]);
}

/// PRODUCT 5, "Every start has exactly one end": what a crash left open is ended before anything new, and who is still
/// there is told anew; who had crossed has not crossed again.
#[test]
fn after_a_crash_each_start_has_exactly_one_end_and_no_crossing_comes_twice() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let ids = [
        "event-area-enter",
        "event-area-exit",
        "event-intrusion",
        "event-intrusion-end",
        "event-loitering",
        "event-loitering-end",
        "event-crowd-detection",
        "event-line-crossing",
    ];
    let tracks = json!({"uri": "json:///tracks.jsonl", "sink": "output-tracks", "config": {"append_only": true, "minify": true}});
    let handlers = json!({"events": json_lines("events.jsonl", &ids, 2), "tracks": tracks});
    let mut document = scene("ndjson://-", 2, json!({"handlers": handlers}));
    document["Input"]["pace"] = "fast".into();
    for zone in document["Zone"]["Zones"].as_object_mut().unwrap().values_mut() {
        zone["trigger_loitering"] = true.into();
        zone["loitering_min_duration"] = 2.0.into();
        zone["trigger_crowding"] = true.into();
        zone["crowding_min_count"] = 2.into();
    }
    document["Tripwire"] = json!({"Tripwires": {"door": {
        "name": "door", "vertices": [{"x": 0.3, "y": 0.0}, {"x": 0.3, "y": 1.0}], "trigger_crossing": true,
    }}});
    sandbox.instance(&document);
    // One walks over the line and into the area in the first four seconds, the other is in it.
    let feed = |frames: std::ops::Range<i64>| -> Vec<u8> {
        let line = |frame: i64| {
            let x = 0.1 + 0.4 * (frame as f64 / 40.0).min(1.0);
            let person = |id: &str, x: f64| json!({"label": "person", "confidence": 0.9, "track_id": id, "x": x, "y": 0.4, "width": 0.04, "height": 0.1});
            let seen = if frame < 240 { vec![person("a", x), person("b", 0.6)] } else { vec![] };
            format!(
                "{}\n",
                json!({"frame_id": frame, "timestamp_ms": START_MS + frame * STEP_MS, "detections": seen})
            )
        };
        frames.map(line).collect::<String>().into()
    };
    let told = || -> Vec<String> {
        let events = sandbox.json_lines_so_far("events.jsonl");
        events.iter().map(|event| event["$id"].as_str().unwrap().replacen("event-", "", 1)).collect()
    };
    let mut first = sandbox.spawn(&["run", "instance.json"]);
    assert!(first.feed(&feed(0..120)));
    let before = [
        "area-enter",
        "area-enter",
        "crowd-detection",
        "intrusion",
        "intrusion",
        "line-crossing",
        "loitering",
        "loitering",
    ];
    wait_until("everything has begun", || {
        let mut told = told();
        told.sort_unstable();
        told == before
    });
    wait_until("all frames are looked at", || {
        sandbox.json_lines_so_far("tracks.jsonl").last().is_some_and(|object| object["frame_id"] == 119)
    });
    first.kill();
    let mut second = sandbox.spawn(&["run", "instance.json"]);
    assert!(second.feed(&feed(120..300)));
    second.close_stdin();
    assert!(second.finish().success());

    let events = sandbox.json_lines("events.jsonl");
    let mut left_open: Vec<_> = told()[8..12].to_vec();
    left_open.sort_unstable();
    assert_eq!(left_open, ["intrusion-end", "intrusion-end", "loitering-end", "loitering-end"]);
    for end in &events[8..12] {
        // Where each was last seen, as of a second before the crash at the earliest.
        let at_ms = end["system_timestamp"].as_i64().unwrap() - START_MS;
        assert!((10_900..12_000).contains(&at_ms), "{end}");
        let start = events[..8].iter().find(|start| start["event_id"] == end["ref_event_id"]).unwrap();
        assert_eq!((&start["tracking_id"], &start["area"]), (&end["tracking_id"], &end["area"]));
        assert_eq!(
            end["duration_ms"].as_f64().unwrap().round(),
            end["frame_time"].as_f64().unwrap() - start["frame_time"].as_f64().unwrap()
        );
    }
    let mut anew = told()[12..].to_vec();
    anew.sort_unstable();
    assert_eq!(
        anew,
        [
            "area-enter",
            "area-enter",
            "area-exit",
            "area-exit",
            "crowd-detection",
            "intrusion",
            "intrusion",
            "intrusion-end",
            "intrusion-end",
            "loitering",
            "loitering",
            "loitering-end",
            "loitering-end",
        ]
    );
    let all = |id: &str, key: &str| -> Vec<String> {
        let of = events.iter().filter(|event| event["$id"] == id);
        let mut all: Vec<_> = of.map(|event| event[key].as_str().unwrap().to_owned()).collect();
        all.sort_unstable();
        all
    };
    for what in ["event-intrusion", "event-loitering"] {
        assert_eq!(all(what, "event_id"), all(&format!("{what}-end"), "ref_event_id"), "{what}");
    }
    let numbers: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
}

/// PAGE "Analytics", the dry count: areas that are not saved, tried on the tracks of the last minute.
#[test]
fn areas_that_are_not_saved_are_tried_on_the_last_minute() {
    use crate::api;
    let (_sandbox, _server, address) = api::serve();
    let document = scene("ndjson+post://", 2, json!({}));
    assert_eq!(api::json(address, "POST", "/api/v1/instances", &document).status, 201);
    let path = "/api/v1/instances/scene/analytics-test";
    let drawn = |seconds: u64| {
        let mut body = json!({"Zone": document["Zone"], "seconds": seconds, "Tripwire": {"Tripwires": {"door": {
            "vertices": [{"x": 0.3, "y": 0.0}, {"x": 0.3, "y": 1.0}], "trigger_crossing": true,
        }}}});
        // Another than what is saved, by its place.
        body["Zone"]["Zones"]["8a329a3f-d9fc-4038-b435-676656695b07"] = json!({"vertices": [{"x": 0.0, "y": 0.0}, {"x": 0.1, "y": 0.0}, {"x": 0.0, "y": 0.1}],
                   "trigger_on_enter": true, "trigger_when": "object_left"});
        body
    };
    let before = api::json(address, "POST", path, &drawn(60)).json();
    assert_eq!((&before["frames"], &before["seconds"]), (&json!(0), &json!(0.0)), "{before}");
    assert_eq!(api::ask(address, "POST", "/api/v1/instances/scene/start", &[], b"").status, 200);
    wait_until("it runs", || api::get(address, "/api/v1/instances/scene").json()["state"] == "running");
    let script = walkers(200);
    let frames: String = (0..2001).map(|frame| script.line(frame)).collect();
    let posted = api::ask(address, "POST", "/v1/core/instance/scene/detections", &[], frames.as_bytes());
    assert_eq!(posted.json()["accepted"], 2001);
    wait_until("all are analysed", || {
        api::get(address, "/api/v1/instances/scene").json()["analysed"] == 2001
    });

    let all = api::json(address, "POST", path, &drawn(60)).json();
    assert_eq!((&all["frames"], &all["seconds"]), (&json!(2001), &json!(20.0)), "{all}");
    // What was saved all along has told the very same.
    let told = api::get(address, "/api/v1/events?limit=200").json();
    let mut counted = std::collections::BTreeMap::<&str, u64>::new();
    for event in told["events"].as_array().unwrap() {
        *counted.entry(event["record"]["$id"].as_str().unwrap()).or_default() += 1;
    }
    assert!(counted["event-area-enter"] >= 8, "{counted:?}");
    let middle = "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01";
    assert_eq!(all["counts"][middle], json!(counted));
    let corner = "8a329a3f-d9fc-4038-b435-676656695b07";
    assert_eq!((&all["counts"][corner], &all["estimated"]), (&json!({}), &json!([corner])));
    let door =
        all["counts"].as_object().unwrap().iter().find(|(id, _)| ![middle, corner].contains(&id.as_str()));
    assert_eq!(door.unwrap().1, &json!({"event-line-crossing": counted["event-area-enter"]}));

    let five = api::json(address, "POST", path, &drawn(5)).json();
    assert_eq!((&five["frames"], &five["seconds"]), (&json!(501), &json!(5.0)));
    assert!((1..=3).contains(&five["counts"][middle]["event-area-enter"].as_u64().unwrap()), "{five}");
    let saved = api::get(address, "/api/v1/instances/scene/document").json();
    assert!(saved["Tripwire"].is_null(), "{saved}");
    let mut wrong = drawn(60);
    wrong["Zone"]["Zones"][middle]["vertices"] = json!([{"x": 2, "y": 0}]);
    let refused = api::json(address, "POST", path, &wrong);
    assert_eq!(refused.status, 422);
    assert_eq!(refused.json()["problems"][0]["path"], format!("/Zone/Zones/{middle}/vertices"));
    assert_eq!(api::json(address, "POST", path, &json!({"seconds": 61})).status, 422);
}
