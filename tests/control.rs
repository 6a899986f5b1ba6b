//! PRODUCT 9 and 13: exporters seen and handled while the server runs, where each event has gone, and the server asked
//! how it is and to stop.

use std::{io::Write, net::SocketAddr};

use serde_json::{Value, json};
use watchpost_testkit::{
    Control, Sandbox, Watchpost, acknowledging_exporter,
    scene::{scene, walkers},
    wait_until,
};

use crate::api::{ask, get, json};

const INSTANCE: &str = "/api/v1/instances/scene";

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

/// A server with one instance that waits for posted detections; `output` is laid over its `Output`.
fn serve(sandbox: &Sandbox, output: Value) -> (Watchpost, SocketAddr) {
    let mut document = scene("ndjson+post://", 2, json!({}));
    document["AutoStart"] = true.into();
    document["Output"] = output;
    sandbox.write("data/instances/scene.json", document.to_string());
    let server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    wait_until("the source runs", || get(address, INSTANCE).json()["state"] == "running");
    (server, address)
}

/// Posts what is seen in these frames: somebody walks in every 100.
fn post(address: SocketAddr, frames: std::ops::Range<u64>) {
    let lines: Vec<_> = frames.map(|frame| walkers(100).line(frame)).collect();
    let path = "/v1/core/instance/scene/detections";
    for part in lines.chunks(50) {
        let headers = ["Content-Type: application/x-ndjson"];
        let posted = ask(address, "POST", path, &headers, part.concat().as_bytes());
        assert_eq!(posted.status, 200, "{}", posted.json());
    }
}

