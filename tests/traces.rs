//! docs/traces.md: an event's way from its frame to each receiver, as OpenTelemetry's own package reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use watchpost_testkit::{
    Sandbox,
    scene::{EVENT_IDS, scene, subscriptions, walkers, write_detections},
};

/// A collector, killed at the latest when it is dropped.
struct Collector {
    child: Child,
    url: String,
}

impl Collector {
    /// With `identity`, a PEM file of a key and a certificate for `localhost`, it is asked by TLS.
    fn start(sandbox: &Sandbox, identity: Option<&Path>) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(root.join(".cache/venv/bin/python"));
        command.arg(root.join("tests/python/collector.py")).arg(sandbox.path().join("spans.jsonl"));
        command.args(identity);
        let scheme = if identity.is_some() { "https" } else { "http" };
        let mut child = command.stdout(Stdio::piped()).spawn().expect("run scripts/setup.sh test");
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { child, url: format!("{scheme}://localhost:{}", port.trim()) }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Spans by trace.
fn traces(sandbox: &Sandbox) -> BTreeMap<String, Vec<Value>> {
    let text = std::fs::read_to_string(sandbox.path().join("spans.jsonl")).unwrap();
    let mut traces: BTreeMap<_, Vec<Value>> = BTreeMap::new();
    for line in text.lines() {
        let span: Value = serde_json::from_str(line).unwrap();
        traces.entry(span["trace"].as_str().unwrap().to_owned()).or_default().push(span);
    }
    traces
}

/// An exporter of this name that answers each record with `answer`, or dies of the first.
fn exporter(sandbox: &Sandbox, name: &str, answer: Option<&str>) {
    let manifest = json!({
        "name": name, "description": "for a test", "events": subscriptions(&EVENT_IDS, 2),
        "command": "python3 child.py", "framing": "newline", "acknowledge": true,
    });
    sandbox.write(&format!("data/exporters/{name}/manifest.json"), manifest.to_string());
    let says = answer.map_or("sys.exit(3)".to_owned(), |answer| format!("print('{answer}', flush=True)"));
    let program = format!("import sys\nfor line in sys.stdin.buffer:\n    {says}\n");
    sandbox.write(&format!("data/exporters/{name}/child.py"), program);
}

#[test]
fn each_event_is_a_trace_from_its_frame_to_each_receiver_over_a_restart() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let collector = Collector::start(&sandbox, None);
    sandbox.set_env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.url);
    sandbox.set_env("OTEL_RESOURCE_ATTRIBUTES", "site=gate");
    sandbox.write("copy.sh", include_str!("filters/copy.sh"));
    exporter(&sandbox, "refuses", Some("ERROR not today"));
    exporter(&sandbox, "comes", None);
    let uri = write_detections(&sandbox, "in.ndjson", walkers(40), 700);
    let on = json!({"enabled": true});
    let output = json!({
        "preprocess_cmd": "sh copy.sh", "preprocess_version": 2, "preprocess_acknowledge": true,
        "refuses": on, "comes": on,
    });
    sandbox.instance(&scene(&uri, 2, output));
    let ran = sandbox.run(&["run", "instance.json", "--json", "--drain", "1"]);
    assert_eq!(ran.code, Some(1), "what waits for an exporter that dies is not done: {}", ran.stderr);
    exporter(&sandbox, "comes", Some("OK"));
    sandbox.write("in.ndjson", "");
    sandbox.run(&["run", "instance.json", "--json", "--drain", "30"]);

    let events = sandbox.json_lines("events.jsonl");
    let traces = traces(&sandbox);
    let hex = |event: &Value| event["event_id"].as_str().unwrap().replace('-', "");
    assert!(events.len() > 10, "{}: {}", events.len(), ran.stdout);
    assert_eq!(traces.keys().cloned().collect::<BTreeSet<_>>(), events.iter().map(hex).collect());
    for event in &events {
        let spans = &traces[&hex(event)];
        let named = |name: &str| spans.iter().filter(|span| span["name"] == name).collect::<Vec<_>>();
        let first = named(event["$id"].as_str().unwrap())[0];
        assert_eq!((&first["parent"], first["id"].as_str().unwrap()), (&json!(""), &hex(event)[16..]));
        assert_eq!(first["attributes"]["watchpost.instance.name"], "scene");
        assert_eq!(first["attributes"]["watchpost.frame.id"], event["frame_id"]);
        assert_eq!(first["resource"]["service.name"], "watchpost");
        assert_eq!(first["resource"]["site"], "gate");
        for span in spans {
            assert!(span["start_ns"].as_u64().unwrap() <= span["end_ns"].as_u64().unwrap(), "{span}");
            assert!(*span == *first || span["parent"] == first["id"], "{span}");
        }
        for step in ["analyse", "record", "preprocess"] {
            assert_eq!(named(step).len(), 1, "{step}: {spans:?}");
            assert_eq!(named(step)[0]["failed"], false);
        }
        let to = |receiver: &str| {
            let deliveries = named("deliver").into_iter();
            let to = deliveries.filter(|span| span["attributes"]["watchpost.receiver.name"] == receiver);
            to.map(|span| (span["failed"].as_bool().unwrap(), span)).collect::<Vec<_>>()
        };
        assert_eq!(to("events").iter().map(|(failed, _)| *failed).collect::<Vec<_>>(), [false]);
        let refused = to("refuses");
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].0 && refused[0].1["message"].as_str().unwrap().contains("not today"),
            "{refused:?}"
        );
        assert!(refused[0].1["attributes"]["watchpost.dead_letter"].is_u64(), "{refused:?}");
        // Died over, it may be tried again, until the poison rule makes it a dead letter.
        let came = to("comes");
        let ends = |(failed, span): &&(bool, &Value)| {
            !failed || span["attributes"]["watchpost.dead_letter"].is_u64()
        };
        assert_eq!(came.iter().filter(ends).count(), 1, "{came:?}");
    }
    let to_comes = |failed: bool| {
        let spans = traces.values().flatten().filter(move |span| span["failed"] == failed);
        spans.filter(|span| span["attributes"]["watchpost.receiver.name"] == "comes").count()
    };
    assert!(to_comes(true) > 0, "a delivery that broke off is told too");
    assert!(to_comes(false) > 5, "what another run of the program has left is told, too");
}

