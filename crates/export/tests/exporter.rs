//! Exporters against real, mostly misbehaving children (PRODUCT sections 9 and 12).
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use watchpost_config::Manifest;
use watchpost_export::exporter::{self, Setup};
use watchpost_export::{
    Delivery, InstanceInfo, Item, ItemKind, Outcome, Output, Plan, Receiver, ReceiverError, Selection,
};
use watchpost_process::Guardian;
use watchpost_schema::{SchemaId, Version};

const BOUND: Duration = Duration::from_secs(30);

struct Bench {
    dir: tempfile::TempDir,
    plan: Plan,
}

/// An exporter whose program is this Python script; `more` is laid over the manifest.
fn bench(script: &str, more: Value) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("program.py"), script).unwrap();
    let mut manifest = json!({
        "name": "Test", "events": {"track": [1, 2], "attribute": 1, "no-such": 1},
        "command": "/usr/bin/python3 -u program.py", "framing": "newline", "timeout_ms": 5000,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let plan = plan(dir.path(), &manifest.to_string(), Map::new(), dir.path()).unwrap();
    Bench { dir, plan }
}

fn plan(dir: &Path, manifest: &str, values: Map<String, Value>, exports: &Path) -> Result<Plan, String> {
    let origin = dir.join("manifest.json");
    let (manifest, _) = Manifest::parse(manifest, &origin).map_err(|p| format!("{p:?}"))?;
    let settings = manifest.settings_from(&values, &origin, "").map_err(|p| format!("{p:?}"))?;
    let instance = InstanceInfo {
        id: watchpost_model::Id::from_u128(1),
        name: "Main gate".into(),
        time_zone: "UTC".into(),
        lossless: false,
    };
    exporter::plan(&Setup {
        manifest: &manifest,
        dir,
        settings: &settings,
        instance: &instance,
        exports_dir: exports,
        available: &Version::ALL,
        guardian: Guardian::for_tests(),
    })
    .map_err(|problem| problem.to_string())
}

impl Bench {
    fn receiver(&self) -> Box<dyn Receiver> {
        let Output::Receiver(make) = &self.plan.output else { panic!("an exporter is a receiver") };
        make()
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

fn delivery(position: u64, texts: &[&str]) -> Delivery {
    let kind = ItemKind::Record("track".parse::<SchemaId>().unwrap(), Version::V2);
    let item = |text: &&str| Item { kind, json: Bytes::copy_from_slice(text.as_bytes()) };
    Delivery { position, time_ms: 0, items: texts.iter().map(item).collect() }
}

fn numbered(range: std::ops::Range<u64>) -> Vec<Delivery> {
    range.map(|n| delivery(n, &[&format!("{{\"n\": {n}}}")])).collect()
}

/// What a worker does: sends, moves its cursor by the outcomes, opens anew after a failure.
async fn drive(receiver: &mut Box<dyn Receiver>, all: &[Delivery]) -> (Vec<Outcome>, Vec<ReceiverError>) {
    let (mut outcomes, mut errors) = (Vec::new(), Vec::new());
    let last = all.last().unwrap().position;
    let mut cursor = 0;
    'open: loop {
        tokio::time::timeout(BOUND, receiver.open(None)).await.unwrap().unwrap();
        let mut next = all.partition_point(|d| d.position < cursor);
        loop {
            let in_flight = next - all.partition_point(|d| d.position < cursor);
            let room = receiver.window().saturating_sub(in_flight).min(all.len() - next);
            let sent = receiver.send(all[next..next + room].to_vec()).await;
            next += room;
            let result = match sent {
                Ok(()) => tokio::time::timeout(BOUND, receiver.outcomes()).await.expect("an outcome"),
                Err(error) => Err(error),
            };
            match result {
                Ok(more) => outcomes.extend(more),
                Err(error) => {
                    errors.push(error);
                    continue 'open;
                }
            }
            if let Some(Outcome::Delivered { through, .. }) = outcomes.last() {
                cursor = through + 1;
                if *through == last {
                    return (outcomes, errors);
                }
            }
        }
    }
}

const COPY: &str = "import sys\nfor line in sys.stdin: open('got', 'a').write(line)";

#[tokio::test(flavor = "multi_thread")]
async fn read_counts_deliver_in_order_and_close_drains() {
    let bench = bench(COPY, json!({}));
    let mut receiver = bench.receiver();
    let (_, errors) = drive(&mut receiver, &numbered(1..5001)).await;
    assert_eq!(errors, []);
    receiver.send(numbered(5001..5011)).await.unwrap();
    let outcomes = tokio::time::timeout(BOUND, receiver.close()).await.unwrap().unwrap();
    assert_eq!(outcomes.last(), Some(&Outcome::Delivered { through: 5010, resume: None }));
    let got = bench.file("got");
    let expected: String = (1..5011).map(|n| format!("{{\"n\": {n}}}\n")).collect();
    assert_eq!(got, expected);
    assert_eq!(bench.plan.warnings.len(), 1, "no-such is reported: {:?}", bench.plan.warnings);
    let Selection::Records(agreed) = &bench.plan.selection else { panic!("records") };
    let expected = [("attribute", Version::V1), ("track", Version::V2)];
    let expected: BTreeMap<SchemaId, _> =
        expected.into_iter().map(|(id, version)| (id.parse().unwrap(), version)).collect();
    assert_eq!(*agreed, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_dies_again_and_again_loses_nothing_it_acknowledges() {
    let script = "import os, sys\nfor n, line in enumerate(sys.stdin):\n    f = open('got', 'a'); f.write(line); f.close()\n    print('OK')\n    if n == 6: os.kill(os.getpid(), 9)";
    let bench = bench(script, json!({"acknowledge": true, "window": 20}));
    let mut receiver = bench.receiver();
    let (_, errors) = drive(&mut receiver, &numbered(1..101)).await;
    assert!(errors.len() >= 12, "{errors:?}");
    assert!(
        errors.iter().all(|e| matches!(e, ReceiverError::Died(t) if t.contains("signal 9"))),
        "{errors:?}"
    );
    let mut seen: Vec<String> = bench.file("got").lines().map(str::to_owned).collect();
    seen.dedup();
    let expected: Vec<String> = (1..101).map(|n| format!("{{\"n\": {n}}}")).collect();
    assert_eq!(seen, expected, "each once, in order, but for the last of each life");
    tokio::time::timeout(BOUND, receiver.close()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_is_sent_again_before_anything_newer_then_refused() {
    let script = "import sys\nfor line in sys.stdin:\n    f = open('got', 'a'); f.write(line); f.close()\n    print('ERROR bad thing' if '\"n\": 2}' in line else 'OK')";
    let bench = bench(script, json!({"acknowledge": true, "window": 1, "retries": 3}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..4)).await;
    assert_eq!(errors, []);
    let refused = Outcome::Refused { position: 2, item: Some(0), reason: "bad thing".into() };
    assert!(outcomes.contains(&refused), "{outcomes:?}");
    let order: Vec<_> =
        bench.file("got").lines().map(|l| l.trim_matches(|c: char| !c.is_ascii_digit()).to_owned()).collect();
    assert_eq!(order, ["1", "2", "2", "2", "2", "3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn children_that_hang_are_ended_and_the_reason_said() {
    for (script, more, expected) in [
        ("import time\ntime.sleep(1000)", json!({"start_timeout_ms": 200}), "start_timeout_ms (200 ms)"),
        (
            "import sys, time\nsys.stdin.readline()\ntime.sleep(1000)",
            json!({"timeout_ms": 200, "acknowledge": true}),
            "has not answered what it was sent within timeout_ms (200 ms)",
        ),
        ("import os, time\nos.close(0)\ntime.sleep(1000)", json!({}), "closed its STDIN"),
        ("import sys\nsys.exit('no such camera')", json!({}), "status 1; its last words: no such camera"),
    ] {
        let bench = bench(script, more);
        let mut receiver = bench.receiver();
        receiver.open(None).await.unwrap();
        receiver.send(numbered(1..3)).await.unwrap();
        let error = loop {
            match tokio::time::timeout(BOUND, receiver.outcomes()).await.unwrap() {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        // `Retry` where it had read nothing: then no message is to blame.
        assert!(
            matches!(&error, ReceiverError::Died(text) | ReceiverError::Retry(text) if text.contains(expected)),
            "{expected}: {error:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_finds_its_settings_and_groups_as_lists() {
    let script = "import json, os, sys\nline = sys.stdin.readline()\nf = open('seen', 'w'); json.dump([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith('WATCHPOST')}, json.loads(line)], f); f.close()\nprint('OK')\nsys.stdin.read()";
    let bench = bench(
        script,
        json!({
            "batch": true, "acknowledge": true,
            "command": "/usr/bin/python3 program.py --out={settings.folder} '{settings.on} x'",
            "settings": {
                "folder": {"type": "text", "label": "F", "default": "a b; 'c"},
                "on": {"type": "checkbox", "label": "O", "default": true},
                "token": {"type": "secret", "label": "T"},
            },
        }),
    );
    let mut receiver = bench.receiver();
    drive(&mut receiver, &[delivery(3, &["{\"a\": 1}", "{\"b\": 2}"])]).await;
    let mut seen: Value = serde_json::from_str(&bench.file("seen")).unwrap();
    let schemas: Value = serde_json::from_str(seen[1]["WATCHPOST_SCHEMAS"].take().as_str().unwrap()).unwrap();
    assert_eq!(schemas, json!({"attribute": 1, "track": 2}));
    assert_eq!(seen[0], json!(["--out=a b; 'c", "true x"]));
    assert_eq!(seen[2], json!([{"a": 1}, {"b": 2}]));
    let dir = bench.dir.path().to_str().unwrap();
    assert_eq!(
        seen[1],
        json!({
            "WATCHPOST_INSTANCE_ID": "00000000-0000-0000-0000-000000000001",
            "WATCHPOST_INSTANCE_NAME": "Main gate",
            "WATCHPOST_EXPORTER_DIR": dir, "WATCHPOST_EXPORTS_DIR": dir,
            "WATCHPOST_SCHEMAS": null,
            "WATCHPOST_SETTING_FOLDER": "a b; 'c", "WATCHPOST_SETTING_ON": "true", "WATCHPOST_SETTING_TOKEN": "",
        })
    );
}

#[test]
fn what_cannot_be_started_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let try_plan =
        |manifest: Value| plan(dir.path(), &manifest.to_string(), Map::new(), dir.path()).err().unwrap();
    let error = try_plan(json!({"name": "T", "events": {"track": 7}, "command": "x"}));
    assert!(error.contains("/events") && error.contains("asked for in version 7"), "{error}");
    let error = try_plan(json!({"name": "T", "events": {"track": 1}, "command": "x \"y"}));
    assert!(error.contains("/command") && error.contains("opened at character 3"), "{error}");
}

/// The shipped JSON exporter with one group of real records and one crop that is no image.
#[tokio::test(flavor = "multi_thread")]
async fn jsonexport_writes_events_and_images() {
    let exports = tempfile::tempdir().unwrap();
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../exporters/json");
    let manifest = std::fs::read_to_string(dir.join("manifest.json")).unwrap();
    let values = json!({"layout": "per day"}).as_object().unwrap().clone();
    let plan = plan(&dir, &manifest, values, exports.path()).unwrap();
    assert_eq!(plan.warnings, [], "every id it asks for exists");
    let bench = Bench { dir: exports, plan };
    let event = r#"{"$id":"event-intrusion","event_id":"../../e1","system_timestamp":1785161453812,"area_name":"Tür"}"#;
    let crop = r#"{"$id":"crop","image":"/9j/4AAQ","ref_event_id":"e1"}"#;
    let broken = r#"{"$id":"crop","image":"%%%","system_timestamp":1}"#;
    let mut receiver = bench.receiver();
    let (outcomes, errors) =
        drive(&mut receiver, &[delivery(1, &[event, crop]), delivery(2, &[broken]), delivery(3, &[event])])
            .await;
    assert_eq!(errors, []);
    assert!(
        outcomes.iter().any(
            |o| matches!(o, Outcome::Refused { position: 2, reason, .. } if reason.contains("not base64"))
        ),
        "{outcomes:?}"
    );
    let stem = "json-export/2026-07-27/14-10-53.812Z_event-intrusion_e1";
    let image = std::fs::read(bench.dir.path().join(format!("{stem}_0.jpg"))).unwrap();
    assert_eq!(image, [0xff, 0xd8, 0xff, 0xe0, 0, 0x10]);
    let written: Value = serde_json::from_str(&bench.file(&format!("{stem}.json"))).unwrap();
    assert_eq!(written["area_name"], "Tür", "the same event again replaces the file");
    let files = std::fs::read_dir(bench.dir.path().join("json-export/2026-07-27")).unwrap().count();
    assert_eq!(files, 2, "no half-written files");
    receiver.close().await.unwrap();
}
