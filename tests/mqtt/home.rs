//! Home Assistant's MQTT discovery: entities, their states, and whether they are available, as a broker keeps them.

use std::{collections::BTreeMap, process::Command};

use super::*;

/// What the broker keeps: topic → payload, once `is_so`.
fn kept(
    broker: &Mosquitto,
    what: &str,
    is_so: impl Fn(&BTreeMap<String, Value>) -> bool,
) -> BTreeMap<String, Value> {
    let port = broker.port.to_string();
    let mut kept = BTreeMap::new();
    wait_until(what, || {
        let mut command = Command::new("mosquitto_sub");
        command.args([
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-V",
            "5",
            "--retained-only",
            "-W",
            "1",
            "-F",
            "%t\t%p",
        ]);
        let said = command.args(["-t", "homeassistant/#", "-t", "watchpost/#"]).output().unwrap().stdout;
        let lines = String::from_utf8(said).unwrap();
        let payload = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
        let of = |line: &str| line.split_once('\t').map(|(topic, text)| (topic.to_owned(), payload(text)));
        kept = lines.lines().filter_map(of).collect();
        is_so(&kept)
    });
    kept
}

/// The payload of the one topic that begins and ends so.
fn one<'k>(kept: &'k BTreeMap<String, Value>, begin: &str, end: &str) -> &'k Value {
    let mut found = kept.iter().filter(|(topic, _)| topic.starts_with(begin) && topic.ends_with(end));
    let (_, payload) = found.next().unwrap_or_else(|| panic!("no {begin}...{end}: {kept:#?}"));
    assert!(found.next().is_none(), "{kept:#?}");
    payload
}

#[test]
fn home_assistant_finds_areas_and_their_states_whatever_happens_to_the_broker() {
    let sandbox = sandbox();
    let mut broker = broker(&sandbox, OPEN);
    let seen = Subscriber::start(sandbox.path(), &broker, &["watchpost/#"], &[]);
    let handlers = json!({"mqtt": handler(broker.port, "events", json!({"home_assistant": {}}))});
    let mut rig = Rig::serve(sandbox, handlers);
    rig.is("running", "");
    rig.feed(600);
    rig.control.drained(NAME, "mqtt");
    let is_told = |kept: &BTreeMap<String, Value>| kept.len() >= 3;
    let before = kept(&broker, "entity, state and availability", is_told);
    let entity = one(&before, "homeassistant/binary_sensor/", "/config");
    assert_eq!((&entity["name"], &entity["device"]["name"]), (&json!("middle"), &json!(NAME)));
    let (state, availability) =
        (entity["state_topic"].as_str().unwrap(), entity["availability_topic"].as_str().unwrap());
    assert_eq!(before[state]["state"], "ON", "somebody is in it");
    assert_eq!(before[availability], "online");

    // It comes back without its state: all is said again, before anything new happens.
    broker.restart();
    let after = kept(&broker, "the broker knows it again", is_told);
    assert_eq!(one(&after, "homeassistant/binary_sensor/", "/config"), entity);
    assert_eq!((&after[state]["state"], &after[availability]), (&json!("ON"), &json!("online")));

    // Nobody walks any more, and the area is left: what is counted open is what the events say.
    rig.drained();
    let count = |events: &[Value], id: &str| events.iter().filter(|event| event["$id"] == id).count();
    wait_until("every start has its end", || {
        let events = rig.sandbox.json_lines("events.jsonl");
        count(&events, "event-intrusion") == count(&events, "event-intrusion-end")
    });
    kept(&broker, "it is left", |kept| kept.get(state).is_some_and(|found| found["state"] == "OFF"));
    let states: Vec<_> = seen.messages().into_iter().filter(|message| message.topic == state).collect();
    assert!(states.len() > 50, "only {}: the test proves nothing", states.len());

    // In order, it says so itself; killed, the broker says it.
    let Rig { sandbox, server, .. } = rig;
    watchpost_testkit::terminate(server.pid());
    assert!(server.finish().success());
    kept(&broker, "it says that it goes", |kept| kept.get(availability) == Some(&json!("offline")));
    let again = sandbox.spawn(&["serve"]);
    kept(&broker, "it is back", |kept| kept.get(availability) == Some(&json!("online")));
    again.kill();
    kept(&broker, "the broker says that it is gone", |kept| {
        kept.get(availability) == Some(&json!("offline"))
    });
}

