//! PRODUCT 12 "Limits": a full disk, and a folder that becomes read-only. "While the journal cannot be
//! written, records go through a bounded memory queue straight to the receivers, counted as undurable; a file
//! at pace `fast` waits. The source never stops for a receiver."
//!
//! The journal lies on a small disk of its own; everything else does not, so receivers go on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox, SmallDisk, Watchpost,
    proof::keeper_that_hangs,
    scene::{json_lines, scene, walkers, write_detections},
    terminate, wait_until,
};

/// The journal keeps its write-ahead files and what is delivered beside what waits.
const MIB: u32 = 128;

struct World {
    sandbox: Sandbox,
    fed: u64,
}

/// What a run left.
struct Left {
    code: Option<i32>,
    summary: Value,
    events: Vec<Value>,
    tracks: usize,
    diagnostics: Vec<Value>,
}

impl World {
    /// `None` where there can be no small disk.
    fn new(uri: impl FnOnce(&Sandbox) -> String, pace: &str) -> Option<Self> {
        let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        let disk = SmallDisk::new(&sandbox.data().join("journal"), MIB)?;
        sandbox.put_on(disk);
        let world = Self { sandbox, fed: 0 };
        world.instance(json!({}), &uri(&world.sandbox), pace);
        Some(world)
    }

    fn instance(&self, mut output: Value, uri: &str, pace: &str) {
        let tracks = json!({
            "uri": "json:///tracks.jsonl", "sink": "output-tracks", "enabled": true,
            "config": {"append_only": true, "minify": true},
        });
        let diagnostics = json_lines("diagnostics.jsonl", &["diagnostics"], 2);
        output["handlers"] = json!({"tracks": tracks, "diagnostics": diagnostics});
        let mut document = scene(uri, 2, output);
        document["Input"]["pace"] = json!(pace);
        self.sandbox.instance(&document);
    }

    fn start(&self) -> Watchpost {
        self.sandbox.spawn(&["run", "instance.json", "--json", "--drain", "30"])
    }

    fn feed(&mut self, watchpost: &mut Watchpost, frames: u64) {
        for _ in 0..frames {
            assert!(watchpost.feed(walkers(10).line(self.fed).as_bytes()), "{}", self.errors());
            self.fed += 1;
        }
    }

    /// Waits until everything is delivered, fills the disk, and feeds until that is noticed. What was delivered
    /// before is durable; returns how many events that were.
    fn fill(&mut self, watchpost: &mut Watchpost) -> usize {
        wait_until("everything is delivered", || self.lines("tracks.jsonl") as u64 == self.fed);
        let events = self.lines("events.jsonl");
        assert!(events > 10, "{events}");
        self.disk().fill();
        self.feed_until_blocked(watchpost);
        events
    }

    fn feed_until_blocked(&mut self, watchpost: &mut Watchpost) {
        wait_until("blocked", || {
            self.feed(watchpost, 5);
            self.errors().contains("journal cannot be written")
        });
    }

    fn disk(&self) -> &SmallDisk {
        self.sandbox.disk().unwrap()
    }

    fn lines(&self, name: &str) -> usize {
        let text = std::fs::read(self.sandbox.export(name)).unwrap_or_default();
        text.iter().filter(|byte| **byte == b'\n').count()
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.sandbox.path().join("stderr.log")).unwrap_or_default()
    }

    /// Ends it in order. Numbers are without a gap, over all that have them.
    fn end(&self, watchpost: Watchpost) -> Left {
        let left = self.end_after_a_kill(watchpost);
        let of =
            |records: &[Value]| records.iter().map(|r| r["sequence"].as_u64().unwrap()).collect::<Vec<_>>();
        let mut numbers = [of(&left.events), of(&left.diagnostics)].concat();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>());
        left
    }

    fn end_after_a_kill(&self, watchpost: Watchpost) -> Left {
        let ended = watchpost.finish();
        let summary = std::fs::read_to_string(self.sandbox.path().join("stdout.log")).unwrap();
        let summary = serde_json::from_str(&summary).unwrap_or_else(|_| panic!("{}", self.errors()));
        let left = Left {
            code: ended.code(),
            summary,
            events: self.sandbox.json_lines("events.jsonl"),
            tracks: self.lines("tracks.jsonl"),
            diagnostics: self.sandbox.json_lines("diagnostics.jsonl"),
        };
        assert!(left.events.is_sorted_by_key(|event| event["sequence"].as_u64()));
        left
    }
}

impl Left {
    fn undurable(&self) -> u64 {
        let exports = self.summary["exports"].as_array().unwrap();
        exports.iter().map(|export| export["export"]["undurable"].as_u64().unwrap()).sum()
    }

    fn lost(&self) -> u64 {
        self.summary["lost"].as_u64().unwrap()
    }

