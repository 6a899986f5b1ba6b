//! PRODUCT 2 and 3: the server and its data folder.

use std::{
    os::unix::fs::{FileTypeExt, PermissionsExt},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Control, Sandbox, Script, acknowledging_exporter,
    scene::{EVENT_IDS, json_lines, scene, subscriptions, walkers, write_detections},
    wait_until,
};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

fn instance(name: &str, uri: &str) -> Value {
    let mut document = scene(uri, 2, json!({}));
    document["InstanceId"] = Value::Null;
    document.as_object_mut().unwrap().remove("InstanceId");
    (document["DisplayName"], document["AutoStart"]) = (name.into(), true.into());
    document["Input"]["pace"] = "fast".into();
    document["Output"]["handlers"]["events"]["uri"] = format!("json:///{name}.jsonl").into();
    document
}

fn terminate(pid: u32) {
    assert!(std::process::Command::new("kill").arg(pid.to_string()).status().unwrap().success());
}

#[test]
fn several_instances_run_and_are_made_stopped_and_deleted() {
    let sandbox = sandbox();
    let uri = write_detections(&sandbox, "walk.ndjson", walkers(10), 1000);
    sandbox.write("data/instances/a.json", instance("a", &uri).to_string());
    let mut stopped = instance("b", &uri);
    stopped["AutoStart"] = false.into();
    sandbox.write("data/instances/b.json", stopped.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("a has ended", || control.instance("a")["state"] == "finished");
    assert_eq!(control.instance("b")["state"], "stopped");
    control.drained("a", "events");
    let events = sandbox.json_lines("a.jsonl").len();
    assert!(events > 50);

    control.does(&json!({"op": "start", "instance": "b"}));
    wait_until("b has ended", || control.instance("b")["state"] == "finished");
    control.does(&json!({"op": "restart", "instance": "a"}));
    wait_until("a has ended again", || sandbox.json_lines("a.jsonl").len() == 2 * events);

    let added = control.does(&json!({"op": "add", "document": instance("c", &uri)}));
    let id = added["id"].as_str().unwrap().to_owned();
    let file = sandbox.data().join(format!("instances/{id}.json"));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "URIs hold passwords");
    wait_until("c has ended", || control.instance("c")["state"] == "finished");
    let list = control.does(&json!({"op": "list"}));
    assert_eq!(list["instances"].as_array().unwrap().len(), 3);
    control.does(&json!({"op": "delete", "instance": "c"}));
    assert!(!file.exists());
    let error = control.ask(&json!({"op": "show", "instance": "c"})).unwrap_err();
    assert_eq!(error["kind"], "unknown");
    assert!(error["message"].as_str().unwrap().starts_with("no instance `c`; there are "), "{error}");
}

#[test]
fn the_socket_is_the_users_alone_and_says_what_it_does_not_understand() {
    let sandbox = sandbox();
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    let socket = sandbox.data().join("control.sock").metadata().unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    for (asked, expected) in [
        (json!({"op": "fly"}), "unknown variant `fly`"),
        (json!({"op": "stop"}), "missing field `instance`"),
        (json!({"op": "stop", "instance": "x", "now": true}), "unknown field `now`"),
        (json!({"op": "stop", "instance": "x"}), "no instance `x`; there are none"),
        (
            json!({"op": "tap", "instance": "x", "filter": {"types": ["event-no"]}}),
            "no records of type `event-no`",
        ),
    ] {
        let error = control.ask(&asked).unwrap_err();
        assert!(error["message"].as_str().unwrap().contains(expected), "{asked}: {error}");
    }
    terminate(server.pid());
    assert!(server.finish().success());
    assert!(!sandbox.data().join("control.sock").exists());
}

#[test]
fn a_second_process_on_the_folder_is_told_who_holds_it() {
    let sandbox = sandbox();
    let server = sandbox.spawn(&["serve"]);
    let _control = Control::connect(&sandbox);
    let second = sandbox.run(&["serve"]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains(&server.pid().to_string()), "{}", second.stderr);
}

