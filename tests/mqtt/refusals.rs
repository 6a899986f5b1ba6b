//! Brokers that refuse: the login, a topic, a size, a version.

use super::*;

fn passwords(sandbox: &Sandbox, password: &str) -> String {
    let file = sandbox.path().join("broker/passwords");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut command = std::process::Command::new("mosquitto_passwd");
    assert!(command.args(["-b", "-c"]).arg(&file).args(["me", password]).status().unwrap().success());
    // Mosquitto gives up its root rights before it reads the file.
    watchpost_testkit::set_mode(&file, 0o644);
    watchpost_testkit::set_mode(sandbox.path(), 0o755);
    format!("password_file {}\n", file.display())
}

#[test]
fn a_refused_login_is_shown_tried_again_slowly_and_never_told() {
    let sandbox = sandbox();
    let config = passwords(&sandbox, "other");
    let mut broker = broker(&sandbox, &config);
    let login = json!({"username": "me", "password": "s3cr%t/@"});
    let mut uri = handler(broker.port, "uri", json!({}));
    uri["uri"] = format!("mqtt://me:s3cr%25t%2F%40@127.0.0.1:{}/uri", broker.port).into();
    let handlers = json!({"mqtt": handler(broker.port, "w/{obj.sequence}", login), "uri": uri});
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(1000);
    rig.is("waiting", "not authorized (0x87): check `username`, `password`");
    wait_until("a long pause", || rig.export()["retry_in_ms"].as_u64().is_some_and(|pause| pause > 5000));
    // Two exports, ten seconds: as often as that, and no oftener.
    let (before, began) = (broker.connections(), Instant::now());
    wait_until("four seconds", || began.elapsed() > Duration::from_secs(4));
    assert!(broker.connections() <= before + 2, "{}", broker.log());
    passwords(&rig.sandbox, "s3cr%t/@");
    broker.restart();
    let expected = sequences(&rig.drained());
    let published = broker.published();
    all_in_order(&numbers(published.iter().map(|one| one.topic.as_str())), &expected);
    rig.control.drained(NAME, "uri");
    assert_eq!(broker.published().iter().filter(|one| one.topic == "uri").count(), expected.len());
    let said = rig.stderr() + &rig.control.instance(NAME).to_string();
    assert!(!said.contains("s3cr"), "{said}");
    let command = std::fs::read(format!("/proc/{}/cmdline", rig.server.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&command).contains("s3cr"));
}

fn access_rules(sandbox: &Sandbox, rules: &str) -> String {
    let file = sandbox.write("broker/rules", rules);
    watchpost_testkit::set_mode(&file, 0o644);
    watchpost_testkit::set_mode(sandbox.path(), 0o755);
    format!("{OPEN}acl_file {}\n", file.display())
}

/// Mosquitto 2.0.11 answers PUBACK 0x87 and closes the connection at once, each time: what was under way behind the
/// refused message is sent again.
#[test]
fn a_topic_that_is_not_allowed_makes_dead_letters_in_version_5() {
    let sandbox = sandbox();
    let config = access_rules(&sandbox, "topic write ok/event-intrusion\ntopic write ok/event-area-exit\n");
    let broker = broker(&sandbox, &config);
    let handlers = json!({"mqtt": handler(broker.port, "ok/{obj.$id}", json!({}))});
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(1000);
    let events = rig.drained();
    let allowed =
        |event: &&Value| ["event-intrusion", "event-area-exit"].contains(&event["$id"].as_str().unwrap());
    let taken = events.iter().filter(allowed).count();
    assert!(taken > 20 && events.len() > taken);
    let shown = rig.export();
    assert_eq!(
        (shown["delivered"].as_u64(), shown["refused"].as_u64()),
        (Some(taken as u64), Some((events.len() - taken) as u64)),
        "{shown}"
    );
    let letters = rig.sandbox.run(&["dead", "show", NAME, "mqtt"]);
    assert!(letters.stdout.contains("not authorized (0x87)"), "{}{}", letters.stdout, letters.stderr);
}