    fn titles(&self) -> Vec<&str> {
        self.diagnostics.iter().map(|record| record["title"].as_str().unwrap()).collect()
    }
}

/// How many events and track objects `frames` frames cause.
fn undisturbed(frames: u64) -> (usize, usize) {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let uri = write_detections(&sandbox, "in.ndjson", walkers(10), frames);
    sandbox.instance(&scene(&uri, 2, json!({})));
    assert_eq!(sandbox.run(&["run", "instance.json"]).code, Some(0));
    (sandbox.json_lines("events.jsonl").len(), frames as usize)
}

fn stdin(_: &Sandbox) -> String {
    "ndjson://-".into()
}

const TOLD: [&str; 2] = ["Journal cannot be written", "Journal is written again"];

#[test]
fn full_disk_live_records_go_on_from_memory_and_nothing_is_lost_that_has_room() {
    let Some(mut world) = World::new(stdin, "realtime") else { return };
    let mut watchpost = world.start();
    world.feed(&mut watchpost, 500);
    let before = world.fill(&mut watchpost);
    world.feed(&mut watchpost, 300);
    wait_until("events while the disk is full", || world.lines("events.jsonl") > before + 20);
    wait_until("the notice while the disk is full", || world.lines("diagnostics.jsonl") == 1);
    world.disk().free();
    wait_until("written again", || {
        world.errors().contains("written again") || world.lines("diagnostics.jsonl") == 2
    });
    world.feed(&mut watchpost, 300);
    let left = world.end(watchpost);
    assert_eq!((left.code, left.lost()), (Some(0), 0), "{:#}", left.summary);
    assert!(left.undurable() > 0, "{:#}", left.summary);
    assert_eq!((left.events.len(), left.tracks), undisturbed(world.fed));
    assert_eq!(left.titles(), TOLD);
}

#[test]
fn full_disk_live_for_long_only_the_one_that_hangs_loses_its_oldest() {
    let Some(mut world) = World::new(stdin, "realtime") else { return };
    keeper_that_hangs(&world.sandbox);
    world.instance(json!({"Keeper": {"enabled": true}}), "ndjson://-", "realtime");
    let mut watchpost = world.start();
    world.feed(&mut watchpost, 500);
    world.fill(&mut watchpost);
    // Some 8 KiB of tracks a frame: far more than the 8 MiB of memory there are.
    for _ in 0..16 {
        world.feed(&mut watchpost, 100);
        wait_until("the others go on", || world.lines("tracks.jsonl") as u64 == world.fed);
    }
    wait_until("the notice", || world.lines("diagnostics.jsonl") == 2);
    world.disk().free();
    wait_until("written again", || world.lines("diagnostics.jsonl") == 3);
    std::fs::write(world.sandbox.data().join("exporters/Keeper/go"), "").unwrap();
    world.feed(&mut watchpost, 100);
    let left = world.end(watchpost);
    assert_eq!((left.code, left.lost()), (Some(0), 0), "{:#}", left.summary);
    assert_eq!((left.events.len(), left.tracks), undisturbed(world.fed), "the others have everything");
    assert_eq!(left.titles(), [TOLD[0], "Export overflows", TOLD[1]]);
    let kept = world.sandbox.lines_of_exporter("Keeper");
    let mut events = left.events.iter();
    assert!(kept.iter().all(|record| events.any(|event| event == record)), "what it has is in order");
    assert_eq!(kept.last(), left.events.last());
    let exports = left.summary["exports"].as_array().unwrap();
    let keeper = exports.iter().find(|export| export["export"]["name"] == "Keeper").unwrap();
    assert!(kept.len() < left.events.len() && keeper["export"]["dropped"].as_u64().unwrap() > 0);
}

#[test]
fn full_disk_at_pace_fast_waits_loses_nothing_and_can_be_stopped() {
    const FRAMES: u64 = 2000;
    for stopped in [false, true] {
        let Some(mut world) = World::new(stdin, "fast") else { return };
        let mut watchpost = world.start();
        world.feed(&mut watchpost, 500);
        world.fill(&mut watchpost);
        let first = world.fed;
        // It goes on until the memory is full, and its receivers get nothing of that.
        let pid = watchpost.pid();
        let fed = Arc::new(AtomicU64::new(0));
        let counting = fed.clone();
        let feeding = std::thread::spawn(move || {
            let all = (first..FRAMES).all(|frame| {
                counting.fetch_add(1, Ordering::Relaxed);
                watchpost.feed(walkers(10).line(frame).as_bytes())
            });
            (watchpost, all)
        });
        let mut last = (Instant::now(), 0);
        wait_until("the source waits", || {
            let now = fed.load(Ordering::Relaxed);
            if now != last.1 {
                last = (Instant::now(), now);
            }
            now > 0 && last.0.elapsed() > Duration::from_millis(1000)
        });
        assert!(!feeding.is_finished(), "it took everything");
        assert!(world.lines("tracks.jsonl") as u64 <= first, "what is not durable was delivered");
        if stopped {
            let begun = Instant::now();
            terminate(pid);
            let (watchpost, all) = feeding.join().unwrap();
            assert!(!all, "it reads no more");
            assert_eq!(watchpost.finish().code(), Some(1));
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            continue;
        }
        world.disk().free();
        let left = world.end(feeding.join().unwrap().0);
        assert_eq!((left.code, left.lost(), left.undurable()), (Some(0), 0, 0), "{:#}", left.summary);
        assert_eq!((left.events.len(), left.tracks), undisturbed(FRAMES));
        assert_eq!(left.titles(), TOLD);
    }
}

