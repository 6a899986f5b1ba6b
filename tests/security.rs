//! PRODUCT 14: who may do what. Every route of the API is tried as everybody, and sent what nobody should send.

use std::{io::Write, net::SocketAddr};

use serde_json::{Value, json};
use watchpost_testkit::{Sandbox, Watchpost};

use crate::api::{Answer, ask, gate, get, json};

const ROLES: [&str; 4] = ["public", "viewer", "operator", "admin"];

/// A server with a user for each role, and a token for each: `None` for the public.
fn with_users() -> (Sandbox, Watchpost, SocketAddr, [Option<String>; 4]) {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    for (user, role) in [("root", "admin"), ("ann", "operator"), ("vic", "viewer")] {
        let set = sandbox.run_with_input(&["password", user, "--role", role], b"correct horse\n");
        assert_eq!(set.code, Some(0), "{}", set.stderr);
    }
    let server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let root = login(address, "root", "correct horse");
    let token = |role: &str| {
        let body = json!({"name": role, "role": role}).to_string();
        let headers = ["Content-Type: application/json", root.as_str()];
        let made = ask(address, "POST", "/api/v1/tokens", &headers, body.as_bytes());
        assert_eq!(made.status, 201, "{}", made.json());
        Some(format!("Authorization: Bearer {}", made.json()["token"].as_str().unwrap()))
    };
    let tokens = [None, token("viewer"), token("operator"), token("admin")];
    (sandbox, server, address, tokens)
}

/// The session's cookie, as a header.
fn login(address: SocketAddr, user: &str, password: &str) -> String {
    let answer = json(address, "POST", "/api/v1/session", &json!({"user": user, "password": password}));
    assert_eq!(answer.status, 200, "{}", answer.json());
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    format!("Cookie: {}", cookie.split(';').next().unwrap())
}

/// Method, path with something filled in, the role it needs, and a body that it takes.
type Route = (String, String, String, Option<(String, Value)>);

/// Every route.
fn routes() -> Vec<Route> {
    let description: Value = serde_json::from_str(&crate::api::committed()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parts = path.split('/').map(|part| if part.starts_with('{') { "nobody" } else { part });
            let filled = parts.collect::<Vec<_>>().join("/");
            let content = operation["requestBody"]["content"].as_object();
            let body = content
                .and_then(|content| content.iter().next())
                .map(|(kind, content)| (kind.clone(), content["example"].clone()));
            let role = operation["x-role"].as_str().unwrap().to_owned();
            all.push((method.to_uppercase(), filled, role, body));
        }
    }
    assert!(all.len() > 50, "{}", all.len());
    all
}

#[test]
fn every_route_lets_in_its_role_and_those_above_and_nobody_else() {
    let (_sandbox, _server, address, tokens) = with_users();
    for (method, path, needs, body) in routes() {
        // These two would end what the others are tried with, or go on without end.
        if path.ends_with("/events/live") {
            continue;
        }
        let ends_it = path.ends_with("/system/shutdown");
        let needed = ROLES.iter().position(|role| *role == needs).unwrap();
        for (has, token) in tokens.iter().enumerate().filter(|(has, _)| !ends_it || *has < needed) {
            let mut headers: Vec<String> = token.iter().cloned().collect();
            let mut sent = Vec::new();
            if let Some((kind, example)) = &body {
                headers.push(format!("Content-Type: {kind}"));
                sent = example.to_string().into_bytes();
            }
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let answer = ask(address, &method, &path, &headers, &sent);
            let said = format!("{method} {path} needs {needs}, asked as {}: {}", ROLES[has], answer.status);
            match (has >= needed, has) {
                (true, _) => assert!(
                    answer.status != 403 && (answer.status != 401 || path.ends_with("/session")),
                    "{said}"
                ),
                (false, 0) => assert_eq!(answer.status, 401, "{said}"),
                (false, _) => assert_eq!(answer.status, 403, "{said}"),
            }
            assert!(answer.status < 500, "{said}: {}", String::from_utf8_lossy(&answer.body));
        }
    }
}

