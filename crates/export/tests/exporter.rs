//! Exporters against real, mostly misbehaving children (PRODUCT sections 9 and 12).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use watchpost_export::{Outcome, ReceiverError, Selection};
use watchpost_schema::{SchemaId, Version};

use crate::children::*;

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

/// An outage of what a child delivers to, however long, is no fault of a message: `EX_TEMPFAIL` says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_ends_with_75_blames_no_message() {
    let script = "import os, sys\nline = sys.stdin.readline()\nlives = os.path.exists('lives') and os.path.getsize('lives')\nopen('lives', 'a').write('x')\nif lives < 8:\n    sys.stderr.write('server is down'); sys.exit(75)\nwhile line:\n    print('OK'); line = sys.stdin.readline()";
    let bench = bench(script, json!({"acknowledge": true, "window": 3}));
    let mut receiver = bench.receiver();
    let (outcomes, errors) = drive(&mut receiver, &numbered(1..6)).await;
    let retry = ReceiverError::Retry("exited with status 75; its last words: server is down".into());
    assert_eq!(errors, vec![retry; 8]);
    assert!(!outcomes.iter().any(|o| matches!(o, Outcome::Refused { .. })), "{outcomes:?}");
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
    let script = "import json, os, sys\nline = sys.stdin.readline()\nf = open('seen', 'w'); json.dump([sys.argv[1:], {k: v for k, v in os.environ.items() if k.startswith('WATCHPOST')}, json.loads(line)], f); f.close()\nprint('OK', flush=True)\nsys.stdin.read()";
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