#[test]
fn a_folder_that_becomes_read_only_and_writable_again_loses_nothing() {
    let Some(mut world) = World::new(stdin, "realtime") else { return };
    let mut watchpost = world.start();
    world.feed(&mut watchpost, 300);
    wait_until("the first frames", || world.lines("tracks.jsonl") > 10);
    world.disk().set_read_only(true);
    // Files that are open are still written; the next one cannot be made.
    world.feed_until_blocked(&mut watchpost);
    world.feed(&mut watchpost, 300);
    world.disk().set_read_only(false);
    wait_until("written again", || world.lines("diagnostics.jsonl") == 2);
    world.feed(&mut watchpost, 100);
    let left = world.end(watchpost);
    assert_eq!((left.code, left.lost()), (Some(0), 0), "{:#}", left.summary);
    assert_eq!((left.events.len(), left.tracks), undisturbed(world.fed));
    assert!(world.errors().contains("mount the data folder writable again"), "{}", world.errors());
}

#[test]
fn a_kill_while_nothing_is_durable_repeats_numbers_and_loses_nothing_that_was_durable() {
    let Some(mut world) = World::new(stdin, "realtime") else { return };
    let mut watchpost = world.start();
    world.feed(&mut watchpost, 500);
    let before = world.fill(&mut watchpost);
    world.feed(&mut watchpost, 300);
    wait_until("events while the disk is full", || world.lines("events.jsonl") > before + 20);
    let undurable = world.sandbox.json_lines("events.jsonl");
    watchpost.kill();
    world.disk().free();
    let mut watchpost = world.start();
    world.feed(&mut watchpost, 500);
    let left = world.end_after_a_kill(watchpost);
    assert_eq!(left.code, Some(0), "{:#}", left.summary);
    assert_eq!(left.events[..before], undurable[..before], "what was durable is still there");
    let again =
        left.events.iter().find(|event| event["sequence"] == undurable[undurable.len() - 1]["sequence"]);
    assert_ne!(again.unwrap()["record_id"], undurable[undurable.len() - 1]["record_id"]);
}

/// PRODUCT 15: `/readyz`, `/metrics` and `/api/v1/system` say so while it lasts, and no longer; `/healthz` is about the
/// process alone.
#[test]
fn a_full_disk_is_seen_by_whoever_watches_over_the_server() {
    use crate::api::{ask, get};
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let Some(disk) = SmallDisk::new(&sandbox.data().join("journal"), MIB) else { return };
    sandbox.put_on(disk);
    let tracks = json!({"tracks": {"uri": "json:///tracks.jsonl", "sink": "output-tracks", "config": {"append_only": true}}});
    let mut document = scene("ndjson+post://", 2, json!({"handlers": tracks}));
    document["AutoStart"] = true.into();
    sandbox.write("data/instances/scene.json", document.to_string());
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let mut fed = 0;
    let mut post = || {
        let lines: String = (fed..fed + 20).map(|frame| walkers(10).line(frame)).collect();
        let posted = ask(address, "POST", "/v1/core/instance/scene/detections", &[], lines.as_bytes());
        fed += if posted.status == 200 { 20 } else { 0 };
        posted.status
    };
    wait_until("it takes lines", || post() == 200);
    let blocked = || {
        let metrics = String::from_utf8(get(address, "/metrics").body).unwrap();
        let state = get(address, "/api/v1/system").json()["journal"]["state"].clone();
        (get(address, "/readyz").status, metrics.contains("\nwatchpost_journal_blocked 1\n"), state)
    };
    assert_eq!(blocked(), (200, false, json!("writing")));
    sandbox.disk().unwrap().fill();
    wait_until("it is seen", || {
        post();
        get(address, "/readyz").status == 503
    });
    assert_eq!(blocked(), (503, true, json!("blocked")));
    let why = get(address, "/readyz").json();
    assert!(why["detail"].as_str().unwrap().contains("journal"), "{why}");
    assert_eq!(get(address, "/healthz").status, 200);
    sandbox.disk().unwrap().free();
    wait_until("it is over", || blocked() == (200, false, json!("writing")));
}
