//! Files that have had enough: rotated out, compressed, deleted; and no line torn, glued or doubled, whatever dies.

#[path = "rotation/table.rs"]
mod table;

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use watchpost_export::{Delivery, Outcome, Receiver};
use watchpost_schema::streams::StreamName;

use crate::common::{Cursor, Sandbox, deliver, deliver_all, delivery, object, outcomes};

/// Objects of 100 bytes or so, told apart by `n`.
fn objects(range: std::ops::Range<u64>) -> Vec<Delivery> {
    let one = |n: u64| {
        let value =
            json!({"frame_id": n, "frame_time": n as f64 * 40.0, "filler": "x".repeat(60), "tracks": []});
        let mut delivery = delivery(n, object(StreamName::Tracks, &value));
        delivery.time_ms = 1_782_909_296_000 + n as i64 * 40;
        delivery
    };
    range.map(one).collect()
}

fn handler(format: &str, config: Value) -> Value {
    let mut handler =
        json!({"uri": format!("{format}:///out/t.{format}"), "sink": "output-tracks", "config": config});
    handler["config"]["shape"] = json!("objects");
    handler["config"]["append_only"] = json!(true);
    match format {
        "txt" => handler["config"]["template"] = json!("{obj.frame_id}"),
        _ => handler["config"]["minify"] = json!(true),
    }
    handler
}

/// The file's text, unpacked if it is packed.
fn text(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap();
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
        Some("zst") => zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap(),
        _ => std::io::BufReader::new(file).read_to_string(&mut text).unwrap(),
    };
    text
}

/// The numbers of all objects, file by file in the order they were written: the newest file keeps its name.
fn numbers_of(sandbox: &Sandbox, format: &str) -> Vec<u64> {
    let mut names = sandbox.files();
    let active = format!("out/t.{format}");
    names.sort_by_key(|name| (*name == active, name.clone()));
    let mut numbers = Vec::new();
    for name in names {
        let text = text(&sandbox.exports().join(&name));
        assert!(text.ends_with('\n'), "{name} ends in a whole line");
        let frame_id = |value: Value| value["frame_id"].as_u64().unwrap();
        match format {
            "json" => {
                let objects = serde_json::Deserializer::from_str(&text).into_iter::<Value>();
                numbers
                    .extend(objects.map(|value| frame_id(value.unwrap_or_else(|e| panic!("{name}: {e}")))));
            }
            "csv" => {
                let mut reader = csv::Reader::from_reader(text.as_bytes());
                assert_eq!(reader.headers().unwrap().get(0), Some("frame_id"), "{name}");
                numbers.extend(reader.records().map(|row| row.unwrap()[0].parse::<u64>().unwrap()));
            }
            _ => numbers
                .extend(text.lines().map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap())),
        }
    }
    numbers
}