#[test]
fn version_3_1_1_cannot_say_so_and_validate_does() {
    let sandbox = sandbox();
    let config = access_rules(&sandbox, "topic write ok/event-intrusion\n");
    let broker = broker(&sandbox, &config);
    let handlers = json!({"mqtt": handler(broker.port, "ok/{obj.$id}", json!({"version": "3.1.1"}))});
    let instance = sandbox.instance(&document(handlers.clone()));
    let ran = sandbox.run(&["validate".as_ref(), instance.as_os_str()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    let said = ran.stdout + &ran.stderr;
    assert!(said.contains("cannot say that it does not allow a topic"), "{said}");
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(500);
    let events = rig.drained();
    // What Mosquitto 2.0.11 does: PUBACK, and nobody gets the message.
    assert_eq!(rig.export()["delivered"], events.len());
}

/// Groups that have a crop of 3 kB or of 30 kB beside their event, and events alone.
fn sized() -> String {
    // A child of the instance stands for analytics that find crops.
    r#"import sys, json
buffer = b''
while piece := sys.stdin.buffer.read1(65536):
    *messages, buffer = (buffer + piece).split(b'\0')
    for message in messages:
        record = json.loads(message)
        record = record[0] if isinstance(record, list) else record
        if 'event_id' not in record:
            continue
        kind = record['frame_id'] % 3
        if kind == 0:
            print(json.dumps([record]), flush=True)
            continue
        keys = ['instance_id', 'instance_name', 'frame_id', 'frame_time', 'frame_width', 'frame_height', 'system_timestamp', 'timestamp']
        crop = {'$id': 'crop', '$version': 2, **{key: record[key] for key in keys if key in record}}
        crop.update(tracking_id=record['tracking_id'], ref_event_id=record['event_id'], confidence=0.9, location=record['location'], image='A' * (3000 if kind == 1 else 30000))
        print(json.dumps([record, crop]), flush=True)
"#
    .to_owned()
}

/// Feeds such groups to a broker that takes less than 30 kB; all events and small crops arrive, large crops are dead
/// letters.
fn large_packets_are_split_or_dead(config: &str, version: Value) {
    let sandbox = sandbox();
    let filter = sandbox.write("sized.py", sized());
    let broker = broker(&sandbox, config);
    let subscriber = Subscriber::start(sandbox.path(), &broker, &["w/#"], &[]);
    let mut events: Vec<_> = EVENT_IDS.iter().map(|id| format!("{id}:2")).collect();
    events.push("crop:2".to_owned());
    let config = json!({"version": version, "schema_events": events});
    let mut document = document(json!({"mqtt": handler(broker.port, "w/{obj.frame_id}", config)}));
    document["Output"]["preprocess_cmd"] = format!("python3 {}", filter.display()).into();
    document["Output"]["preprocess_version"] = 2.into();
    sandbox.write("data/instances/gate.json", document.to_string());
    let server = sandbox.spawn(&["serve"]);
    let control = Control::connect(&sandbox);
    let mut rig = Rig { sandbox, server, control, frame: 0 };
    rig.feed(500);
    rig.server.close_stdin();
    wait_until("the source ends", || rig.control.instance(NAME)["state"] == "finished");
    wait_until("the filter has answered", || rig.control.instance(NAME)["preprocess"]["waiting"] == 0);
    rig.control.drained(NAME, "events");
    let deadline = Instant::now() + Duration::from_secs(120);
    while rig.export()["waiting"] != 0 {
        assert!(Instant::now() < deadline, "{}", rig.export());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let events = rig.sandbox.json_lines("events.jsonl");
    let kinds =
        |kind: u64| events.iter().filter(|event| event["frame_id"].as_u64().unwrap() % 3 == kind).count();
    assert!(kinds(0) > 5 && kinds(1) > 5 && kinds(2) > 5, "{}\n{}", events.len(), rig.stderr());
    let shown = rig.export();
    assert_eq!(shown["refused"], kinds(2), "{shown}\n{}", rig.stderr());
    let records = |subscriber: &Subscriber| -> Vec<Value> {
        let messages = subscriber.messages();
        messages.iter().flat_map(|m| serde_json::from_str::<Vec<Value>>(&m.payload).unwrap()).collect()
    };
    wait_until("all have come", || {
        records(&subscriber).iter().filter(|r| r["$id"] != "crop").count() >= events.len()
    });
    let mut came: Vec<_> =
        records(&subscriber).into_iter().filter(|record| record["$id"] != "crop").collect();
    came.dedup_by_key(|record| record["sequence"].clone());
    let mut seen = std::collections::BTreeSet::new();
    came.retain(|record| seen.insert(record["sequence"].as_u64().unwrap()));
    assert_eq!(came, events, "every event, in order");
    let crops = records(&subscriber).iter().filter(|record| record["$id"] == "crop").count();
    assert!(crops >= kinds(1), "small crops come too");
    let groups = subscriber
        .messages()
        .iter()
        .filter(|m| m.payload.contains("\"crop\"") && m.payload.contains("event-"))
        .count();
    assert!(groups >= kinds(1), "small ones with their event, as one message");
}

#[test]
fn a_group_over_the_broker_s_packet_size_is_split_and_a_record_over_it_a_dead_letter() {
    large_packets_are_split_or_dead(&format!("{OPEN}max_packet_size 20000\n"), json!(5));
}

#[test]
fn so_it_is_when_the_broker_says_so_only_afterwards() {
    large_packets_are_split_or_dead(&format!("{OPEN}message_size_limit 20000\n"), json!(5));
}

#[test]
fn so_it_is_when_the_broker_only_closes_the_connection() {
    large_packets_are_split_or_dead(&format!("{OPEN}max_packet_size 20000\n"), json!("3.1.1"));
}

#[test]
fn what_the_broker_has_not_is_a_failure_that_names_the_change() {
    let sandbox = sandbox();
    let broker = broker(&sandbox, &format!("{OPEN}max_qos 1\nretain_available false\n"));
    let handlers = json!({
        "mqtt": handler(broker.port, "w", json!({"qos": 2})),
        "kept": handler(broker.port, "w", json!({"retain": true})),
    });
    let mut rig = Rig::serve(sandbox, handlers);
    rig.feed(200);
    rig.is("failed", "takes at most QoS 1: set `qos` to 1");
    rig.control.reaches(NAME, "kept", "failed");
    let kept = rig.control.export(NAME, "kept");
    assert!(
        kept["problem"].as_str().unwrap().contains("takes no retained messages: set `retain` to false"),
        "{kept}"
    );
}
