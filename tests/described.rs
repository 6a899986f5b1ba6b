//! PRODUCT 13: the API is as docs/openapi.json describes it. Every answer that any of the end-to-end tests gets is held
//! against it, and what schemathesis cannot try (tests/python/schemathesis.toml) is tried here.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    sync::{Mutex, OnceLock},
};

use jsonschema::Validator;
use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, wait_until};

use crate::api::{Answer, ask, committed, gate, get, json, serve};

fn description() -> &'static Value {
    static DESCRIPTION: OnceLock<Value> = OnceLock::new();
    DESCRIPTION.get_or_init(|| serde_json::from_str(&committed()).unwrap())
}

/// The path of the description that `path` is one of: the one with the most words in common.
fn described_path(path: &str) -> Option<&'static str> {
    let parts: Vec<&str> = path.split('?').next().unwrap_or_default().split('/').collect();
    let is_filled = |part: &str| part.starts_with('{');
    let fits = |described: &&str| {
        let described: Vec<&str> = described.split('/').collect();
        let same = |(known, part): (&&str, &&str)| known == part || is_filled(known) && !part.is_empty();
        described.len() == parts.len() && described.iter().zip(&parts).all(same)
    };
    let known = description()["paths"].as_object().unwrap().keys().map(String::as_str).filter(fits);
    known.min_by_key(|described| described.split('/').filter(|part| is_filled(part)).count())
}

/// Fails the test if an answer is none that the description of the API has for what was asked. What is no part of the
/// API (the page, paths that are nothing) is not looked at.
pub fn hold(method: &str, path: &str, answer: &Answer) {
    let Some(known) = described_path(path) else { return };
    let said = || {
        let body: String = String::from_utf8_lossy(&answer.body).chars().take(400).collect();
        format!("{method} {path}: {}\n{body}", answer.head.lines().next().unwrap_or_default())
    };
    let operation = &description()["paths"][known][method.to_ascii_lowercase()];
    if operation.is_null() {
        let as_get = ["HEAD", "OPTIONS"].contains(&method);
        assert!(
            as_get || [401, 403, 405, 421].contains(&answer.status),
            "{method} is not described: {}",
            said()
        );
        return;
    }
    let response = &operation["responses"][answer.status.to_string()];
    assert!(response.is_object(), "the status is not described: {}", said());
    let problem = &description()["components"]["responses"]["problem"];
    let content = if response.get("$ref").is_some() { &problem["content"] } else { &response["content"] };
    let Some((kind, content)) = content.as_object().and_then(|content| content.iter().next()) else {
        assert!(answer.body.is_empty(), "no body is described: {}", said());
        return;
    };
    assert_eq!(answer.header("content-type").as_deref(), Some(kind.as_str()), "{}", said());
    if kind.ends_with("json") {
        let body = serde_json::from_slice(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", said()));
        let wrong = violations(&content["schema"], &body);
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", said());
    }
}

/// What a schema of the description says against a value.
fn violations(schema: &Value, value: &Value) -> Vec<String> {
    static COMPILED: Mutex<BTreeMap<String, &'static Validator>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let validator = compiled.entry(schema.to_string()).or_insert_with(|| {
        let whole = json!({"allOf": [schema], "components": description()["components"]});
        // Some dozens of them, as long as the test runs.
        Box::leak(Box::new(jsonschema::validator_for(&whole).unwrap()))
    });
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