#[test]
fn hand_edits_are_picked_up_and_a_broken_one_changes_nothing() {
    let sandbox = sandbox();
    let uri = write_detections(&sandbox, "walk.ndjson", walkers(10), 500);
    let mut document = instance("a", &uri);
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("it runs", || control.instance("a")["state"] == "finished");

    sandbox.write("data/instances/a.json", "{\"DisplayName\": ");
    wait_until("the broken file is seen", || control.instance("a")["file_problem"].is_string());
    let problem = control.instance("a")["file_problem"].as_str().unwrap().to_owned();
    assert!(problem.contains("a.json:1: is not JSON from column 16 on"), "{problem}");
    assert_eq!(control.export("a", "events")["state"], "running", "what runs is left as it was");
    let asked = json!({"op": "switch_export", "instance": "a", "name": "events", "to": "paused"});
    let refused = control.ask(&asked).unwrap_err()["message"].as_str().unwrap().to_owned();
    assert!(refused.starts_with("the file was edited and cannot be used; mend it first: "), "{refused}");

    document["Output"]["handlers"]["more"] = json_lines("more.jsonl", &EVENT_IDS, 2);
    document["Output"]["handlers"]["wrong"] = json!({"uri": "nope:///x", "sink": "output-tracks"});
    sandbox.write("data/instances/a.json", document.to_string());
    control.reaches("a", "more", "running");
    control.reaches("a", "wrong", "failed");
    let wrong = control.export("a", "wrong");
    assert!(wrong["problem"].as_str().unwrap().contains("no format for `nope://`"), "{wrong}");
    wait_until("the file is what runs", || control.instance("a")["file_problem"].is_null());

    sandbox.write("data/instances/b.json", "{\"Input\": 7}");
    wait_until("a new file that is none is shown", || {
        let list = control.does(&json!({"op": "list"}));
        list["unusable"][0]["problem"].as_str().is_some_and(|problem| problem.contains("b.json:1: /Input"))
    });
    sandbox.write("data/instances/b.json", instance("b", &uri).to_string());
    wait_until("a new file is an instance", || control.ask(&json!({"op": "show", "instance": "b"})).is_ok());
    std::fs::remove_file(sandbox.data().join("instances/b.json")).unwrap();
    wait_until("and ends with its file", || control.ask(&json!({"op": "show", "instance": "b"})).is_err());
}