#[test]
fn sessions_begin_and_end_and_guessing_is_slow() {
    let (sandbox, _server, address, _) = with_users();
    assert_eq!(get(address, "/api/v1/instances").status, 401);
    assert_eq!(get(address, "/api/v1/session").json()["role"], "public");
    let ann = login(address, "ann", "correct horse");
    let who = ask(address, "GET", "/api/v1/session", &[&ann], b"").json();
    assert_eq!((who["user"].clone(), who["role"].clone()), ("ann".into(), "operator".into()));
    assert_eq!(ask(address, "GET", "/api/v1/instances", &[&ann], b"").status, 200);
    // Another site's page may use the cookie for nothing.
    let evil =
        ask(address, "POST", "/api/v1/instances/x/start", &[&ann, "Origin: https://evil.example"], b"");
    assert_eq!(evil.status, 403);
    // Another password ends the sessions that began with the old one.
    let set = sandbox.run_with_input(&["password", "ann"], b"battery staple\n");
    assert_eq!(set.code, Some(0), "{}", set.stderr);
    watchpost_testkit::wait_until("the old session ends", || {
        ask(address, "GET", "/api/v1/instances", &[&ann], b"").status == 401
    });
    let ann = login(address, "ann", "battery staple");
    assert_eq!(ask(address, "DELETE", "/api/v1/session", &[&ann], b"").status, 204);
    assert_eq!(ask(address, "GET", "/api/v1/instances", &[&ann], b"").status, 401);
    let tried = |password: &str| {
        json(address, "POST", "/api/v1/session", &json!({"user": "vic", "password": password}))
    };
    let refused: Vec<u16> = (0..7).map(|n| tried(&format!("guess {n}")).status).collect();
    assert_eq!(refused[..5], [401; 5]);
    assert_eq!(refused[5..], [429; 2], "{refused:?}");
    let slow = tried("correct horse");
    assert!(
        slow.status == 429 && slow.header("retry-after").is_some(),
        "not even the right one, for a while"
    );
}

#[test]
fn operators_set_no_commands_and_what_is_changed_is_noted() {
    let (sandbox, _server, address, tokens) = with_users();
    let [_, _, operator, admin] = tokens.map(Option::unwrap_or_default);
    let send = |who: &str, method: &str, path: &str, body: &Value| -> Answer {
        ask(address, method, path, &["Content-Type: application/json", who], body.to_string().as_bytes())
    };
    assert_eq!(send(&operator, "POST", "/api/v1/instances", &gate()).status, 201);
    let path = "/api/v1/instances/gate/document";
    let privileged = [
        json!({"Output": {"preprocess_cmd": "sh -c id"}}),
        json!({"Input": {"uri": "file:///etc/passwd"}}),
        json!({"Output": {"handlers": {"x": {"uri": "json:////tmp/x.json", "sink": "output-tracks"}}}}),
    ];
    for patch in &privileged {
        let refused = send(&operator, "PATCH", path, patch);
        assert_eq!(refused.status, 403, "{patch}: {}", refused.json());
        assert!(refused.json()["problems"][0]["path"].as_str().unwrap().starts_with('/'));
    }
    assert_eq!(send(&operator, "PATCH", path, &json!({"DisplayName": "gate 2"})).status, 200);
    let set = send(&admin, "PATCH", "/api/v1/instances/gate%202/document", &privileged[0]);
    assert_eq!(set.status, 200, "{}", set.json());
    // What an admin has set, others leave as it is.
    let other = json!({"DisplayName": "gate"});
    assert_eq!(send(&operator, "PATCH", "/api/v1/instances/gate%202/document", &other).status, 200);
    let open = json!({"uri": "rtsp://0.0.0.0:0/x", "sink": "output-image"});
    assert_eq!(
        send(&admin, "PUT", "/api/v1/instances/gate/exports/x", &open).status,
        422,
        "needs RTSP users"
    );
    assert_eq!(send(&operator, "POST", "/api/v1/validate", &gate()).status, 200);
    let audit = ask(address, "GET", "/api/v1/system/audit", &[&admin], b"").json();
    let entries = audit["entries"].as_array().unwrap();
    let noted = |action: &str, user: &str, status: u64| {
        entries.iter().any(|e| e["action"] == action && e["user"] == user && e["status"] == status)
    };
    assert!(
        noted("patchDocument", "token operator", 403) && noted("patchDocument", "token admin", 200),
        "{audit}"
    );
    assert!(
        !entries.iter().any(|entry| entry["action"] == "validate"),
        "a question changes nothing: {audit}"
    );
    let text = std::fs::read_to_string(sandbox.data().join("audit.log")).unwrap();
    assert!(text.contains("addInstance") && !text.contains("sh -c id"), "{text}");
}