#[test]
fn an_answer_that_is_not_described_is_found() {
    let answer = |status: u16, kind: &str, body: &str| Answer {
        status,
        head: format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}"),
        body: body.as_bytes().to_vec(),
    };
    let problem = r#"{"status":404,"title":"Not Found","detail":"x"}"#;
    let fails = |path: &str, answer: Answer| std::panic::catch_unwind(|| hold("GET", path, &answer)).is_err();
    let json = "application/json";
    hold("GET", "/api/v1/instances?limit=1", &answer(200, json, r#"{"instances":[],"unusable":[]}"#));
    hold("GET", "/api/v1/instances/x", &answer(404, "application/problem+json", problem));
    assert!(fails("/api/v1/instances", answer(200, json, r#"{"instances":[5],"unusable":[]}"#)));
    assert!(fails("/api/v1/instances", answer(200, json, r#"{"unusable":[]}"#)));
    assert!(fails("/api/v1/instances", answer(200, "text/html", r#"{"instances":[],"unusable":[]}"#)));
    assert!(fails("/api/v1/instances", answer(418, json, "{}")));
    assert!(fails("/api/v1/instances/x", answer(404, json, problem)));
    assert!(fails("/api/v1/instances/x", answer(404, "application/problem+json", r#"{"status":404}"#)));
    assert_eq!(described_path("/api/v1/events/live?x=/"), Some("/api/v1/events/live"));
    assert_eq!(described_path("/api/v1/instances/a%2Fb/live"), Some("/api/v1/instances/{id}/live"));
}

/// Operations that schemathesis does not try.
fn left_out() -> BTreeSet<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/python/schemathesis.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let parts = text
        .split("[[operations]]")
        .skip(1)
        .filter(|part| part.lines().any(|line| line == "enabled = false"));
    parts
        .flat_map(|part| {
            let (_, ids) = part.split_once("include-operation-id = ").unwrap();
            let ids = ids.lines().next().unwrap().trim_matches(['[', ']']);
            ids.split(", ").map(|id| id.trim_matches('"').to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn what_schemathesis_leaves_out_answers_as_described() {
    let (sandbox, _server, address) = serve();
    assert_eq!(json(address, "POST", "/api/v1/instances", &gate()).status, 201);
    wait_until("it runs", || get(address, "/api/v1/instances/gate").json()["state"] == "running");
    for operation in left_out() {
        match operation.as_str() {
            "live" | "liveEvents" | "coreFollow" => endless(address, &operation),
            "testPreprocess" => preprocess(&sandbox, address),
            "testExporter" => kit(&sandbox, address),
            "coreShutdown" => shutdown(),
            other => panic!("nobody holds `{other}` against the description: try it here"),
        }
    }
}

/// The head of an answer without an end, and its first event.
fn endless(address: SocketAddr, operation: &str) {
    let (path, refused) = match operation {
        "live" => ("/api/v1/instances/gate/live", vec!["?stream=nonsense", "?min_confidence=2", "?types=x"]),
        "liveEvents" => ("/api/v1/events/live", vec!["?types=x", "?instance=nobody"]),
        _ => ("/v1/core/instance/gate/consume_events_sse", vec![]),
    };
    for query in refused {
        let answer = get(address, &format!("{path}{query}"));
        assert!([404, 422].contains(&answer.status), "{path}{query}: {}", answer.head);
    }
    assert_eq!(ask(address, "POST", path, &[], b"").status, 405);
    if path.contains("gate") {
        assert_eq!(get(address, &path.replace("gate", "nobody")).status, 404);
    }
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(watchpost_testkit::PATIENCE)).unwrap();
    let wanted = if operation == "live" { "?stream=output-tracks" } else { "" };
    write!(stream, "GET {path}{wanted} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let answer = Answer { status: 200, head: head.join("\r\n"), body: Vec::new() };
    assert!(head[0].contains(" 200 "), "{head:?}");
    hold("GET", path, &answer);
    // Somebody walks into the area of another instance each time; its track is an object of every frame.
    walk(address, operation);
    // WHATWG HTML, "Server-sent events": an id, a name, one line of JSON.
    let event: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": ").map(|(key, value)| (key.to_owned(), value.to_owned())))
        .skip_while(|(key, _)| key != "id")
        .take(3)
        .collect();
    assert_eq!(event.keys().collect::<Vec<_>>(), ["data", "event", "id"], "{event:?}");
    assert!(serde_json::from_str::<Value>(&event["data"]).unwrap().is_object(), "{event:?}");
}

/// Somebody stands outside of an area of `gate`, then inside.
fn walk(address: SocketAddr, track: &str) {
    let middle =
        json!([{"x": 0.3, "y": 0.0}, {"x": 0.7, "y": 0.0}, {"x": 0.7, "y": 1.0}, {"x": 0.3, "y": 1.0}]);
    let zones =
        json!({"Zone": {"Zones": {"a": {"name": "Yard", "vertices": middle, "trigger_on_enter": true}}}});
    assert_eq!(json(address, "PATCH", "/api/v1/instances/gate/document", &zones).status, 200);
    let from = get(address, "/api/v1/instances/gate").json()["frames"].as_u64().unwrap();
    let body = watchpost_testkit::walk(track, from..from + 60);
    let posted = ask(address, "POST", "/v1/core/instance/gate/detections", &[], body.as_bytes());
    assert_eq!((posted.status, posted.json()["accepted"].as_u64()), (200, Some(60)), "{}", posted.json());
    wait_until("all are looked at", || get(address, "/api/v1/instances/gate").json()["frames"] == from + 60);
}

fn preprocess(sandbox: &Sandbox, address: SocketAddr) {
    let path = "/api/v1/instances/gate/preprocess-test";
    let code = "import sys\nfor m in sys.stdin.buffer.read().split(b'\\0'):\n  if m: print(m.decode(), flush=True)\n";
    std::fs::write(sandbox.data().join("copy.py"), code).unwrap();
    for version in [1, 2] {
        let tried = json(address, "POST", path, &json!({"command": "python3 copy.py", "version": version}));
        assert_eq!(tried.status, 200, "{}", tried.json());
        assert!(!tried.json()["after"].as_array().unwrap().is_empty(), "{}", tried.json());
    }
    for (body, status) in [
        (json!({"command": "./nothing-there"}), 422),
        (json!({"command": "python3 copy.py", "version": 3}), 422),
        (json!({"command": ["python3"]}), 422),
        (json!({}), 422),
        (json!(null), 422),
    ] {
        assert_eq!(json(address, "POST", path, &body).status, status, "{body}");
    }
    assert_eq!(ask(address, "POST", path, &["Content-Type: application/json"], b"{").status, 400);
    assert_eq!(ask(address, "POST", path, &["Content-Type: text/plain"], b"{}").status, 415);
    let nobody = json!({"command": "python3 copy.py"});
    assert_eq!(json(address, "POST", &path.replace("gate", "nobody"), &nobody).status, 404);
    assert_eq!(json(address, "PUT", path, &nobody).status, 405);
}

fn kit(sandbox: &Sandbox, address: SocketAddr) {
    // It leaves at once: that is soon found out.
    let manifest = json!({"name": "Gone", "events": {"event-area-enter": [2]}, "command": "true", "framing": "newline",
        "start_timeout_ms": 1000, "timeout_ms": 1000});
    let folder = sandbox.data().join("exporters/Gone");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("manifest.json"), manifest.to_string()).unwrap();
    let test = |name: &str| ask(address, "POST", &format!("/api/v1/exporters/{name}/test"), &[], b"");
    wait_until("it is found", || get(address, "/api/v1/exporters/Gone").status == 200);
    let tested = test("Gone");
    assert_eq!((tested.status, tested.json()["passed"].as_bool()), (200, Some(false)), "{}", tested.json());
    assert_eq!(test("Nobody").status, 404);
    assert_eq!(get(address, "/api/v1/exporters/Gone/test").status, 405);
}

fn shutdown() {
    let (_sandbox, server, address) = serve();
    assert_eq!(get(address, "/v1/core/system/shutdown").status, 405);
    assert_eq!(ask(address, "POST", "/v1/core/system/shutdown", &[], b"").status, 204);
    assert_eq!(server.finish().code(), Some(0));
}