/// Between two looks at a condition.
fn look_later() {
    std::thread::park_timeout(Duration::from_millis(20));
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        look_later();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_larger_than_its_bound_and_each_has_its_header() {
    for format in ["json", "csv", "txt"] {
        let sandbox = Sandbox::new();
        let handler = handler(format, json!({"rotate": {"bytes": 2000}}));
        let mut cursor = Cursor::default();
        for round in 0..3 {
            let more = objects(round * 100..(round + 1) * 100);
            deliver_all(sandbox.receiver(&handler).as_mut(), &mut cursor, more).await;
        }
        assert_eq!(numbers_of(&sandbox, format), (0..300).collect::<Vec<_>>(), "{format}");
        let files = sandbox.files();
        assert!(files.contains(&format!("out/t.000001.{format}")) || format == "txt", "{files:?}");
        for name in &files {
            let text = sandbox.read(name);
            assert!(text.len() <= 2000, "{name}: {}", text.len());
            assert_eq!(text.starts_with("frame_id"), format == "csv", "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_part_at_full_steps_of_the_objects_time() {
    let sandbox = Sandbox::new();
    // Ten a second, and a step in which there is nothing.
    let handler = handler("json", json!({"rotate": {"seconds": 4}}));
    let mut given = objects(0..200);
    given.extend(objects(400..450));
    deliver_all(sandbox.receiver(&handler).as_mut(), &mut Cursor::default(), given).await;
    let mut steps = Vec::new();
    for name in sandbox.files() {
        let lines = sandbox.read(&name);
        let times = lines.lines().map(|line| {
            let n = serde_json::from_str::<Value>(line).unwrap()["frame_id"].as_i64().unwrap();
            (1_782_909_296_000 + n * 40).div_euclid(4000)
        });
        let times: std::collections::BTreeSet<_> = times.collect();
        assert_eq!(times.len(), 1, "{name} is of one step");
        steps.extend(times);
    }
    assert_eq!(steps.len(), 3, "{steps:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_moment_of_a_rotation_loses_and_doubles_nothing() {
    for (format, seed) in [("json", 1), ("csv", 2), ("txt", 3), ("json", 4)] {
        let sandbox = Sandbox::new();
        let handler = handler(format, json!({"rotate": {"bytes": 1500}}));
        let mut cursor = Cursor::default();
        let mut random = seed * 7919_u64;
        for _ in 0..25 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (kept, more) = ((random >> 33) % 60, (random >> 40) % 90);
            let mut receiver = sandbox.receiver(&handler);
            if kept > 0 {
                let from = cursor.next;
                deliver(receiver.as_mut(), &mut cursor, objects(from..from + kept)).await;
            } else {
                receiver.open(cursor.resume.as_deref()).await.unwrap();
            }
            // Written, acknowledged, and the cursor never kept: several files may have been begun and ended.
            if more > 0 {
                receiver.send(objects(cursor.next..cursor.next + more)).await.unwrap();
                let told = outcomes(receiver.as_mut()).await.unwrap();
                assert!(matches!(told.last(), Some(Outcome::Delivered { .. })));
            }
            drop(receiver);
        }
        let (from, end) = (cursor.next, cursor.next + 10);
        deliver_all(sandbox.receiver(&handler).as_mut(), &mut cursor, objects(from..end)).await;
        assert_eq!(numbers_of(&sandbox, format), (0..end).collect::<Vec<_>>(), "{format} {seed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rotated_out_is_compressed_once_it_is_kept() {
    for (how, suffix) in [("gzip", ".gz"), ("zstd", ".zst")] {
        let sandbox = Sandbox::new();
        let handler = handler("json", json!({"rotate": {"bytes": 2000}, "compress": how}));
        let mut receiver = sandbox.receiver(&handler);
        let mut cursor = Cursor::default();
        deliver(receiver.as_mut(), &mut cursor, objects(0..100)).await;
        assert!(receiver.awaits_kept());
        // Longer than it takes to look twice.
        let until = Instant::now() + Duration::from_millis(600);
        while Instant::now() < until {
            assert!(
                !sandbox.files().iter().any(|name| name.ends_with(suffix)),
                "a crash might still cut them"
            );
            look_later();
        }
        receiver.kept(cursor.next);
        assert!(!receiver.awaits_kept());
        wait_until("all but the active file are compressed", || {
            let files = sandbox.files();
            files.len() > 3 && files.iter().filter(|name| !name.ends_with(suffix)).count() == 1
        });
        assert_eq!(numbers_of(&sandbox, "json"), (0..100).collect::<Vec<_>>());
        // The next run compresses what this one left, and goes on numbering.
        deliver(receiver.as_mut(), &mut cursor, objects(100..200)).await;
        drop(receiver);
        let mut receiver = sandbox.receiver(&handler);
        deliver(receiver.as_mut(), &mut cursor, objects(200..201)).await;
        receiver.kept(cursor.next);
        wait_until("what an earlier run left is compressed", || {
            sandbox.files().iter().filter(|name| !name.ends_with(suffix)).count() == 1
        });
        assert_eq!(numbers_of(&sandbox, "json"), (0..201).collect::<Vec<_>>());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_keeps_so_many_files_of_each_kind_and_nothing_of_others_goes() {
    let rolling = handler("json", json!({"rotate": {"bytes": 2000}, "retention": {"files": 5}}));
    let each = json!({"uri": "json:///out/{obj.frame_id|pad:6}.json", "sink": "output-tracks",
        "config": {"minify": true, "retention": {"files": 5}}});
    for handler in [rolling, each] {
        let sandbox = Sandbox::new();
        std::fs::create_dir_all(sandbox.exports().join("out")).unwrap();
        std::fs::write(sandbox.exports().join("out/000000.json"), "").unwrap();
        std::fs::write(sandbox.exports().join("out/theirs.json"), "mine\n").unwrap();
        let mut receiver = sandbox.receiver(&handler);
        let mut cursor = Cursor::default();
        for round in 0..5 {
            deliver(receiver.as_mut(), &mut cursor, objects(round * 100 + 1..(round + 1) * 100 + 1)).await;
        }
        receiver.kept(cursor.next);
        let rolled = |sandbox: &Sandbox| sandbox.files().len();
        wait_until("the oldest are gone", || (6..=8).contains(&rolled(&sandbox)));
        assert_eq!(sandbox.read("out/theirs.json"), "mine\n");
        let newest = sandbox.files().iter().any(|name| sandbox.read(name).contains("\"frame_id\":500"));
        assert!(newest, "{:?}", sandbox.files());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_vanishes_is_made_anew_and_what_comes_after_is_all_there() {
    for append_only in [true, false] {
        let sandbox = Sandbox::new();
        let mut handler = handler("json", json!({}));
        handler["config"]["append_only"] = json!(append_only);
        if !append_only {
            handler["uri"] = json!("json:///out/{obj.frame_id|pad:4}.json");
        }
        let mut receiver = sandbox.receiver(&handler);
        let mut cursor = Cursor::default();
        deliver(receiver.as_mut(), &mut cursor, objects(0..10)).await;
        std::fs::remove_dir_all(sandbox.exports()).unwrap();
        let all = async |receiver: &mut dyn Receiver, cursor: &mut Cursor| {
            receiver.send(objects(cursor.next..20)).await?;
            while cursor.next < 20 {
                cursor.take(outcomes(receiver).await?);
            }
            Ok::<_, watchpost_export::ReceiverError>(())
        };
        // As a worker does: what fails for now is opened anew.
        for _ in 0..3 {
            match all(receiver.as_mut(), &mut cursor).await {
                Ok(()) => break,
                Err(_) => receiver.open(cursor.resume.as_deref()).await.unwrap(),
            }
        }
        let text: String = sandbox.files().iter().map(|name| sandbox.read(name)).collect();
        let found: Vec<_> = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["frame_id"].as_u64().unwrap())
            .collect();
        assert_eq!(found, (10..20).collect::<Vec<_>>(), "append_only {append_only}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let sandbox = Sandbox::new();
    let one = |config: Value| {
        let uri = "json:///t.json";
        let problems = sandbox.refused(&json!({"uri": uri, "sink": "output-tracks", "config": config}));
        assert_eq!(problems.len(), 1, "{problems:?}");
        problems[0].clone()
    };
    assert!(one(json!({"rotate": {}})).contains("/config/rotate: has no bound; set `bytes` or `seconds`"));
    assert!(one(json!({"rotate": {"bytes": 1}})).contains("/config/rotate/bytes: lower than 1024"));
    assert!(one(json!({"compress": "gzip"})).contains("/config/compress: compresses what is rotated out"));
    assert!(
        one(json!({"rotate": {"bytes": 5000}, "compress": "zip"}))
            .contains("/config/compress: is `zip`; expected `gzip` or `zstd`")
    );
    assert!(
        one(json!({"append_only": false, "rotate": {"bytes": 5000}}))
            .contains("a file for each object has nothing")
    );
    assert!(one(json!({"retention": {}})).contains("/config/retention: has no bound"));
    let plan = sandbox.plan(
        &json!({"uri": "json:///t.json", "sink": "output-tracks", "config": {"retention": {"files": 1}}}),
    );
    assert!(plan.unwrap().warnings[0].message.contains("there is one file only"));
}