#[test]
fn by_tls_the_collector_is_whom_the_machine_trusts() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let identity = sandbox.path().join("identity.pem");
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]);
    openssl.args([
        "-addext",
        "subjectAltName=DNS:localhost",
        "-addext",
        "basicConstraints=critical,CA:FALSE",
    ]);
    let made = openssl
        .arg("-keyout")
        .arg(&identity)
        .arg("-out")
        .arg(sandbox.path().join("certificate.pem"))
        .output();
    assert!(made.expect("openssl (Debian package openssl) is needed by this test").status.success());
    let certificate = std::fs::read(sandbox.path().join("certificate.pem")).unwrap();
    let key = std::fs::read(&identity).unwrap();
    sandbox.write("identity.pem", [key, certificate].concat());
    let collector = Collector::start(&sandbox, Some(&identity));
    let uri = write_detections(&sandbox, "in.ndjson", walkers(40), 300);
    sandbox.instance(&scene(&uri, 2, json!({})));
    let run = |sandbox: &Sandbox| {
        let ran = sandbox.run(&["run", "instance.json", "--otlp-endpoint", &collector.url]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran.stderr
    };
    let said = run(&sandbox);
    assert!(said.contains("traces cannot be sent to https://localhost:"), "{said}");
    sandbox.set_env("SSL_CERT_FILE", sandbox.path().join("certificate.pem").to_str().unwrap().to_owned());
    let said = run(&sandbox);
    assert!(!said.contains("traces cannot be sent"), "{said}");
    assert!(!traces(&sandbox).is_empty());
}

#[test]
fn a_collector_that_is_away_is_said_once_and_holds_up_nothing() {
    let mut sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    // Nobody listens at the port of discard (RFC 863) here.
    sandbox.set_env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:s3cret@127.0.0.1:9");
    sandbox.set_env("OTEL_BSP_SCHEDULE_DELAY", "10");
    let uri = write_detections(&sandbox, "in.ndjson", walkers(20), 700);
    sandbox.instance(&scene(&uri, 2, json!({})));
    let ran = sandbox.run(&["run", "instance.json", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(sandbox.json_lines("events.jsonl").len() > 60);
    let said = "traces cannot be sent to http://me:***@127.0.0.1:9/v1/traces";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("s3cret"), "{}", ran.stderr);
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let ran = sandbox.run(&["serve", "--otlp-endpoint", "local host"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stderr.contains("--otlp-endpoint: local host/v1/traces: "), "{}", ran.stderr);
}
