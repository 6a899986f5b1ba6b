//! PRODUCT 9 and 12 for the shipped webhook: whatever the server does, every record reaches it, in order, and an
//! outage makes no dead letter.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, Script, wait_until};

/// The web server of the Python tests, killed at the latest when it is dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(sandbox: &Sandbox, plan: &str, port: u16) -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/hook_server.py");
        let mut command = Command::new("/usr/bin/python3");
        command.arg(script).arg(sandbox.path().join("requests.jsonl"));
        command.args(["--plan", plan, "--port", &port.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone in no case.
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn requests(sandbox: &Sandbox) -> Vec<Value> {
    let text = std::fs::read_to_string(sandbox.path().join("requests.jsonl")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sequence numbers in the order in which the server said 2xx to them.
fn accepted(sandbox: &Sandbox) -> Vec<u64> {
    let accepted = requests(sandbox).into_iter().filter(|request| request["accepted"] == true);
    let record =
        |request: Value| -> Value { serde_json::from_str(request["body"].as_str().unwrap()).unwrap() };
    accepted.map(|request| record(request)["sequence"].as_u64().unwrap()).collect()
}

fn instance(sandbox: &Sandbox, port: u16) -> std::path::PathBuf {
    let settings = json!({"url": format!("http://127.0.0.1:{port}/hook"), "signing_secret": "s3cret"});
    sandbox.write("data/config.json", json!({"exporters": {"Webhook": settings}}).to_string());
    sandbox.instance(&json!({
        "InstanceId": "5b1d4b4e-8a51-4a1f-9a43-f0f3b2f0c201",
        "DisplayName": "hook",
        "Solution": "securt",
        "Input": {"uri": "ndjson://-"},
        "Zone": {"Zones": {"3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01": {
            "id": "3e0ee7a0-5c58-4f0c-8f0d-0d3f6f5d2c01", "name": "middle",
            "vertices": [{"x": 0.45, "y": 0.1}, {"x": 0.7, "y": 0.1}, {"x": 0.7, "y": 0.9}, {"x": 0.45, "y": 0.9}],
            "detect_people": true, "trigger_on_enter": true, "trigger_on_exit": true,
        }}},
        "Output": {"Webhook": {"enabled": true}, "handlers": {}},
    }))
}

const SCRIPT: Script = Script { fps: 100, every: 10, walk: 400 };

fn stderr(sandbox: &Sandbox) -> String {
    std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap()
}

#[test]
fn a_server_that_misbehaves_gets_every_record_in_order() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let plan =
        "200,500,429:1,200,close,slow:0.2,307:/moved,200,503,half,200,200,425,308:/moved,huge,502,408,200";
    let server = Server::start(&sandbox, plan, 0);
    let instance = instance(&sandbox, server.port);
    let mut watchpost = sandbox.spawn(&["run".as_ref(), instance.as_os_str()]);
    for frame in 0..2000 {
        assert!(watchpost.feed(SCRIPT.line(frame).as_bytes()), "{}", stderr(&sandbox));
    }
    assert_eq!(watchpost.finish().code(), Some(0), "{}", stderr(&sandbox));
    let accepted = accepted(&sandbox);
    assert!(accepted.len() > 100, "only {}: the test proves nothing", accepted.len());
    assert_eq!(accepted, (0..accepted.len() as u64).collect::<Vec<_>>(), "each once, in order");
    let all = requests(&sandbox);
    assert!(
        all.iter()
            .all(|request| request["headers"]["webhook-signature"].as_str().unwrap().starts_with("v1,"))
    );
    assert!(!stderr(&sandbox).contains("s3cret"));
}

#[test]
fn an_outage_longer_than_five_lives_loses_nothing_and_buries_nothing() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    // The user's own copy goes before the shipped one. It holds on for no time and tells how often it lived.
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../../exporters/webhook");
    let script = std::fs::read_to_string(format!("{shipped}/webhook.py")).unwrap();
    let script = script.replace("HOLD_S = 20", "HOLD_S = 0.1\nopen('lives', 'a').write('x')");
    sandbox.write("data/exporters/hook/webhook.py", script);
    let manifest = std::fs::read(format!("{shipped}/manifest.json")).unwrap();
    sandbox.write("data/exporters/hook/manifest.json", manifest);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let instance = instance(&sandbox, port);

    let mut watchpost = sandbox.spawn(&["run".as_ref(), instance.as_os_str()]);
    for frame in 0..1000 {
        assert!(watchpost.feed(SCRIPT.line(frame).as_bytes()), "{}", stderr(&sandbox));
    }
    let lives = sandbox.data().join("exporters/hook/lives");
    wait_until("seven lives", || std::fs::metadata(&lives).is_ok_and(|file| file.len() >= 7));
    let _server = Server::start(&sandbox, "", port);
    assert_eq!(watchpost.finish().code(), Some(0), "nothing waits, nothing is dead: {}", stderr(&sandbox));
    let accepted = accepted(&sandbox);
    assert!(accepted.len() > 50, "only {}: the test proves nothing", accepted.len());
    assert_eq!(accepted, (0..accepted.len() as u64).collect::<Vec<_>>());
}

#[test]
fn the_webhook_passes_the_conformance_kit() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let server = Server::start(&sandbox, "", 0);
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../exporters/webhook");
    let url = format!("url=http://127.0.0.1:{}/", server.port);
    let ran = sandbox.run(&["exporter", "test", dir, "--set", &url, "--pause", "0.2"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    // Without an address it says so, and what to do.
    let ran = sandbox.run(&["exporter", "test", dir]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("expected http://host/path"), "{}", ran.stdout);
}
