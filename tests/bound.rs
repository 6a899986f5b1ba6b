//! PRODUCT 12 "Limits": "The log is bounded per instance: at the bound a file at pace `fast` waits; with a
//! live source the receiver furthest behind loses its oldest (counted, state `overflowing`, a `diagnostics`
//! record), all others go on." And `when_behind: drop_oldest`, the bound that a user sets for one export.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    proof::{keeper, keeper_that_hangs},
    scene::{json_lines, scene, walkers},
    wait_until,
};

/// The least there can be.
const BOUND_BYTES: u64 = 1 << 20;

fn sandbox(pace: &str, output: Value) -> Sandbox {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let mut document = scene("ndjson://-", 2, output);
    document["Input"]["pace"] = json!(pace);
    document["journal"] = json!({"bytes": BOUND_BYTES, "keep": {"bytes": 0}});
    sandbox.instance(&document);
    sandbox
}

fn with_keeper() -> Value {
    let tracks = json!({
        "uri": "json:///tracks.jsonl", "sink": "output-tracks", "enabled": true,
        "config": {"append_only": true, "minify": true},
    });
    let diagnostics = json_lines("diagnostics.jsonl", &["diagnostics"], 2);
    json!({"Keeper": {"enabled": true}, "handlers": {"tracks": tracks, "diagnostics": diagnostics}})
}

fn export<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let exports = summary["exports"].as_array().unwrap();
    &exports.iter().find(|export| export["export"]["name"] == name).unwrap()["export"]
}

fn sequences(records: &[Value]) -> Vec<u64> {
    records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect()
}

#[test]
fn at_the_bound_live_the_one_that_is_behind_loses_its_oldest_counted_and_told_once() {
    let sandbox = sandbox("realtime", with_keeper());
    keeper_that_hangs(&sandbox);
    let mut watchpost = sandbox.spawn(&["run", "instance.json", "--json", "--drain", "0"]);
    let mut frame = 0;
    // Some 8 KiB of tracks a frame.
    wait_until("the log is over its bound", || {
        for _ in 0..100 {
            assert!(watchpost.feed(walkers(10).line(frame).as_bytes()));
            frame += 1;
        }
        sandbox.json_lines_so_far("diagnostics.jsonl").len() == 1
    });
    for _ in 0..500 {
        assert!(watchpost.feed(walkers(10).line(frame).as_bytes()));
        frame += 1;
    }
    wait_until("all others go on", || sandbox.json_lines_so_far("tracks.jsonl").len() as u64 == frame);
    assert_eq!(watchpost.finish().code(), Some(1), "something waits");
    let told = sandbox.json_lines("diagnostics.jsonl");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["title"], "Export overflows");
    assert!(
        told[0]["message"].as_str().unwrap().starts_with("Export `Keeper` loses its oldest"),
        "{}",
        told[0]
    );

    // It comes back and gets what is left, and what is gone is counted.
    keeper(&sandbox);
    let again = sandbox.spawn(&["run", "instance.json", "--json"]);
    assert_eq!(again.finish().code(), Some(0));
    let summary = std::fs::read_to_string(sandbox.path().join("stdout.log")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert!(export(&summary, "Keeper")["dropped"].as_u64().unwrap() > 0, "{summary:#}");
    let file = sequences(&sandbox.json_lines("events.jsonl"));
    let kept = sequences(&sandbox.lines_of_exporter("Keeper"));
    assert!(!kept.is_empty() && kept.len() < file.len(), "{} of {}", kept.len(), file.len());
    assert_eq!(kept, file[file.len() - kept.len()..], "the newest, in order");
}

#[test]
fn at_the_bound_at_pace_fast_the_source_waits_and_nothing_is_lost() {
    let sandbox = sandbox("fast", with_keeper());
    keeper_that_hangs(&sandbox);
    let mut watchpost = sandbox.spawn(&["run", "instance.json", "--json"]);
    let fed = Arc::new(AtomicU64::new(0));
    let counting = fed.clone();
    let feeding = std::thread::spawn(move || {
        for frame in 0..1500 {
            assert!(watchpost.feed(walkers(10).line(frame).as_bytes()));
            counting.fetch_add(1, Ordering::Relaxed);
        }
        watchpost
    });
    let mut last = (Instant::now(), 0);
    wait_until("the source waits", || {
        let now = fed.load(Ordering::Relaxed);
        if now != last.1 {
            last = (Instant::now(), now);
        }
        now > 0 && last.0.elapsed() > Duration::from_millis(1500)
    });
    assert!(!feeding.is_finished(), "it took everything: nothing waited");
    std::fs::write(sandbox.data().join("exporters/Keeper/go"), "").unwrap();
    assert_eq!(feeding.join().unwrap().finish().code(), Some(0));
    let file = sequences(&sandbox.json_lines("events.jsonl"));
    assert!(file.len() > 200);
    assert_eq!(sequences(&sandbox.lines_of_exporter("Keeper")), file);
    assert_eq!(sandbox.json_lines("tracks.jsonl").len(), 1500);
}

#[test]
fn drop_oldest_bounds_one_export_and_keep_keeps_all_for_another() {
    let mut behind = json_lines("away/behind.jsonl", &["event-area-enter"], 2);
    behind["config"]["when_behind"] = json!("drop_oldest");
    behind["config"]["behind_max"] = json!({"records": 5});
    let keeps = json_lines("away/keeps.jsonl", &["event-area-enter"], 2);
    let diagnostics = json_lines("diagnostics.jsonl", &["diagnostics"], 2);
    let output = json!({"handlers": {"behind": behind, "keeps": keeps, "diagnostics": diagnostics}});
    let sandbox = sandbox("realtime", output);
    // Where a folder should be there is a file: both wait.
    let away = sandbox.write("data/exports/away", "");
    let mut watchpost = sandbox.spawn(&["run", "instance.json", "--json"]);
    let mut frame = 0;
    let mut feed = |frames: u64| {
        for _ in 0..frames {
            assert!(watchpost.feed(walkers(10).line(frame).as_bytes()));
            frame += 1;
        }
    };
    feed(600);
    wait_until("events", || sandbox.json_lines_so_far("events.jsonl").len() > 60);
    std::fs::remove_file(away).unwrap();
    wait_until("both are back", || !sandbox.json_lines_so_far("away/keeps.jsonl").is_empty());
    feed(300);
    wait_until("behind is back", || !sandbox.json_lines_so_far("away/behind.jsonl").is_empty());
    assert_eq!(watchpost.finish().code(), Some(0));
    let summary = std::fs::read_to_string(sandbox.path().join("stdout.log")).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    let enters: Vec<_> = sandbox.json_lines("events.jsonl");
    let enters: Vec<_> = enters.into_iter().filter(|event| event["$id"] == "event-area-enter").collect();
    let (behind, keeps) = (sandbox.json_lines("away/behind.jsonl"), sandbox.json_lines("away/keeps.jsonl"));
    assert_eq!(keeps, enters, "keep: everything, in order");
    let dropped = export(&summary, "behind")["dropped"].as_u64().unwrap() as usize;
    assert!(dropped > 0 && behind.len() + dropped == enters.len(), "{dropped} dropped: {summary:#}");
    assert_eq!(behind.last(), enters.last(), "the newest is there");
    let mut rest = enters.iter();
    assert!(behind.iter().all(|event| rest.any(|other| other == event)), "the rest is in order");
    assert_eq!(sandbox.json_lines("diagnostics.jsonl").len(), 1, "told once");
}
