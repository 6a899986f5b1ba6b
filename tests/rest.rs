//! REFERENCE "REST", path by path: what docs/compatibility.md promises to whoever has programs for the reference system.
//! What is made over these paths is looked at over them, and in the instance's file.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
};

use serde_json::{Value, json};
use watchpost_testkit::{wait_until, walk};

use crate::api::{ask, get, json, serve};

/// An instance that waits for posted detections, and the path to it.
fn made(address: SocketAddr, body: &Value) -> (String, String) {
    let made = json(address, "POST", "/v1/core/instance", body);
    assert_eq!(made.status, 201, "{}", made.json());
    let id = made.json()["instanceId"].as_str().unwrap().to_owned();
    (format!("/v1/core/instance/{id}"), id)
}

fn done(address: SocketAddr, path: &str) {
    assert_eq!(ask(address, "POST", path, &[], b"").status, 204, "{path}");
}

#[test]
fn instances_are_made_changed_and_driven_by_the_references_bodies() {
    let (_sandbox, _server, address) = serve();
    let body = json!({
        "name": "gate", "group": "north", "solution": "securt", "persistent": true, "frameRateLimit": 12.0,
        "metadataMode": true, "statisticsMode": false, "diagnosticsMode": true, "debugMode": false,
        "detectorMode": "SmartDetection", "detectionSensitivity": "Low", "movementSensitivity": "High",
        "sensorModality": "Thermal", "autoStart": false, "autoRestart": true, "inputOrientation": 1, "inputPixelLimit": 2_000_000,
    });
    let (base, id) = made(address, &body);
    for path in [base.clone(), format!("/v1/securt/instance/{id}")] {
        let shown = get(address, &path).json();
        for (key, value) in body.as_object().unwrap() {
            assert_eq!(&shown[key], value, "{key}: {shown}");
        }
        let read = [
            ("instanceId", json!(id)),
            ("displayName", json!("gate")),
            ("solutionId", json!("securt")),
            ("loaded", json!(true)),
            ("running", json!(false)),
            ("readOnly", json!(false)),
            ("systemInstance", json!(false)),
        ];
        for (key, value) in read {
            assert_eq!(shown[key], value, "{key}: {shown}");
        }
        assert!(shown["fps"].is_number() && shown["version"].is_string(), "{shown}");
    }
    // What is absent stays, whichever way it is changed.
    for (method, path, key, value) in [
        ("PUT", base.clone(), "name", json!("yard")),
        ("PATCH", base.clone(), "group", json!("south")),
        ("PUT", format!("/v1/securt/instance/{id}"), "frameRateLimit", json!(5.0)),
        ("PATCH", format!("/v1/securt/instance/{id}"), "debugMode", json!(true)),
    ] {
        assert_eq!(json(address, method, &path, &json!({key: value})).status, 204, "{method} {path}");
        assert_eq!(get(address, &base).json()[key], value);
    }
    assert_eq!(get(address, &base).json()["movementSensitivity"], "High");
    assert_eq!(json(address, "PATCH", &base, &json!({"frameRateLimit": -1})).status, 422);

    let source = json!({"type": "Manual", "uri": "ndjson+post://"});
    assert_eq!(json(address, "POST", &format!("{base}/input"), &source).status, 204);
    assert_eq!(
        json(address, "POST", &format!("{base}/input"), &json!({"type": "VHS", "uri": "x"})).status,
        422
    );
    let running = || get(address, &base).json()["running"] == true;
    done(address, &format!("{base}/load"));
    done(address, &format!("{base}/start"));
    wait_until("it runs", running);
    done(address, &format!("{base}/restart"));
    wait_until("it runs again", running);
    done(address, &format!("{base}/stop"));
    assert!(!running());
    done(address, &format!("{base}/start"));
    wait_until("it runs", running);
    done(address, &format!("{base}/unload"));
    assert!(!running());
    assert_eq!(get(address, &format!("{base}/state?path=state")).json()["jsonValue"], "\"stopped\"");
    let all = get(address, "/v1/core/instances").json();
    assert_eq!(all["instances"][0]["instanceId"], json!(id));

    let (other, _) = made(address, &json!({"name": "other"}));
    assert_eq!(ask(address, "DELETE", &other, &[], b"").status, 204);
    assert_eq!(ask(address, "DELETE", &format!("/v1/securt/instance/{id}"), &[], b"").status, 204);
    assert_eq!(get(address, "/v1/core/instances").json(), json!({"instances": []}));
    let by_securt = json(address, "POST", "/v1/securt/instance", &json!({"name": "third"}));
    assert_eq!(by_securt.status, 201);
}