/// A ball that bounces for five seconds, over an area and a line.
fn ball(handlers: Value) -> Value {
    let pipeline = "videotestsrc num-buffers=150 pattern=ball ! \
        video/x-raw,format=I420,width=320,height=240,framerate=30/1 ! appsink name=cvdsink";
    let (area, line) = ("3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "7a0c5f0e-3a51-4b7e-9d0c-5f6f1f1b8a41");
    json!({
        "DisplayName": NAME, "Solution": "securt",
        "Input": {"uri": format!("gstreamer:///{pipeline}"), "pace": "fast"},
        "Zone": {"Zones": {area: {
            "id": area, "name": "middle", "detect_unknowns": true, "trigger_on_enter": true, "trigger_on_exit": true,
            "vertices": [{"x": 0.3, "y": 0.0}, {"x": 0.7, "y": 0.0}, {"x": 0.7, "y": 1.0}, {"x": 0.3, "y": 1.0}],
        }}},
        "Tripwire": {"Tripwires": {line: {
            "id": line, "name": "half", "detect_unknowns": true, "trigger_crossing": true, "vertices": [{"x": 0.5, "y": 0.0}, {"x": 0.5, "y": 1.0}],
        }}},
        "Output": {"handlers": handlers},
    })
}

#[test]
fn a_line_counts_the_last_crop_is_a_picture_and_crops_on_disk_are_there_when_they_are_named() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, OPEN);
    let ids = ["event-area-enter:2", "event-area-exit:2", "event-line-crossing:2", "crop:2"];
    let config = json!({"home_assistant": {"prefix": "ha"}, "schema_events": ids});
    let mut tracks =
        handler(broker.port, "tracks", json!({"crops": "disk", "retain": true, "schema_events": {}}));
    tracks["sink"] = "output-tracks".into();
    let events = json!({"uri": "json:///events.jsonl", "sink": "",
        "config": {"schema_events": ids, "append_only": true, "minify": true}});
    let document =
        ball(json!({"mqtt": handler(broker.port, "events", config), "events": events, "tracks": tracks}));
    let ran = sandbox.run(&["run".as_ref(), sandbox.instance(&document).as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let events = sandbox.json_lines("events.jsonl");
    let count = |id: &str| events.iter().filter(|event| event["$id"] == id).count();
    let (crossings, crops) = (count("event-line-crossing"), count("crop"));
    assert!(crossings > 0 && crops > 0, "{crossings} crossings, {crops} crops: the test proves nothing");

    let get = |topic: &str| {
        let port = broker.port.to_string();
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &port, "-V", "5", "-C", "1", "-W", "10", "-N", "-t", topic]);
        command.output().unwrap().stdout
    };
    let entity: Value = serde_json::from_slice(&get("ha/sensor/+/+/config")).unwrap();
    assert_eq!(entity["name"], "half");
    let state: Value = serde_json::from_slice(&get(entity["state_topic"].as_str().unwrap())).unwrap();
    assert_eq!(state["crossings"], crossings);
    let camera: Value = serde_json::from_slice(&get("ha/camera/+/crop/config")).unwrap();
    let picture = get(camera["topic"].as_str().unwrap());
    assert!(picture.starts_with(&[0xFF, 0xD8, 0xFF]) && picture.ends_with(&[0xFF, 0xD9]), "a JPEG file");

    let tracks = String::from_utf8(get("tracks")).unwrap();
    let (_, name) = tracks.split_once("\"tracks-crops/").unwrap_or_else(|| panic!("no crop in {tracks}"));
    let name = name.split('"').next().unwrap();
    let file = std::fs::read(sandbox.export(&format!("tracks-crops/{name}"))).unwrap();
    assert!(file.starts_with(&[0xFF, 0xD8, 0xFF]), "{name}");
}

#[test]
fn what_home_assistant_could_not_show_is_refused_or_doubted() {
    let sandbox = sandbox();
    let home = |config: Value| {
        let mut config = config;
        config["home_assistant"] = json!({});
        handler(1883, "events", config)
    };
    let mut tracks = home(json!({"schema_events": {}}));
    tracks["sink"] = "output-tracks".into();
    let bad = json!({
        "tracks": tracks,
        "will": home(json!({"last_will": {"topic": "gone"}})),
        "prefix": handler(1883, "events", json!({"home_assistant": {"prefix": "a/#"}})),
        "starts": home(json!({"schema_events": ["event-loitering:2"]})),
        "gates": home(json!({"schema_events": ["event-area-enter:2"]})),
    });
    let checked = sandbox.run(&["validate".as_ref(), sandbox.instance(&document(bad)).as_os_str()]);
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert_eq!(checked.code, Some(78), "{said}");
    for expected in [
        "/Output/handlers/tracks/config/home_assistant: is told of events, and there are none",
        "/Output/handlers/will/config/last_will: a connection has one last will",
        "/Output/handlers/prefix/config/home_assistant/prefix: is no beginning of a topic",
        "subscribe to `event-loitering-end` too",
        "Home Assistant never shows an area as occupied by these events alone",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