/// Installs an exporter of this Python program.
fn exporter(sandbox: &Sandbox, name: &str, script: &str, more: &Value) {
    let mut manifest = json!({
        "name": name, "events": {"event-area-enter": [1, 2]}, "command": "/usr/bin/python3 -u x.py",
        "framing": "newline", "acknowledge": true,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    sandbox.write(&format!("data/exporters/{name}/manifest.json"), manifest.to_string());
    sandbox.write(&format!("data/exporters/{name}/x.py"), script);
}

/// The lines of an exporter, as `from: text`.
fn lines(address: SocketAddr, name: &str) -> Vec<String> {
    let answer = get(address, &format!("{INSTANCE}/exporters/{name}/output"));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let lines = answer.json()["lines"].as_array().unwrap().clone();
    lines
        .iter()
        .map(|l| format!("{}: {}", l["from"].as_str().unwrap(), l["text"].as_str().unwrap()))
        .collect()
}

fn has(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

const TALKER: &str = "
import os, sys
print('using', os.environ['WATCHPOST_SETTING_TOKEN'], file=sys.stderr)
print('ready on http://me:geheim@host/')
for line in sys.stdin: print('OK')
print('bye', file=sys.stderr)
";

#[test]
fn what_an_exporter_says_is_shown_without_its_secrets_and_it_is_started_anew() {
    let sandbox = sandbox();
    let more = json!({
        "events": {"event-area-enter": [1, 2], "track": [9], "crop": 0},
        "settings": {"token": {"type": "secret"}},
    });
    exporter(&sandbox, "Talker", TALKER, &more);
    sandbox
        .write("data/config.json", json!({"exporters": {"Talker": {"token": "hunter2 \"x\""}}}).to_string());
    let (_server, address) = serve(&sandbox, json!({"Talker": {"enabled": true}}));
    wait_until("it has said so", || has(&lines(address, "Talker"), "ready on") == 1);
    let said = lines(address, "Talker");
    assert!(said[0].starts_with("watchpost: started as process "), "{said:?}");
    assert!(said.contains(&"stderr: using ***".to_owned()), "{said:?}");
    assert!(said.contains(&"stdout: ready on http://me:***@host/".to_owned()), "{said:?}");

    let listed = get(address, &format!("{INSTANCE}/exporters")).json();
    let of = |listed: &Value| {
        listed["exporters"].as_array().unwrap().iter().find(|e| e["name"] == "Talker").unwrap().clone()
    };
    let talker = of(&listed);
    assert_eq!(talker["agreed"], json!({"event-area-enter": 2}), "{talker}");
    assert_eq!(talker["not_agreed"], json!(["track"]), "what is not wanted is not asked for: {talker}");
    let installed = of(&get(address, "/api/v1/exporters").json());
    assert_eq!(installed["instances"][0]["not_agreed"], json!(["track"]), "{installed}");

    let restarted = ask(address, "POST", &format!("{INSTANCE}/exporters/Talker/restart"), &[], b"");
    assert_eq!((restarted.status, &restarted.json()["status"]["state"]), (200, &json!("running")));
    wait_until("it is there again", || has(&lines(address, "Talker"), "ready on") == 2);
    let said = lines(address, "Talker");
    assert_eq!(has(&said, "watchpost: exited with status 0 when told to"), 1, "{said:?}");
    // What it said last stands before the next one's first words.
    let at = |part: &str| said.iter().rposition(|line| line.contains(part)).unwrap();
    assert!(at("bye") < at("when told to") && at("when told to") < at("started as"), "{said:?}");

    // One that dies with nothing to do is started again, and says how it died.
    let pid = said[at("started as")].rsplit(' ').next().unwrap().to_owned();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    wait_until("it is there once more", || has(&lines(address, "Talker"), "ready on") == 3);
    assert_eq!(has(&lines(address, "Talker"), "watchpost: was ended by signal 9"), 1);

    // The same from the command line.
    let ran = sandbox.run(&["exporter", "restart", "scene", "Talker"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = sandbox.run(&["exporter", "output", "scene", "Talker"]);
    assert!(ran.code == Some(0) && ran.stdout.contains("stderr    using ***"), "{ran:?}");

    for (method, path, status) in [
        ("GET", "exporters/Nobody/output", 404),
        ("GET", "exporters/preprocess/output", 404),
        ("POST", "exporters/Nobody/restart", 404),
    ] {
        assert_eq!(ask(address, method, &format!("{INSTANCE}/{path}"), &[], b"").status, status, "{path}");
    }
    let switch = format!("{INSTANCE}/exporters/Talker/switch");
    let paused = json(address, "POST", &switch, &json!({"to": "paused"}));
    assert_eq!(paused.json()["agreed"], json!({}), "it does not run: {}", paused.json());
    let refused = ask(address, "POST", &format!("{INSTANCE}/exporters/Talker/restart"), &[], b"");
    assert_eq!(refused.status, 422, "{}", refused.json());
    let log = std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap();
    assert!(log.contains("using ***") && !log.contains("hunter2"), "{log}");
}

#[test]
fn a_change_goes_on_when_whoever_asked_for_it_hangs_up() {
    let sandbox = sandbox();
    let slow = "import sys, time\nprint('here')\nfor line in sys.stdin: print('OK')\nprint('going')\ntime.sleep(1)\n";
    exporter(&sandbox, "Slow", slow, &json!({}));
    let (_server, address) = serve(&sandbox, json!({"Slow": {"enabled": true}}));
    wait_until("it is there", || has(&lines(address, "Slow"), "here") == 1);
    let mut client = std::net::TcpStream::connect(address).unwrap();
    let path = format!("{INSTANCE}/exporters/Slow/restart");
    write!(client, "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\n\r\n").unwrap();
    wait_until("it is being ended", || has(&lines(address, "Slow"), "going") == 1);
    drop(client);
    wait_until("another was started", || has(&lines(address, "Slow"), "here") == 2);
    let audit = get(address, "/api/v1/system/audit").json();
    assert_eq!(audit["entries"][0]["action"], "restartExporter", "{audit}");
}

/// The events that the API tells of, oldest first: kind of the record, and what became of it by receiver.
fn events(address: SocketAddr) -> Vec<(String, Vec<(String, String)>)> {
    let mut events = get(address, "/api/v1/events?limit=200").json()["events"].as_array().unwrap().clone();
    events.reverse();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let one = |event: &Value| {
        let delivered = event["delivered"].as_array().unwrap().iter();
        let mut by: Vec<_> = delivered.clone().map(|d| (text(&d["receiver"]), text(&d["state"]))).collect();
        for told in delivered {
            // Of the preprocess command it is not known when it has read what.
            let has_time = told["state"] != "waiting" && told["receiver"] != "preprocess";
            assert_eq!(told["at_ms"].is_i64(), has_time, "{event}");
        }
        by.sort();
        (text(&event["record"]["$id"]), by)
    };
    events.iter().map(one).collect()
}

fn by(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(receiver, state)| ((*receiver).to_owned(), (*state).to_owned())).collect()
}

fn file(name: &str, ids: &[&str], more: &Value) -> Value {
    let mut entry = json!({
        "uri": format!("json:///{name}.jsonl"), "sink": "",
        "config": {"schema_events": ids, "append_only": true, "minify": true},
    });
    entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    entry
}

#[test]
fn where_each_event_has_gone_is_told_and_nothing_that_did_not_happen() {
    let sandbox = sandbox();
    acknowledging_exporter(&sandbox, "Keeper", json!({"event-area-enter": 2, "event-area-exit": 2}));
    let refusing = "import sys\nfor line in sys.stdin: print('ERROR no')\n";
    exporter(&sandbox, "Refuser", refusing, &json!({"retries": 0}));
    let both = ["event-area-enter:2", "event-area-exit:2"];
    let filtered =
        json!({"config": {"schema_events": both, "append_only": true, "filter": {"classes": ["Vehicle"]}}});
    let (_server, address) = serve(
        &sandbox,
        json!({
            "Keeper": {"enabled": true}, "Refuser": {"enabled": true},
            "handlers": {
                "all": file("all", &both, &json!({})),
                "later": file("later", &both[1..], &json!({"paused": true})),
                "vehicles": file("vehicles", &both, &filtered),
                "vehicles later": file("vehicles2", &both, &{ let mut f = filtered.clone(); f["paused"] = true.into(); f }),
            },
        }),
    );
    post(address, 0..400);
    let entered = by(&[("Keeper", "delivered"), ("Refuser", "refused"), ("all", "delivered")]);
    let left = by(&[("Keeper", "delivered"), ("all", "delivered"), ("later", "waiting")]);
    let expected = |id: &str| if id == "event-area-enter" { &entered } else { &left };
    let is_told = || {
        let events = events(address);
        let kinds = ["event-area-enter", "event-area-exit"];
        kinds.iter().all(|kind| events.iter().any(|(id, _)| id == kind))
            && events.iter().all(|(id, by)| !kinds.contains(&id.as_str()) || by == expected(id))
    };
    wait_until("who has which", is_told);

    // Added afterwards: it has none of them, and is said to have none.
    let put = json(address, "PUT", &format!("{INSTANCE}/exports/new"), &file("new", &both, &json!({})));
    assert_eq!(put.status, 200, "{}", put.json());
    // Mended, and sent again: it has it after all.
    sandbox.write("data/exporters/Refuser/x.py", "import sys\nfor line in sys.stdin: print('OK')\n");
    let dead = format!("{INSTANCE}/receivers/Refuser/dead/resend");
    let mut control = Control::connect(&sandbox);
    control.does(&json!({"op": "restart_exporter", "instance": "scene", "exporter": "Refuser"}));
    assert_eq!(json(address, "POST", &dead, &json!({})).status, 200);
    let path = format!("{INSTANCE}/exports/later/switch");
    assert_eq!(json(address, "POST", &path, &json!({"to": "on"})).status, 200);
    let entered = by(&[("Keeper", "delivered"), ("Refuser", "delivered"), ("all", "delivered")]);
    let left = by(&[("Keeper", "delivered"), ("all", "delivered"), ("later", "delivered")]);
    let all_arrived = || {
        let expected = |id: &str| if id == "event-area-enter" { &entered } else { &left };
        events(address)
            .iter()
            .filter(|(id, _)| id.starts_with("event-area-e"))
            .all(|(id, by)| by == expected(id))
    };
    wait_until("resent and resumed", all_arrived);

    // What ends because the source does is an event too.
    let ends = || events(address).iter().filter(|(id, _)| id == "event-intrusion-end").count();
    let before = ends();
    assert_eq!(ask(address, "POST", &format!("{INSTANCE}/stop"), &[], b"").status, 200);
    assert!(ends() > before, "{:?}", events(address));
}

#[test]
fn behind_a_preprocess_command_an_event_is_followed_through_it() {
    let sandbox = sandbox();
    // Passes exits on, and waits with enters until it is told.
    let filter = sandbox.write(
        "filter.py",
        "import os, sys, time\n\
         for m in iter(lambda: b''.join(iter(lambda: sys.stdin.buffer.read(1), b'\\0')), b''):\n\
         \x20 print('saw one', file=sys.stderr)\n\
         \x20 while not os.path.exists(sys.argv[1]): time.sleep(0.01)\n\
         \x20 print(m.decode().replace('\\n', '') if b'event-area-exit' in m else '[]', flush=True)\n",
    );
    let gate = sandbox.path().join("go");
    let both = ["event-area-enter:2", "event-area-exit:2"];
    let command = format!("python3 {} {}", filter.display(), gate.display());
    let (_server, address) = serve(
        &sandbox,
        json!({
            "preprocess_cmd": command.clone(), "preprocess_version": 2, "preprocess_acknowledge": true,
            "preprocess_timeout_ms": 60000,
            "handlers": {"all": file("all", &both, &json!({}))},
        }),
    );
    post(address, 0..400);
    wait_until("it has one", || has(&lines(address, "preprocess"), "stderr: saw one") == 1);
    let waits = by(&[("preprocess", "waiting")]);
    assert!(events(address).iter().all(|(_, by)| *by == waits), "{:?}", events(address));
    sandbox.write("go", "");
    let passed = by(&[("all", "delivered"), ("preprocess", "delivered")]);
    let dropped = passed[1..].to_vec();
    wait_until("all have gone through", || {
        let events = events(address);
        let ok = |(id, by): &(String, Vec<_>)| {
            *by == if id == "event-area-exit" { passed.clone() } else { dropped.clone() }
        };
        events.iter().any(|(id, _)| id == "event-area-exit") && events.iter().all(ok)
    });
    // Another command goes on with the lines of the one before.
    let other = json!({"Output": {"preprocess_cmd": format!("{command} again")}});
    assert_eq!(json(address, "PATCH", &format!("{INSTANCE}/document"), &other).status, 200);
    wait_until("it is started", || has(&lines(address, "preprocess"), "watchpost: started as process") == 2);
    assert!(has(&lines(address, "preprocess"), "saw one") > 0);
}

#[test]
fn the_kit_tests_an_installed_exporter_over_the_api_one_at_a_time() {
    let sandbox = sandbox();
    let keyed =
        "import json, sys\nfor line in sys.stdin:\n    json.loads(line)['record_id']\n    print('OK')\n";
    exporter(&sandbox, "Bad", keyed, &json!({}));
    exporter(
        &sandbox,
        "Slow",
        "import time\nwhile True: time.sleep(1)\n",
        &json!({"start_timeout_ms": 5000}),
    );
    sandbox.write("data/exporters/Broken/manifest.json", "{");
    let (_server, address) = serve(&sandbox, json!({}));
    let test = move |name: &str| ask(address, "POST", &format!("/api/v1/exporters/{name}/test"), &[], b"");
    let both = [(); 2].map(|()| std::thread::spawn(move || test("Slow")));
    let mut both = both.map(|one| one.join().unwrap());
    both.sort_by_key(|answer| answer.status);
    let [slow, refused] = both;
    assert_eq!((slow.status, refused.status), (200, 409), "{}", refused.json());
    assert!(refused.json()["detail"].as_str().unwrap().contains("try again"));
    let slow = slow.json();
    assert_eq!(slow["passed"], false, "{slow}");
    assert!(slow["rows"][0]["detail"].as_str().unwrap().contains("start_timeout_ms"), "{slow}");
    let bad = test("Bad").json();
    let row = |name: &str| {
        bad["rows"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["name"] == name)
            .unwrap_or_else(|| panic!("{bad}"))
    };
    assert_eq!((&bad["passed"], &row("event-area-enter:2")["ok"]), (&json!(false), &json!(true)), "{bad}");
    let first = row("event-area-enter:1");
    assert!(first["ok"] == false && first["detail"].as_str().unwrap().contains("KeyError"), "{first}");
    assert_eq!((&row("end of input")["ok"], &row("unknown keys")["result"]), (&json!(true), &json!("pass")));
    assert_eq!((test("Nobody").status, test("Broken").status), (404, 404));
    let by_name = sandbox.run(&["exporter", "test", "Slow", "--pause", "0.1"]);
    assert!(by_name.code == Some(1) && by_name.stdout.contains("FAIL"), "{by_name:?}");
}

#[test]
fn settings_are_given_on_the_command_line_with_and_without_a_server() {
    let sandbox = sandbox();
    let settings = json!({"settings": {
        "token": {"type": "secret"}, "count": {"type": "int_range", "min": 1, "max": 9, "default": 3},
        "name": {"type": "text", "default": "north"},
    }});
    let script = "import os, sys\nprint(os.environ['WATCHPOST_SETTING_COUNT'], os.environ['WATCHPOST_SETTING_NAME'])\nfor line in sys.stdin: print('OK')\n";
    exporter(&sandbox, "Mine", script, &settings);
    let set = |args: &[&str], input: &[u8]| {
        sandbox.run_with_input(&[&["exporter", "set", "Mine"], args].concat(), input)
    };
    let kept = || -> Value {
        serde_json::from_slice(&std::fs::read(sandbox.data().join("config.json")).unwrap()).unwrap()
    };
    let ran = set(&["count=7", "name=south"], b"");
    assert_eq!(ran.code, Some(0), "before the first start: {ran:?}");
    assert_eq!(kept()["exporters"]["Mine"], json!({"count": 7, "name": "south"}));
    let (_server, address) = serve(&sandbox, json!({"Mine": {"enabled": true}}));
    wait_until("it has them", || has(&lines(address, "Mine"), "7 south") == 1);
    assert_eq!(set(&["token=-", "--unset", "name"], b"hunter2\n").code, Some(0));
    assert_eq!(kept()["exporters"]["Mine"], json!({"count": 7, "token": "hunter2"}));
    wait_until("it was started with them", || has(&lines(address, "Mine"), "7 north") == 1);
    for (args, code, reason) in [
        (&["token=hunter2"][..], 2, "standard input"),
        (&["count=99"], 78, "from 1 to 9"),
        (&["nothing=1"], 78, "no such setting"),
        (&[], 2, "SETTING=VALUE"),
    ] {
        let ran = set(args, b"");
        assert!(ran.code == Some(code) && ran.stderr.contains(reason), "{args:?}: {ran:?}");
    }
    assert_eq!(kept()["exporters"]["Mine"], json!({"count": 7, "token": "hunter2"}));
    assert_eq!(sandbox.run(&["exporter", "set", "Nobody", "a=1"]).code, Some(1));
}

#[test]
fn the_doctor_is_asked_over_the_api_and_the_server_stops_when_told() {
    let sandbox = sandbox();
    sandbox.write("data/exporters/torn/manifest.json", "{");
    let (server, address) = serve(&sandbox, json!({}));
    let answer = get(address, "/api/v1/system/doctor");
    assert_eq!(answer.status, 200, "{}", answer.json());
    let findings = answer.json()["findings"].as_array().unwrap().clone();
    let finding = |what: &str| {
        findings.iter().find(|f| f["what"] == what).unwrap_or_else(|| panic!("{what}: {findings:#?}"))
    };
    assert_eq!(findings[0]["level"], "error", "the worst first");
    let torn = finding("exporter torn");
    assert!(torn["level"] == "error" && torn["fix"].as_str().unwrap().contains("manifest"), "{torn}");
    assert_eq!(finding("instance scene.json")["level"], "ok");
    assert!(finding("data folder").get("fix").is_none());

    let told = ask(address, "POST", "/v1/core/system/shutdown", &[], b"");
    assert_eq!((told.status, told.body.len()), (204, 0));
    assert_eq!(server.finish().code(), Some(0));
    let log = std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap();
    assert!(log.contains("told to stop through the API"), "{log}");
}