#[test]
fn hostile_input_is_refused_and_hurts_nobody() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    assert_eq!(json(address, "POST", "/api/v1/instances", &gate()).status, 201);
    let deep = "[".repeat(100_000);
    let nested = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let long = "x".repeat(300_000);
    let odd: Vec<Vec<u8>> = vec![
        vec![],
        b"null".to_vec(),
        b"7".to_vec(),
        b"[]".to_vec(),
        b"{".to_vec(),
        b"\xff\xfe\x00".to_vec(),
        deep.into_bytes(),
        nested.into_bytes(),
        format!("{{\"name\":\"{long}\"}}").into_bytes(),
        br#"{"to":"../../etc","name":"../x","uri":"\u0000","user":"' or 1=1","password":{}}"#.to_vec(),
        br#"{"letters":[-1,1e99],"version":99999999999999999999,"receiver":"__proto__"}"#.to_vec(),
    ];
    for (method, path, _, body) in routes() {
        if body.is_none() {
            continue;
        }
        for sent in &odd {
            let answer = ask(address, &method, &path, &["Content-Type: application/json"], sent);
            let begins = String::from_utf8_lossy(&sent[..sent.len().min(40)]).into_owned();
            assert!(
                answer.status < 500,
                "{method} {path} {begins}: {}",
                String::from_utf8_lossy(&answer.body)
            );
        }
        // What a page of another site can send without asking is no JSON.
        let form = ask(address, &method, &path, &["Content-Type: text/plain"], b"{}");
        assert!(form.status >= 400 || path.ends_with("/detections"), "{method} {path}: {}", form.status);
    }
    for path in [
        "/api/v1/instances/%00",
        "/api/v1/instances/..%2f..%2fetc",
        "/schema/..%2f..%2fx",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/hls/..%2fx.m3u8",
        "/api/v1/instances/%ff%fe",
        "/api/v1/instances/gate/frame.jpg?width=99999999999",
        "//etc/passwd",
        "/api/v1/instances?limit=-1",
        "/api/v1/instances/gate/live?types=%00",
    ] {
        let answer = get(address, path);
        assert!(
            (400..500).contains(&answer.status) || answer.status == 200 && path.contains("after="),
            "{path}: {}",
            answer.status
        );
    }
    // Longer than a body may be, announced and not.
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "POST /api/v1/session HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: 99999999\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let mut answer = String::new();
    let _reset_after_it = std::io::Read::read_to_string(&mut std::io::Read::take(stream, 4096), &mut answer);
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert_eq!(get(address, "/healthz").status, 200);
    assert_eq!(get(address, "/api/v1/instances/gate").status, 200);
}

#[test]
fn other_addresses_need_a_password_first_and_tls_is_served() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let made = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
        .arg(sandbox.path().join("key.pem"))
        .arg("-out")
        .arg(sandbox.path().join("cert.pem"))
        .output();
    assert!(made.expect("openssl (Debian package openssl) is needed by this test").status.success());
    let set = sandbox.run_with_input(&["password"], b"short\n");
    assert!(set.code == Some(1) && set.stderr.contains("at least 8"), "{}", set.stderr);
    assert_eq!(sandbox.run_with_input(&["password"], b"correct horse\n").code, Some(0));
    let (cert, key) = (sandbox.path().join("cert.pem"), sandbox.path().join("key.pem"));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let swapped =
        sandbox.run(&["serve", "--listen", "127.0.0.1:0", "--tls-certificate", key, "--tls-key", cert]);
    assert!(swapped.code == Some(1) && swapped.stderr.contains("TLS"), "{}", swapped.stderr);
    let _server =
        sandbox.spawn(&["serve", "--listen", "0.0.0.0:0", "--tls-certificate", cert, "--tls-key", key]);
    let port = sandbox.http_address().port();
    let fetched = std::process::Command::new("curl")
        .args(["-sS", "--cacert", cert, "-c", "-", "-H", "Content-Type: application/json"])
        .args(["-d", r#"{"user":"admin","password":"correct horse"}"#])
        .arg(format!("https://localhost:{port}/api/v1/session"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&fetched.stdout);
    assert!(text.contains("\"role\":\"admin\"") && text.contains("watchpost_session"), "{text}");
}
