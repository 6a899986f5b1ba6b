//! The conformance kit: good programs pass every check, and for each check there is a bad one that it finds.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};
use watchpost_config::Manifest;
use watchpost_export::exporter::kit::{Kit, Row, Verdict, run};
use watchpost_process::Guardian;

/// A program that does everything right, in the places where the bad ones differ.
const GOOD: &str = r#"
import json, os, sys
START
for number, line in enumerate(sys.stdin.buffer):
    record = json.loads(line)
    EACH
    print('OK', flush=True)
END
"#;

async fn test(dir: &Path, manifest: &Value, pause: Duration) -> Vec<Row> {
    let origin = dir.join("manifest.json");
    let (manifest, _) = Manifest::parse(&manifest.to_string(), &origin).unwrap();
    let settings = manifest.settings_from(&Map::new(), &origin, "").unwrap();
    let exports = tempfile::tempdir().unwrap();
    let kit = Kit {
        manifest: &manifest,
        dir,
        settings: &settings,
        exports_dir: exports.path(),
        guardian: Guardian::for_tests(),
        pause,
    };
    run(&kit, |_| {}).await.unwrap()
}

/// The failed checks of a program, with their reasons.
async fn failures(start: &str, each: &str, end: &str, more: &Value) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let each = each.replace('\n', "\n    ");
    let script = GOOD.replace("START", start).replace("EACH", &each).replace("END", end);
    std::fs::write(dir.path().join("program.py"), script).unwrap();
    let mut manifest = json!({
        "name": "Test", "events": {"event-intrusion": [1, 2], "crop": [1, 2], "attribute": 2},
        "command": "/usr/bin/python3 program.py", "framing": "newline", "acknowledge": true,
        "timeout_ms": 10000,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let rows = test(dir.path(), &manifest, Duration::from_millis(700)).await;
    let failed = rows.into_iter().filter(|row| row.result == Verdict::Fail);
    failed.map(|row| (row.check, row.detail)).collect()
}

/// That exactly the checks named fail, the first for the reason said.
async fn finds(start: &str, each: &str, end: &str, more: Value, expected: &[&str], reason: &str) {
    let found = failures(start, each, end, &more).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{found:#?}");
    assert!(found[expected[0]].contains(reason), "{reason}: {found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_program_passes_every_check() {
    let dir = tempfile::tempdir().unwrap();
    let script = GOOD.replace("START", "").replace("EACH", "pass").replace("END", "");
    std::fs::write(dir.path().join("program.py"), script).unwrap();
    for acknowledge in [true, false] {
        let manifest = json!({
            "name": "Good", "events": {"event-intrusion": [1, 2], "crop": 2, "track": 1},
            "command": "/usr/bin/python3 program.py", "framing": "newline", "acknowledge": acknowledge,
        });
        let rows = test(dir.path(), &manifest, Duration::from_millis(100)).await;
        let names: Vec<_> = rows.iter().map(|row| row.check.as_str()).collect();
        let expected = [
            "starts",
            "crop:2",
            "event-intrusion:2",
            "recorded, version 2",
            "event-intrusion:1",
            "track:1",
            "recorded, version 1",
            "group",
            "large crops",
            "unicode",
            "unknown keys",
            "burst",
            "pause",
            "one answer each",
            "restart",
            "end of input",
            "end without input",
        ];
        let mut sorted = (names.clone(), expected.to_vec());
        sorted.0.sort_unstable();
        sorted.1.sort_unstable();
        assert_eq!(sorted.0, sorted.1);
        for row in rows {
            let skipped = !acknowledge && row.check == "one answer each";
            assert_eq!(row.result, if skipped { Verdict::Skipped } else { Verdict::Pass }, "{row:?}");
        }
    }
}

/// The shipped one, whose messages are groups.
#[tokio::test(flavor = "multi_thread")]
async fn jsonexport_passes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../exporters/json");
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    for row in test(&dir, &manifest, Duration::from_millis(100)).await {
        assert_eq!(row.result, Verdict::Pass, "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_start_is_tested_no_further() {
    for (start, more, reason) in [
        ("sys.exit('no camera')", json!({}), "status 1; its last words: no camera"),
        ("import time; time.sleep(100)", json!({"start_timeout_ms": 300}), "start_timeout_ms (300 ms)"),
        ("for line in sys.stdin: pass", json!({"timeout_ms": 300}), "has not answered"),
        ("os.close(0)\nimport time; time.sleep(100)", json!({}), "closed its STDIN"),
        ("", json!({"command": "./no-such-program"}), "not found"),
    ] {
        finds(start, "pass", "", more, &["starts"], reason).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_a_program_cannot_take() {
    let each = "record['record_id']";
    let expected = ["crop:1", "event-intrusion:1", "recorded, version 1"];
    finds("", each, "", json!({}), &expected, "KeyError: 'record_id'").await;

    let each = "if len(line) > 1000000: sys.exit('line too long')";
    finds("", each, "", json!({}), &["large crops"], "line too long").await;

    let start = "sys.stderr.reconfigure(encoding='ascii', errors='strict')\nnames = open('names', 'w', encoding='ascii')";
    let each = "names.write(record.get('note', ''))";
    finds(start, each, "", json!({}), &["unicode"], "umlauts: ").await;

    let each = "if 'new_in_version_9' in record: print('ERROR unknown key', flush=True); continue";
    finds("", each, "", json!({}), &["unknown keys"], "answered ERROR to event-intrusion:2: unknown key")
        .await;

    let expected = ["group", "recorded, version 1", "recorded, version 2"];
    let expected = &expected[..];
    let found = failures(
        "",
        "if isinstance(record, list) and len(record) > 1: sys.exit('a list')",
        "",
        &json!({"batch": true}),
    )
    .await;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected, "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_do_not_keep_up_or_lose_patience() {
    finds("", "if number > 500: sys.exit('too much')", "", json!({}), &["burst"], "too much").await;

    let start = "import select, signal\nsignal.signal(signal.SIGALRM, lambda *_: sys.exit('nothing came'))";
    let each = "signal.setitimer(signal.ITIMER_REAL, 0.5 if number > 1900 else 60)";
    finds(start, each, "", json!({}), &["pause"], "nothing came").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_answer_out_of_turn() {
    let each = "print('OK', flush=True)";
    let found = failures("", each, "", &json!({})).await;
    assert!(found["one answer each"].contains("answers more than it was sent"), "{found:#?}");

    finds("print('OK', flush=True)", "pass", "", json!({}), &["one answer each"], "answers more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_cannot_be_ended_or_started_again() {
    let start = "if os.path.exists('lock'): sys.exit('is running already')\nopen('lock', 'w').close()";
    let found = failures(start, "pass", "os.remove('lock')", &json!({})).await;
    assert!(
        found["restart"].contains("after a kill: exited with status 1; its last words: is running"),
        "{found:#?}"
    );

    let end = "import time\nwhile True: time.sleep(1)";
    let expected = ["end of input", "end without input"];
    finds("", "pass", end, json!({}), &expected, "did not end by itself").await;
    finds("", "pass", "sys.exit(3)", json!({}), &expected, "exited with status 3 instead of 0").await;
    finds("import subprocess", "if number == 9: child = subprocess.Popen(['sleep', '100'], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)", "", json!({}), &expected[..1], "left 1 processes behind").await;
}