#[test]
fn a_manifest_that_changes_restarts_its_exporter_and_a_broken_one_changes_nothing() {
    let sandbox = sandbox();
    acknowledging_exporter(&sandbox, "Keeper", subscriptions(&EVENT_IDS, 2));
    let manifest = sandbox.data().join("exporters/Keeper/manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let uri = write_detections(&sandbox, "walk.ndjson", walkers(10), 500);
    let mut document = instance("a", &uri);
    document["Output"]["Keeper"] = json!({"enabled": true});
    sandbox.write("data/instances/a.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("it runs", || control.instance("a")["state"] == "finished");
    control.drained("a", "Keeper");
    let count = sandbox.lines_of_exporter("Keeper").len();
    assert!(count > 20);

    std::fs::write(&manifest, &text[..text.len() / 2]).unwrap();
    wait_until("the broken manifest is seen", || control.export("a", "Keeper")["problem"].is_string());
    let keeper = control.export("a", "Keeper");
    assert_eq!(keeper["state"], "running", "{keeper}");
    assert!(keeper["problem"].as_str().unwrap().contains("it goes on as it was"), "{keeper}");

    let mut changed: Value = serde_json::from_str(&text).unwrap();
    changed["events"] = subscriptions(&EVENT_IDS, 1);
    std::fs::write(&manifest, changed.to_string()).unwrap();
    wait_until("the change is seen", || control.export("a", "Keeper")["problem"].is_null());
    control.does(&json!({"op": "restart", "instance": "a"}));
    wait_until("it is given the other version", || sandbox.lines_of_exporter("Keeper").len() == 2 * count);
    let seen = sandbox.lines_of_exporter("Keeper");
    assert!(seen[..count].iter().all(|record| record["$version"] == 2));
    assert!(seen[count..].iter().all(|record| record["$version"] == 1));
}

#[test]
fn what_is_wrong_with_an_export_is_said_before_it_is_saved() {
    let sandbox = sandbox();
    let uri = write_detections(&sandbox, "walk.ndjson", walkers(10), 10);
    sandbox.write("data/instances/a.json", instance("a", &uri).to_string());
    let _server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    let before = std::fs::read_to_string(sandbox.data().join("instances/a.json")).unwrap();
    for (export, expected) in [
        (json!({"uri": "json:///{obj.x", "sink": "output-tracks"}), "/Output/handlers/x/uri"),
        (json!({"uri": "json:///x.json", "sink": "tracks"}), "there is no stream `tracks`"),
        (json!({"sink": "output-tracks"}), "/Output/handlers/x: `uri` is missing"),
        (json!({"uri": "json:///x.json", "config": {"schema_events": ["event-no:1"]}}), "event-no"),
    ] {
        let asked = json!({"op": "set_export", "instance": "a", "name": "x", "export": export});
        let error = control.ask(&asked).unwrap_err();
        assert_eq!(error["kind"], "invalid", "{asked}: {error}");
        assert!(error["message"].as_str().unwrap().contains(expected), "{asked}: {error}");
    }
    assert_eq!(std::fs::read_to_string(sandbox.data().join("instances/a.json")).unwrap(), before);
}

#[test]
fn live_records_and_objects_can_be_looked_at() {
    let sandbox = sandbox();
    let mut document = instance("a", "ndjson://-");
    document["Output"]["handlers"] = json!({});
    sandbox.write("data/instances/a.json", document.to_string());
    let mut server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("it runs", || control.instance("a")["state"] == "running");
    let mut records = Control::connect(&sandbox);
    records.does(
        &json!({"op": "tap", "instance": "a", "filter": {"types": ["event-area-*"], "zones": ["middle"]}}),
    );
    let mut tracks = Control::connect(&sandbox);
    tracks.does(&json!({"op": "tap", "instance": "a", "filter": {"stream": "output-tracks"}}));
    for frame in 0..600 {
        assert!(server.feed(walkers(10).line(frame).as_bytes()));
    }
    for frame in 0..600 {
        assert_eq!(
            tracks.line().unwrap()["json"]["frame_id"],
            frame,
            "nobody else wants them, and they come"
        );
    }
    for _ in 0..20 {
        let record = records.line().unwrap();
        let id = record["json"]["$id"].as_str().unwrap();
        assert!(["event-area-enter", "event-area-exit"].contains(&id), "{record}");
    }
}

#[test]
fn video_exports_come_and_go_on_vtest_and_the_others_go_on() {
    let sandbox = sandbox();
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.cache/vtest.avi");
    assert!(std::path::Path::new(clip).exists(), "scripts/clip.sh gets the clip");
    let document = json!({
        "DisplayName": "a", "AutoStart": true,
        "Input": {"uri": clip, "loop": true, "pace": "fast"},
        "Output": {"handlers": {"tracks": {"uri": "json:///tracks.jsonl", "sink": "output-tracks",
                                           "config": {"append_only": true, "minify": true}}}}
    });
    sandbox.write("data/instances/a.json", document.to_string());
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    let export = |uri: &str| json!({"uri": uri, "sink": "output-image"});
    let mut frames = 0;
    let goes_on = |control: &mut Control, frames: &mut u64| {
        let before = *frames;
        wait_until("more frames", || {
            *frames = control.instance("a")["frames"].as_u64().unwrap();
            *frames > before + 20
        });
    };
    goes_on(&mut control, &mut frames);
    for (name, uri) in [("film", "mp4:///film.mp4"), ("still", "jpg:///still/{obj.frame_id}.jpg")] {
        control.does(&json!({"op": "set_export", "instance": "a", "name": name, "export": export(uri)}));
    }
    wait_until("pictures come", || {
        ["film", "still"].iter().all(|name| control.export("a", name)["delivered"].as_u64().unwrap() > 20)
    });
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "film", "to": "paused"}));
    goes_on(&mut control, &mut frames);
    control.does(&json!({"op": "switch_export", "instance": "a", "name": "film", "to": "on"}));
    control.does(&json!({"op": "delete_export", "instance": "a", "name": "still"}));
    goes_on(&mut control, &mut frames);
    control.does(&json!({"op": "stop", "instance": "a"}));
    control.drained("a", "tracks");
    for film in ["film.mp4", "film-00001.mp4"] {
        let path = sandbox.export(film);
        let probe = std::process::Command::new("ffprobe")
            .args([
                "-v",
                "error",
                "-count_packets",
                "-show_entries",
                "stream=nb_read_packets",
                "-of",
                "csv=p=0",
            ])
            .arg(&path)
            .output()
            .unwrap();
        let packets = String::from_utf8(probe.stdout).unwrap();
        assert!(packets.trim().parse::<u32>().is_ok_and(|count| count > 10), "{film}: {packets}");
    }
    let seen: Vec<u64> = sandbox
        .json_lines("tracks.jsonl")
        .iter()
        .map(|object| object["frame_id"].as_u64().unwrap())
        .collect();
    assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>(), "not a frame is missing");
    terminate(server.pid());
    assert!(server.finish().success());
}