/// The older instance file has a list of handlers (REFERENCE "Instance file"): what is set in it by path touches one.
#[test]
fn outputs_are_switched_in_a_map_and_in_the_older_list() {
    let (_sandbox, _server, address) = serve();
    let kept = |file: &str| json!({"uri": format!("json:///{file}.jsonl"), "sink": "output-tracks", "config": {"append_only": true}});
    let mut named = kept("list");
    named["name"] = "keep".into();
    for (name, handlers) in [("map", json!({"keep": kept("map")})), ("list", json!([named]))] {
        let document = json!({"DisplayName": name, "Input": {"uri": "ndjson+post://"}, "Output": {"handlers": handlers}});
        let added = json(address, "POST", "/api/v1/instances", &document);
        assert_eq!(added.status, 201, "{}", added.json());
        let id = added.json()["id"].as_str().unwrap().to_owned();
        let base = format!("/v1/core/instance/{id}");
        let rtsp = |enabled: bool| {
            let body = json!({"enabled": enabled, "uri": "rtsp://127.0.0.1:0/x"});
            assert_eq!(json(address, "POST", &format!("{base}/output/rtsp"), &body).status, 204);
        };
        rtsp(true);
        let hls = json(address, "POST", &format!("{base}/output/hls"), &json!({"enabled": true}));
        assert_eq!((hls.status, &hls.json()["uri"]), (200, &json!(format!("/hls/{id}.m3u8"))));
        let exports = || {
            let all = get(address, &format!("/api/v1/instances/{id}/exports")).json();
            let one =
                |export: &Value| (export["name"].as_str().unwrap().to_owned(), export["switch"].clone());
            all["exports"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
        };
        let expected = |rtsp: &str, hls: &str| {
            [("keep", "on"), ("rtsp:--127.0.0.1:0-x", rtsp), ("HLS", hls)]
                .map(|(name, is)| (name.to_owned(), json!(is)))
        };
        assert_eq!(exports(), expected("on", "on"), "{name}");
        rtsp(false);
        assert_eq!(
            json(address, "POST", &format!("{base}/output/hls"), &json!({"enabled": false})).status,
            204
        );
        assert_eq!(exports(), expected("off", "off"), "{name}");
        let config = |path: &str, value: &str| {
            json(address, "POST", &format!("{base}/config"), &json!({"path": path, "jsonValue": value}))
                .status
        };
        let path = "Output/handlers/rtsp:--127.0.0.1:0-x/enabled";
        assert_eq!(config(path, "true"), 204);
        assert_eq!(get(address, &format!("{base}/config?path={path}")).json()["jsonValue"], "true");
        assert_eq!(exports(), expected("on", "off"), "{name}");
        assert_eq!(config("Input/uri", "5"), 422);
        assert_eq!(config("Input/uri", "not json"), 422);
        assert_eq!(get(address, &format!("{base}/config?path=Input/nothing")).status, 404);
        assert_eq!(
            json(address, "POST", &format!("{base}/output/render_preset"), &json!({"presetName": "Default"}))
                .status,
            204
        );
        assert_eq!(
            get(address, &format!("{base}/config?path=Output/render_preset")).json()["jsonValue"],
            "\"Default\""
        );
    }
}

#[test]
fn areas_and_lines_of_every_kind_are_made_read_and_deleted() {
    let (_sandbox, _server, address) = serve();
    let (_, id) = made(address, &json!({"name": "gate"}));
    let base = format!("/v1/securt/instance/{id}");
    let square = json!([{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.5, "y": 0.9}]);
    let area = |more: Value| {
        let mut area = json!({"name": "Yard", "coordinates": square, "classes": ["Person", "Vehicle"],
            "ignoreStationaryObjects": true, "color": [1.0, 0.0, 0.0, 0.5]});
        area.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        area
    };
    let kinds = [
        (
            "crossing",
            json!({"areaEvent": "Exit"}),
            json!({"trigger_on_enter": false, "trigger_on_exit": true}),
        ),
        ("intrusion", json!({}), json!({"trigger_on_intrusion": true})),
        (
            "loitering",
            json!({"seconds": 7.0}),
            json!({"trigger_loitering": true, "loitering_min_duration": 7.0}),
        ),
        ("crowding", json!({"objectCount": 4}), json!({"trigger_crowding": true, "crowding_min_count": 4})),
        (
            "object_left",
            json!({"seconds": 3.0}),
            json!({"trigger_when": "object_left", "left_duration": 3.0}),
        ),
        (
            "object_removed",
            json!({"seconds": 2.0}),
            json!({"trigger_when": "object_removed", "removed_duration": 2.0}),
        ),
    ];
    let entities = || get(address, &format!("{base}/analytics_entities")).json();
    for (number, (kind, more, keys)) in kinds.into_iter().enumerate() {
        let added = json(address, "POST", &format!("{base}/area/{kind}"), &area(more.clone()));
        assert_eq!(added.status, 201, "{kind}: {}", added.json());
        let area_id = added.json()["areaId"].as_str().unwrap().to_owned();
        let entry = get(address, &format!("{base}/areas")).json()[&area_id].clone();
        for (key, value) in keys.as_object().unwrap() {
            assert_eq!(&entry[key], value, "{kind}: {entry}");
        }
        assert_eq!(
            (&entry["detect_people"], &entry["detect_animals"], &entry["ignore_stationary_objects"]),
            (&json!(true), &json!(false), &json!(true)),
            "{entry}"
        );
        // The same id once more: it is changed.
        let mut renamed = area(more);
        renamed["name"] = "Other".into();
        assert_eq!(json(address, "PUT", &format!("{base}/area/{kind}/{area_id}"), &renamed).status, 204);
        let areas = get(address, &format!("{base}/areas")).json();
        assert_eq!(
            (areas.as_object().unwrap().len(), &areas[&area_id]["name"]),
            (number + 1, &json!("Other"))
        );
        let list = ["crossing", "intrusion", "loitering", "crowding", "objectLeft", "objectRemoved"][number];
        let told = &entities()[format!("{list}Areas")][0];
        assert_eq!((&told["id"], &told["coordinates"]), (&json!(area_id), &square), "{told}");
    }
    let own = "8a329a3f-d9fc-e038-3435-676656695b07";
    assert_eq!(json(address, "PUT", &format!("{base}/area/crossing/{own}"), &area(json!({}))).status, 204);
    assert_eq!(ask(address, "DELETE", &format!("{base}/area/{own}"), &[], b"").status, 204);
    assert_eq!(ask(address, "DELETE", &format!("{base}/area/{own}"), &[], b"").status, 404);
    for (kind, body, status) in [
        ("nothing", area(json!({})), 404),
        ("crossing", area(json!({"classes": ["Robot"]})), 422),
        ("crossing", area(json!({"coordinates": [{"x": 0, "y": 0}]})), 422),
        (
            "crossing",
            area(json!({"coordinates": [{"x": 0, "y": 0}, {"x": 2, "y": 0}, {"x": 0, "y": 1}]})),
            422,
        ),
        ("crossing", area(json!({"color": [255, 0, 0, 1]})), 422),
        ("crossing", area(json!({"areaEvent": "Sometimes"})), 422),
    ] {
        let refused = json(address, "POST", &format!("{base}/area/{kind}"), &body);
        assert_eq!(refused.status, status, "{body}: {}", refused.json());
    }
    let line = json!({"name": "Door", "coordinates": [{"x": 0.1, "y": 0.5}, {"x": 0.9, "y": 0.5}], "direction": "Up",
        "classes": ["Person"], "seconds": 2.0});
    for (kind, keys) in [
        ("crossing", json!({"trigger_crossing": true, "direction": "Up"})),
        ("tailgating", json!({"trigger_tailgating": true, "tailgating_maximum_crossing_elapsed": 2.0})),
    ] {
        let added = json(address, "POST", &format!("{base}/line/{kind}"), &line);
        assert_eq!(added.status, 201, "{}", added.json());
        let line_id = added.json()["lineId"].as_str().unwrap().to_owned();
        let entry = get(address, &format!("{base}/lines")).json()[&line_id].clone();
        for (key, value) in keys.as_object().unwrap() {
            assert_eq!(&entry[key], value, "{kind}: {entry}");
        }
        assert_eq!(json(address, "PUT", &format!("{base}/line/{kind}/{line_id}"), &line).status, 204);
        assert_eq!(entities()[format!("{kind}Lines")][0]["id"], json!(line_id));
    }
    let mut sideways = line;
    sideways["direction"] = "Sideways".into();
    let refused = json(address, "POST", &format!("{base}/line/crossing"), &sideways);
    assert!(
        refused.status == 422 && refused.json()["detail"].as_str().unwrap().contains("Both"),
        "{}",
        refused.json()
    );
    for list in ["areas", "lines"] {
        assert!(!get(address, &format!("{base}/{list}")).json().as_object().unwrap().is_empty());
        assert_eq!(ask(address, "DELETE", &format!("{base}/{list}"), &[], b"").status, 204);
        assert_eq!(get(address, &format!("{base}/{list}")).json(), json!({}));
    }
}

/// PRODUCT 12: `consume_events` is a receiver. What came between two polls is there after a `kill -9`, too.
#[test]
fn polled_records_outlive_the_server() {
    let (sandbox, server, address) = serve();
    let middle =
        json!([{"x": 0.3, "y": 0.0}, {"x": 0.7, "y": 0.0}, {"x": 0.7, "y": 1.0}, {"x": 0.3, "y": 1.0}]);
    let document = json!({"DisplayName": "gate", "AutoStart": true, "Input": {"uri": "ndjson+post://"},
        "Zone": {"Zones": {"a": {"name": "Yard", "vertices": middle, "trigger_on_enter": true}}},
        "Output": {"handlers": {"events": {"uri": "json:///events.jsonl", "sink": "",
            "config": {"schema_events": ["event-area-enter:2"], "append_only": true, "minify": true}}}}});
    assert_eq!(json(address, "POST", "/api/v1/instances", &document).status, 201);
    wait_until("it runs", || get(address, "/api/v1/instances/gate").json()["state"] == "running");
    let post = |address: SocketAddr, track: &str, from: u64| {
        let body = walk(track, from..from + 40);
        assert_eq!(
            ask(address, "POST", "/v1/core/instance/gate/detections", &[], body.as_bytes()).status,
            200
        );
    };
    let poll = |address: SocketAddr| {
        let polled = get(address, "/v1/core/instance/gate/consume_events");
        let all = if polled.status == 200 { polled.json() } else { json!([]) };
        let enters = all.as_array().unwrap().iter().filter(|event| event["dataType"] == "event-area-enter");
        enters
            .map(|event| serde_json::from_str::<Value>(event["jsonObject"].as_str().unwrap()).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(poll(address).len(), 0, "it begins here");
    let written = |count: usize| {
        wait_until("the event is written", || sandbox.json_lines_so_far("events.jsonl").len() == count);
    };
    post(address, "one", 0);
    written(1);
    let mut seen = Vec::new();
    wait_until("it is polled", || {
        seen.extend(poll(address));
        !seen.is_empty()
    });
    post(address, "two", 100);
    written(2);
    server.kill();
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    wait_until("what came before is polled", || {
        seen.extend(poll(address));
        seen.len() >= 2
    });
    assert_eq!(poll(address).len(), 0);
    // What the file had beyond its cursor was cut and is written once more.
    written(2);
    let events = sandbox.json_lines("events.jsonl");
    let ids = |events: &[Value]| events.iter().map(|event| event["event_id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&seen), ids(&events), "each once, in order");
}

#[test]
fn records_follow_each_other_as_server_sent_events_and_the_system_tells_of_itself() {
    let (_sandbox, _server, address) = serve();
    let (base, id) = made(address, &json!({"name": "gate", "autoStart": true, "debugMode": true}));
    let source = json!({"type": "Manual", "uri": "ndjson+post://"});
    assert_eq!(json(address, "POST", &format!("{base}/input"), &source).status, 204);
    done(address, &format!("{base}/start"));
    wait_until("it runs", || get(address, &base).json()["running"] == true);
    let middle =
        json!([{"x": 0.3, "y": 0.0}, {"x": 0.7, "y": 0.0}, {"x": 0.7, "y": 1.0}, {"x": 0.3, "y": 1.0}]);
    let area = json!({"name": "yard", "coordinates": middle, "areaEvent": "Enter"});
    assert_eq!(json(address, "POST", &format!("/v1/securt/instance/{id}/area/crossing"), &area).status, 201);

    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(watchpost_testkit::PATIENCE)).unwrap();
    write!(stream, "GET {base}/consume_events_sse HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.is_empty()), "the head ends");
    let frames = walk("a", 0..40);
    assert_eq!(ask(address, "POST", &format!("{base}/detections"), &[], frames.as_bytes()).status, 200);
    // `id:` a place, `event:` the type, `data:` a record of version 1 in one line.
    let (mut place, mut kind, mut places) = (String::new(), String::new(), Vec::new());
    let entered = lines.find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        match key {
            "id" => place = value.to_owned(),
            "event" => kind = value.to_owned(),
            "data" => {
                places.push(place.clone());
                let record: Value = serde_json::from_str(value).unwrap();
                assert_eq!((&record["$id"], &record["$version"]), (&json!(kind), &json!(1)));
                return (kind == "event-area-enter").then_some(record);
            }
            _ => {}
        }
        None
    });
    assert_eq!(entered.unwrap()["area_name"], "yard");
    let mut all = places.clone();
    all.dedup();
    assert_eq!(all, places, "each has a place of its own");

    assert_eq!(
        get(address, &format!("{base}/frame")).json(),
        json!({"frame": "", "running": true}),
        "no picture comes"
    );
    let version = get(address, "/v1/core/version").json();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(get(address, "/v1/core/solutions").json()["solutions"][0]["solutionId"], "securt");
    let info = get(address, "/v1/core/system/info").json();
    assert!(info["uptimeSeconds"].is_u64() && info["version"] == version["version"], "{info}");
    let log = get(address, "/v1/core/log?limit=5").json();
    assert!(!log["lines"].as_array().unwrap().is_empty(), "{log}");
    let fields = get(address, "/v1/core/system/config").json();
    for field in fields["systemConfig"].as_array().unwrap() {
        for key in ["fieldId", "displayName", "type", "value", "group", "availableValues"] {
            assert!(field.get(key).is_some(), "{key}: {field}");
        }
    }
    let body = json!({"systemConfig": [{"fieldId": "exporters/JSONExport/folder", "value": "there"}]});
    assert_eq!(json(address, "PUT", "/v1/core/system/config", &body).status, 204);
}
