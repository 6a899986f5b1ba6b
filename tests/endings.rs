//! PRODUCT 2, `run`: "Ends when the source has ended and all receivers are drained, at most `--drain` after. 0 only if
//! nothing waits and nothing is dead, else 1 with the counts; what waits is sent by the next run. A first Ctrl-C stops
//! orderly, a second at once."

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox, Script, Watchpost, interrupt,
    scene::{EVENT_IDS, scene, subscriptions, walkers},
    terminate, wait_until,
};

/// Somebody is in the area nearly always.
const SCRIPT: Script = Script { fps: 100, every: 20, walk: 400 };

/// An exporter that never reads, and outlives the end of its STDIN and TERM. A file `go` beside it makes it one that
/// works.
fn stubborn(sandbox: &Sandbox) {
    let manifest = json!({"name": "Stubborn", "events": subscriptions(&EVENT_IDS, 2), "command": "python3 it.py",
        "framing": "newline", "acknowledge": true});
    sandbox.write("data/exporters/Stubborn/manifest.json", manifest.to_string());
    let program = "import os, signal, sys, time\n\
        open('pid', 'w').write(str(os.getpid()))\n\
        if os.path.exists('go'):\n\
        \x20   with open('seen.jsonl', 'a') as out:\n\
        \x20       for line in sys.stdin:\n\
        \x20           out.write(line)\n\
        \x20           out.flush()\n\
        \x20           print('OK', flush=True)\n\
        else:\n\
        \x20   signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
        \x20   time.sleep(1000000)\n";
    sandbox.write("data/exporters/Stubborn/it.py", program);
}

fn child(sandbox: &Sandbox) -> u32 {
    let file = sandbox.data().join("exporters/Stubborn/pid");
    let mut pid = None;
    wait_until("the exporter runs", || {
        pid = std::fs::read_to_string(&file).ok().and_then(|text| text.trim().parse().ok());
        pid.is_some()
    });
    pid.unwrap()
}

fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

/// `run` of what STDIN says, with some events in it.
fn running(sandbox: &Sandbox, output: Value) -> Watchpost {
    sandbox.instance(&scene("ndjson://-", 2, output));
    let mut running = sandbox.spawn(&["run", "instance.json"]);
    for frame in 0..600 {
        assert!(running.feed(SCRIPT.line(frame).as_bytes()));
    }
    wait_until("events are written", || ids(sandbox).iter().any(|id| id == "event-intrusion"));
    running
}

fn ids(sandbox: &Sandbox) -> Vec<String> {
    let events = sandbox.json_lines_so_far("events.jsonl");
    events.iter().map(|event| event["$id"].as_str().unwrap().to_owned()).collect()
}

/// Waits for its end without closing its STDIN; the exit code.
fn ended(mut running: Watchpost) -> Option<i32> {
    let mut status = None;
    wait_until("watchpost ends", || {
        status = running.has_ended();
        status.is_some()
    });
    status.unwrap().code()
}

fn said(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.path().join("stdout.log")).unwrap()
}

#[test]
fn the_first_ctrl_c_and_term_stop_in_order_and_everything_is_complete() {
    for ask_to_stop in [interrupt, terminate] {
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        let running = running(&sandbox, json!({}));
        ask_to_stop(running.pid());
        // Its source goes on: only the signal ends it.
        assert_eq!(ended(running), Some(0));
        let ids = ids(&sandbox);
        let count = |wanted: &str| ids.iter().filter(|id| *id == wanted).count();
        assert!(count("event-intrusion") > 0, "{ids:?}");
        assert_eq!(count("event-intrusion"), count("event-intrusion-end"), "what was open has ended");
        let said = said(&sandbox);
        assert!(
            said.lines().last().unwrap().ends_with(" frames; stopped; everything is delivered"),
            "{said}"
        );
    }
}

#[test]
fn real_time_the_second_ctrl_c_ends_it_at_once() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    stubborn(&sandbox);
    let running = running(&sandbox, json!({"Stubborn": {"enabled": true}}));
    let child = child(&sandbox);
    interrupt(running.pid());
    wait_until("it stops", || ids(&sandbox).iter().any(|id| id == "event-intrusion-end"));
    let asked = Instant::now();
    interrupt(running.pid());
    assert_eq!(ended(running), Some(1));
    // In order it takes two times of grace, three seconds, to end that child.
    assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    wait_until("its child ends with it", || !is_there(child));
}

#[test]
fn the_first_ctrl_c_ends_a_child_that_ignores_everything() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    stubborn(&sandbox);
    let running = running(&sandbox, json!({"Stubborn": {"enabled": true}}));
    let child = child(&sandbox);
    interrupt(running.pid());
    assert_eq!(ended(running), Some(1), "what it did not take waits");
    assert!(!is_there(child), "it ended before");
    let said = said(&sandbox);
    assert!(said.lines().last().unwrap().ends_with(" wait and are sent by the next run"), "{said}");
}

#[test]
fn what_does_not_take_its_records_is_waited_for_no_longer_than_drain_and_gets_them_from_the_next_run() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    stubborn(&sandbox);
    let frames: String = (0..600).map(|frame| walkers(20).line(frame)).collect();
    sandbox.write("data/in.ndjson", frames);
    sandbox.instance(&scene("ndjson:///in.ndjson", 2, json!({"Stubborn": {"enabled": true}})));
    let began = Instant::now();
    let ran = sandbox.run(&["run", "instance.json", "--drain", "1", "--json"]);
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let summary: Value = serde_json::from_str(&ran.stdout).unwrap();
    let events = sandbox.json_lines("events.jsonl");
    assert!(events.len() > 40, "{}", events.len());
    assert_eq!(
        (&summary["waiting"], &summary["refused"], &summary["complete"], &summary["ended"]),
        (&json!(events.len()), &json!(0), &json!(false), &json!("finished"))
    );
    sandbox.write("data/exporters/Stubborn/go", "");
    sandbox.write("data/in.ndjson", "");
    let next = sandbox.run(&["run", "instance.json"]);
    assert_eq!(next.code, Some(0), "{next:?}");
    assert_eq!(sandbox.lines_of_exporter("Stubborn"), events);
}

#[test]
fn what_is_refused_for_good_is_counted_and_makes_it_1() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let manifest = json!({"name": "No", "events": subscriptions(&EVENT_IDS, 2), "command": "python3 no.py",
        "framing": "newline", "acknowledge": true, "retries": 0});
    sandbox.write("data/exporters/No/manifest.json", manifest.to_string());
    let program = "import sys\nfor line in sys.stdin: print('ERROR not today', flush=True)\n";
    sandbox.write("data/exporters/No/no.py", program);
    let frames: String = (0..600).map(|frame| walkers(20).line(frame)).collect();
    sandbox.write("data/in.ndjson", frames);
    sandbox.instance(&scene("ndjson:///in.ndjson", 2, json!({"No": {"enabled": true}})));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let count = sandbox.json_lines("events.jsonl").len();
    let verdict =
        format!("{count} records refused for good, kept as dead letters; everything else is delivered");
    assert!(ran.stdout.lines().last().unwrap().ends_with(&verdict), "{ran:?}");
    // Dead is told once: the next run has nothing that waits.
    sandbox.write("data/in.ndjson", "");
    assert_eq!(sandbox.run(&["run", "instance.json"]).code, Some(0));
}