#[test]
fn what_only_touches_the_store_needs_no_server() {
    let sandbox = sandbox();
    let uri = write_detections(&sandbox, "walk.ndjson", walkers(10), 500);
    let document = instance("a", &uri);
    let file = sandbox.instance(&document);
    assert_eq!(sandbox.run(&["run".as_ref(), file.as_os_str()]).code, Some(0));
    let count = sandbox.json_lines("a.jsonl").len();
    let replay = sandbox.run(&["replay", "instance.json", "--from", "0", "--to", "events", "--json"]);
    assert_eq!(replay.stdout.trim(), format!("{{\"count\":{count}}}"), "{}", replay.stderr);
    let dead = sandbox.run(&["dead", "list"]);
    assert_eq!((dead.code, dead.stdout.as_str()), (Some(0), "no dead letters\n"));
    let list = sandbox.run(&["instance", "list"]);
    assert_eq!(list.code, Some(1));
    assert!(list.stderr.contains("no server runs on"), "{}", list.stderr);
    // The next run delivers what was asked for, before what is new.
    let empty = write_detections(&sandbox, "empty.ndjson", walkers(10), 0);
    let mut again = document;
    again["Input"]["uri"] = empty.into();
    sandbox.instance(&again);
    sandbox.run(&["run".as_ref(), file.as_os_str()]);
    assert_eq!(sandbox.json_lines("a.jsonl").len(), 2 * count);
}

#[test]
fn real_time_a_thousand_metadata_instances_are_up_in_five_seconds_and_end_in_ten() {
    const INSTANCES: usize = 1000;
    let sandbox = sandbox();
    // A detection a second each, as of a quiet camera.
    let uri = write_detections(&sandbox, "walk.ndjson", Script { fps: 1, every: 10, walk: 40 }, 10);
    for number in 0..INSTANCES {
        let mut document = instance(&format!("i{number}"), &uri);
        // Each is at work for as long as the test lasts.
        document["Input"]["loop"] = true.into();
        document["Input"]["pace"] = "realtime".into();
        sandbox.write(&format!("data/instances/{number}.json"), document.to_string());
    }
    let began = Instant::now();
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    wait_until("all of them run", || {
        let list = control.does(&json!({"op": "list"}));
        let running = |one: &&Value| one["state"] == "running" && one["exports"][0]["state"] == "running";
        list["instances"].as_array().unwrap().iter().filter(running).count() == INSTANCES
    });
    let up = began.elapsed();
    let began = Instant::now();
    terminate(server.pid());
    assert!(server.finish().success());
    let down = began.elapsed();
    eprintln!("{INSTANCES} instances: up in {up:?}, down in {down:?}");
    assert!(up < Duration::from_secs(5), "{up:?}");
    assert!(down < Duration::from_secs(10), "{down:?}");
}

