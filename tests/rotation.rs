//! PRODUCT 10 and 12: files that are rotated and compressed lose, tear, glue and double no line, through kill -9.

use std::{fs::File, io::Read as _, path::Path};

use serde_json::{Value, json};
use watchpost_testkit::{
    Random, Sandbox,
    scene::{EVENT_IDS, scene, walkers},
    wait_until,
};

/// So many lives, each ended by a kill at a random moment.
const LIVES: u32 = 6;
/// A second or so of tracks.
const BYTES: usize = 300_000;

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

/// The files of one export, oldest first; a number that is there both packed and not is there once.
fn files(folder: &Path, stem: &str) -> Vec<std::path::PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{stem}.")))
        .collect();
    // `a.000001.jsonl` before `a.jsonl`, which is the one being written.
    found.sort();
    found
}

#[test]
fn kills_in_mid_rotation_and_in_mid_compression_lose_and_double_no_line() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let rolled = |uri: &str, compress: &str| {
        json!({"uri": uri, "sink": "output-tracks", "config": {
            "append_only": true, "minify": true, "shape": "objects", "compress": compress,
            "rotate": {"bytes": BYTES},
        }})
    };
    let events = json!({"uri": "csv:///rows.csv", "sink": "", "config": {
        "schema_events": EVENT_IDS.map(|id| format!("{id}:2")), "rotate": {"bytes": 1500},
    }});
    let output = json!({"handlers": {
        "gzip": rolled("json:///gzip/a.jsonl", "gzip"),
        "zstd": rolled("json:///zstd/a.jsonl", "zstd"),
        "rows": events,
    }});
    sandbox.write("instance.json", scene("ndjson://-", 2, output).to_string());
    let script = walkers(10);
    let (mut random, mut frame) = (Random::new(), 0);
    let instance = sandbox.path().join("instance.json");
    let exports = sandbox.data().join("exports");
    let start = || sandbox.spawn(&["run".as_ref(), instance.as_os_str()]);
    for life in 0..LIVES {
        let mut watchpost = start();
        for _ in 0..400 + random.below(800) {
            assert!(watchpost.feed(script.line(frame).as_bytes()));
            frame += 1;
        }
        if life % 2 == 0 {
            // Long enough for something to be packed just now.
            let packed = || {
                files(&exports.join("gzip"), "a").iter().filter(|p| p.extension().unwrap() == "gz").count()
            };
            let before = if exports.join("gzip").exists() { packed() } else { 0 };
            wait_until("something is packed", || exports.join("gzip").exists() && packed() > before);
        }
        watchpost.kill();
    }
    let mut last = start();
    for _ in 0..50 {
        assert!(last.feed(script.line(frame).as_bytes()));
        frame += 1;
    }
    let ended = last.finish();
    let said = |name: &str| std::fs::read_to_string(sandbox.path().join(name)).unwrap();
    assert!(ended.success(), "{}{}", said("stdout.log"), said("stderr.log"));

    for export in ["gzip", "zstd"] {
        let mut frames = Vec::new();
        for path in files(&exports.join(export), "a") {
            let text = text(&path);
            assert!(text.ends_with('\n') && text.len() <= BYTES, "{}", path.display());
            let number =
                |line: &str| serde_json::from_str::<Value>(line).unwrap()["frame_id"].as_u64().unwrap();
            frames.extend(text.lines().map(number));
        }
        let risen = frames.windows(2).all(|pair| pair[0] < pair[1]);
        assert!(risen, "{export}: each object once and in order");
        assert!(frames.len() > 1000, "{export}: only {} objects: this proves nothing", frames.len());
    }
    // What a kill lost never entered the log: then both exports lack it.
    let of = |export: &str| -> Vec<String> {
        files(&exports.join(export), "a")
            .iter()
            .flat_map(|path| text(path).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    assert_eq!(of("gzip"), of("zstd"));

    // The rows of events: as many as `events.jsonl`, whose numbers have no gaps, has records.
    let records = sandbox.json_lines("events.jsonl");
    let mut rows = 0;
    for path in files(&exports, "rows") {
        let text = text(&path);
        assert!(text.starts_with("frame_id,") && text.ends_with("\r\n"), "{}", path.display());
        rows += text.lines().count() - 1;
    }
    assert_eq!(rows, records.len());
    let numbers: Vec<_> = records.iter().map(|record| record["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (0..records.len() as u64).collect::<Vec<_>>());
}