/// PRODUCT 15: every line that an instance or a receiver gives cause for says whose it is, in both forms.
#[test]
fn every_line_of_the_log_says_whose_it_is() {
    const RECEIVERS: [&str; 5] = ["preprocess", "broker", "blocked", "Child", "pictures"];
    for form in ["json", "text"] {
        let mut sandbox = sandbox();
        let ours = ["runtime", "export", "process", "source"].map(|room| format!("watchpost_{room}=debug"));
        sandbox.set_env("WATCHPOST_LOG", format!("info,{}", ours.join(",")));
        sandbox.write("data/exporters/child/manifest.json", json!({
            "name": "Child", "events": {"event-area-enter": 2}, "command": "/bin/sh -c 'echo I am unwell >&2; exit 3'",
        }).to_string());
        let mut document = watchpost_testkit::scene::scene(
            "ndjson+post://",
            2,
            json!({
                "preprocess_version": 2, "preprocess_cmd": "/bin/sh -c 'echo filtering >&2; exec cat >/dev/null'",
                "Child": {"enabled": true},
                "handlers": {
                    "broker": {"uri": "mqtt://127.0.0.1:1/x", "sink": "output-tracks", "enabled": true},
                    "blocked": {"uri": "json:///taken/x.jsonl", "sink": "output-tracks", "enabled": true, "config": {"append_only": true}},
                    "pictures": {"uri": "jpg:///p/{sys.count}.jpg", "sink": "output-image", "enabled": true},
                },
            }),
        );
        document["AutoStart"] = true.into();
        document["Output"]["handlers"].as_object_mut().unwrap().remove("events");
        // A file where a folder is needed.
        sandbox.write("data/exports/taken", "");
        sandbox.write("data/instances/scene.json", document.to_string());
        let server = sandbox.spawn(&["--log", form, "serve"]);
        let address = sandbox.http_address();
        let log = || std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap_or_default();
        let script = watchpost_testkit::scene::walkers(100);
        let frames: String = (0..300).map(|frame| script.line(frame)).collect();
        wait_until("the source runs", || {
            let posted = crate::api::ask(
                address,
                "POST",
                "/v1/core/instance/scene/detections",
                &[],
                frames.as_bytes(),
            );
            posted.status == 200
        });
        let said = ["I am unwell", "filtering", "refuses the connection", "a part of the path is a file"];
        wait_until("everybody has said something", || said.iter().all(|word| log().contains(word)));
        terminate(server.pid());
        assert!(server.finish().success(), "{}", log());
        let mut whose = std::collections::BTreeSet::new();
        for line in log().lines() {
            let (instance, receiver, target) = if form == "json" {
                let line: Value =
                    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                let text = |key: &str| line[key].as_str().map(str::to_owned);
                (text("instance"), text("receiver"), text("target").unwrap())
            } else {
                let value = |key: &str| {
                    let after = line.split_once(&format!(" {key}=\""))?.1;
                    Some(after.split_once('"')?.0.to_owned())
                };
                (value("instance"), value("receiver"), String::new())
            };
            whose.extend(receiver.clone());
            if form == "text" {
                continue;
            }
            let room = target.split("::").next().unwrap();
            // The server's own, and the store that all instances share.
            let is_shared = ["watchpost", "watchpost_api", "watchpost_journal"].contains(&room)
                || ["watchpost_runtime::server", "watchpost_runtime::runtime"]
                    .iter()
                    .any(|own| target.starts_with(own));
            assert!(is_shared || instance.as_deref() == Some("scene"), "whose is it? {line}");
            let of_receiver = ["watchpost_export", "watchpost_process"].contains(&room)
                || ["worker", "status", "preprocess"]
                    .iter()
                    .any(|part| target.starts_with(&format!("watchpost_runtime::{part}")));
            let known = receiver.as_deref().is_some_and(|receiver| RECEIVERS.contains(&receiver));
            assert!(!of_receiver || known, "which receiver's is it? {line}");
        }
        for receiver in ["preprocess", "broker", "blocked", "Child"] {
            assert!(whose.contains(receiver), "{receiver} has said nothing: {}", log());
        }
        let line = log().lines().find(|line| line.contains("I am unwell")).unwrap().to_owned();
        assert!(line.contains("scene") && line.contains("Child"), "{line}");
    }
}
