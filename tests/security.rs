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

/// Every route, nobody's.
fn routes() -> Vec<Route> {
    routes_of(|_| "nobody")
}

/// Every route; what stands in its path is up to `fill`.
fn routes_of<'a>(fill: impl Fn(&str) -> &'a str) -> Vec<Route> {
    let description: Value = serde_json::from_str(&crate::api::committed()).unwrap();
    let mut all = Vec::new();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let parts = path.split('/').map(|part| if part.starts_with('{') { fill(part) } else { part });
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

/// Who is admin at this machine is asked by pages of every site that it shows: with no route are they let in, under no
/// name that leads here.
#[test]
fn no_route_is_for_other_sites_or_under_other_names() {
    let (_sandbox, _server, address, tokens) = with_users();
    let admin = tokens[3].clone().unwrap();
    for (method, path, _, body) in routes() {
        let kind = body.as_ref().map(|(kind, _)| format!("Content-Type: {kind}"));
        let sent = body.map(|(_, example)| example.to_string()).unwrap_or_default();
        let asked = |more: &[&str]| {
            let headers: Vec<&str> =
                [admin.as_str()].into_iter().chain(kind.as_deref()).chain(more.iter().copied()).collect();
            ask(address, &method, &path, &headers, sent.as_bytes()).status
        };
        for name in ["Host: evil.example", "Host: localhost.evil.example:3546", "Host: watchpost"] {
            assert_eq!(asked(&[name]), 421, "{method} {path} {name}");
        }
        let is_video = path.starts_with("/hls/");
        if method != "GET" {
            for other in ["Origin: https://evil.example", "Origin: null", "Sec-Fetch-Site: same-site"] {
                assert_eq!(asked(&[other]), 403, "{method} {path} {other}");
            }
        } else if !is_video {
            let embedded = ["Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"];
            assert_eq!(asked(&embedded), 403, "{method} {path}");
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

/// Every route by which a part of an instance's document can be set or tried is tried with each thing that is an admin's.
#[test]
fn no_route_takes_commands_pipelines_or_paths_from_operators() {
    let (_sandbox, _server, address, tokens) = with_users();
    let [_, _, operator, admin] = tokens.map(Option::unwrap_or_default);
    let send = |who: &str, method: &str, path: &str, body: &Value| -> Answer {
        let headers = ["Content-Type: application/json", who, "If-Match: *"];
        ask(address, method, path, &headers, body.to_string().as_bytes())
    };
    assert_eq!(send(&admin, "POST", "/api/v1/instances", &gate()).status, 201);
    let sources = [
        "gstreamer:///videotestsrc ! appsink name=cvdsink",
        "file:///etc/passwd",
        "/etc/passwd",
        "../../x.mp4",
        "ndjson:////etc/passwd",
        "v4l2:///dev/video0",
        "ndjson:///users.json",
        "config.json",
    ];
    let exports = [
        json!({"uri": "json:////tmp/x.json", "sink": "output-tracks"}),
        json!({"uri": "json:///../x.json", "sink": "output-tracks"}),
        json!({"uri": "gstreamer:///appsrc name=cvedia-rt ! filesink location=/tmp/x", "sink": "output-image"}),
        json!({"uri": "rtsp://127.0.0.1:0/x", "sink": "output-image", "config": {"pipeline": "( appsrc name=cvedia-rt ! x264enc ! rtph264pay name=pay0 )"}}),
        json!({"uri": "mqtts://127.0.0.1:1/t", "sink": "output-tracks", "config": {"certificate_path": "/etc/x.pem"}}),
        json!({"uri": "mqtts://127.0.0.1:1/t", "sink": "output-tracks", "config": {"client_key_path": "users.json"}}),
    ];
    let commands = [
        json!({"Output": {"preprocess_cmd": "sh -c id"}}),
        json!({"Input": {"uri": "push://", "detector_cmd": "sh -c id"}}),
    ];
    let inputs = sources.iter().map(|uri| json!({"Input": {"uri": uri}}));
    let handlers = exports.iter().map(|export| json!({"Output": {"handlers": {"new": export}}}));
    let documents: Vec<Value> = commands.into_iter().chain(inputs).chain(handlers).collect();
    let (old, reference) = ("/api/v1/instances/gate", "/v1/core/instance/gate");
    let mut tried: Vec<(&str, String, Value)> = Vec::new();
    for document in &documents {
        tried.push(("POST", "/api/v1/instances".to_owned(), document.clone()));
        tried.push(("PUT", format!("{old}/document"), document.clone()));
        tried.push(("PATCH", format!("{old}/document"), document.clone()));
        for (part, value) in document.as_object().unwrap() {
            let body = json!({"path": part, "jsonValue": value.to_string()});
            tried.push(("POST", format!("{reference}/config"), body));
        }
    }
    for uri in sources {
        tried.push(("POST", "/api/v1/source-test".to_owned(), json!({"uri": uri})));
        tried.push(("POST", format!("{reference}/input"), json!({"type": "Manual", "uri": uri})));
    }
    for export in exports {
        tried.push(("PUT", format!("{old}/exports/new"), export.clone()));
        for test in ["export-check", "export-test"] {
            tried.push(("POST", format!("{old}/{test}"), json!({"name": "new", "export": export})));
        }
    }
    tried.push(("POST", format!("{old}/preprocess-test"), json!({"command": "sh -c id"})));
    tried.push((
        "PUT",
        "/api/v1/exporters/JSONExport/settings".to_owned(),
        json!({"settings": {"folder": "/tmp"}}),
    ));
    let before = ask(address, "GET", &format!("{old}/document"), &[&admin], b"").json();
    for (method, path, body) in &tried {
        let refused = send(&operator, method, path, body);
        assert_eq!(refused.status, 403, "{method} {path} {body}: {}", refused.json());
    }
    assert_eq!(ask(address, "GET", &format!("{old}/document"), &[&admin], b"").json(), before);
    // Open to everybody is for nobody to set: by none of these ways.
    let open = json!({"uri": "rtsp://0.0.0.0:0/x", "sink": "output-image"});
    for (method, path, body) in [
        ("PUT", format!("{old}/exports/new"), open.clone()),
        ("PATCH", format!("{old}/document"), json!({"Output": {"handlers": {"new": open}}})),
        ("POST", format!("{reference}/output/rtsp"), json!({"enabled": true, "uri": "rtsp://0.0.0.0:0/x"})),
        (
            "POST",
            format!("{reference}/config"),
            json!({"path": "Output/handlers/new", "jsonValue": open.to_string()}),
        ),
    ] {
        let refused = send(&admin, method, &path, &body);
        assert_eq!(refused.status, 422, "{method} {path}: {}", refused.json());
        assert!(refused.json()["detail"].as_str().unwrap().contains("username"), "{}", refused.json());
    }
}

#[test]
fn changes_on_the_command_line_are_noted_too() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    assert_eq!(json(address, "POST", "/api/v1/instances", &gate()).status, 201);
    let secret = r#"{"uri": "mqtt://u:hush@127.0.0.1:1/t", "sink": "output-tracks", "enabled": false}"#;
    for (args, code) in [
        (&["instance", "list"][..], 0),
        (&["export", "set", "gate", "m", secret], 0),
        (&["export", "pause", "gate", "tracks"], 0),
        (&["export", "delete", "gate", "nothing"], 1),
    ] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(code), "{args:?}: {}", ran.stderr);
    }
    let audit = get(address, "/api/v1/system/audit").json();
    let noted = audit["entries"].as_array().unwrap().iter().map(|entry| {
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        (text("action"), text("path"), entry["status"].as_u64().unwrap())
    });
    // Newest first; who only looks is not among them.
    let expected = [
        ("delete_export", "control.sock/gate/nothing", 404),
        ("switch_export", "control.sock/gate/tracks", 200),
        ("set_export", "control.sock/gate/m", 200),
        ("addInstance", "/api/v1/instances", 201),
    ];
    let noted: Vec<_> = noted.collect();
    assert_eq!(noted.iter().map(|(a, p, s)| (a.as_str(), p.as_str(), *s)).collect::<Vec<_>>(), expected);
    let user = audit["entries"][0]["user"].as_str().unwrap();
    assert!(user.strip_prefix("uid ").is_some_and(|uid| uid.parse::<u32>().is_ok()), "{user}");
    let kept = std::fs::read_to_string(sandbox.data().join("audit.log")).unwrap();
    assert!(kept.contains("control.sock/gate/m") && !kept.contains("hush"), "{kept}");
}

#[test]
fn hostile_input_is_refused_and_hurts_nobody() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    let made = json(address, "POST", "/api/v1/instances", &gate());
    // Its name is among what may be set.
    let id = made.json()["id"].as_str().unwrap().to_owned();
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
    // At what is not there, and at what is.
    let there = |part: &str| match part {
        "{id}" | "{instance}" => id.as_str(),
        "{name}" => "tracks",
        "{kind}" => "crossing",
        "{codecId}" => "h264",
        _ => "x",
    };
    for (method, path, _, body) in routes().into_iter().chain(routes_of(there)) {
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
    assert_eq!(get(address, &format!("/api/v1/instances/{id}")).status, 200);
}

/// Names in paths and values behind the `?` that nobody would think of.
#[test]
fn odd_names_and_values_are_refused_by_every_route() {
    // As an admin: some of them are names that a user may have.
    let (_sandbox, _server, address, tokens) = with_users();
    let admin = tokens[3].clone().unwrap();
    let made = ask(
        address,
        "POST",
        "/api/v1/instances",
        &[&admin, "Content-Type: application/json"],
        gate().to_string().as_bytes(),
    );
    assert_eq!(made.status, 201, "{}", made.json());
    let long = "a".repeat(5000);
    let odd = [
        "%00",
        "..%2f..%2fetc%2fpasswd",
        "%ff%fe",
        "__proto__",
        "%F0%9F%92%A9",
        "-1",
        "1e999",
        "%0d%0aX:y",
        &long,
    ];
    let mut asked = 0;
    for name in odd {
        for (method, path, _, body) in routes_of(|_| name) {
            if !path.contains(name) {
                continue;
            }
            let kind = body.as_ref().map(|(kind, _)| format!("Content-Type: {kind}"));
            let headers: Vec<&str> = [admin.as_str()].into_iter().chain(kind.as_deref()).collect();
            let sent = body.map(|(_, example)| example.to_string()).unwrap_or_default();
            let answer = ask(address, &method, &path, &headers, sent.as_bytes());
            let said = format!("{method} {path:.100}: {}", String::from_utf8_lossy(&answer.body));
            // A name may be a name: what is odd here may be another's.
            assert!(answer.status < 500, "{said}");
            assert!(answer.header("x").is_none(), "{said}");
            asked += 1;
        }
    }
    let description: Value = serde_json::from_str(&crate::api::committed()).unwrap();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let filled = path.split('/').map(|part| match part {
            "{id}" => "gate",
            part if part.starts_with('{') => "x",
            part => part,
        });
        let path = filled.collect::<Vec<_>>().join("/");
        // Who is let in there is not done with the answer.
        let ends = !path.ends_with("/live");
        for (method, operation) in methods.as_object().unwrap().iter().filter(|_| ends) {
            let parameters = operation["parameters"].as_array().unwrap();
            for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
                for value in odd {
                    let asked_for = format!("{path}?{}={value}", parameter["name"].as_str().unwrap());
                    let answer = ask(address, &method.to_uppercase(), &asked_for, &[&admin], b"");
                    let said =
                        format!("{method} {asked_for:.100}: {}", String::from_utf8_lossy(&answer.body));
                    assert!(answer.status < 500, "{said}");
                    asked += 1;
                }
            }
        }
    }
    assert!(asked > 500, "{asked}");
    assert_eq!(ask(address, "GET", "/api/v1/instances/gate", &[&admin], b"").status, 200);
}

/// Without users whoever is here is admin, and nobody else; also when the last user has gone while others can reach it.
#[test]
fn who_is_elsewhere_does_not_get_in_when_the_users_are_gone() {
    // The address of this machine that others reach: nothing is sent by connecting.
    let outward = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    let Some(outward) = outward.ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback()) else {
        eprintln!("SKIPPED: this machine has no address that others reach");
        return;
    };
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    assert_eq!(sandbox.run_with_input(&["password"], b"correct horse\n").code, Some(0));
    let _server = sandbox.spawn(&["serve", "--listen", "0.0.0.0:0"]);
    let port = sandbox.http_address().port();
    let (here, elsewhere) = (SocketAddr::from(([127, 0, 0, 1], port)), SocketAddr::new(outward, port));
    assert_eq!(
        (get(here, "/api/v1/instances").status, get(elsewhere, "/api/v1/instances").status),
        (401, 401)
    );
    std::fs::remove_file(sandbox.data().join("users.json")).unwrap();
    watchpost_testkit::wait_until("whoever is here is admin", || {
        get(here, "/api/v1/instances").status == 200
    });
    assert_eq!(get(elsewhere, "/api/v1/instances").status, 401);
    assert_eq!(get(elsewhere, "/api/v1/session").json()["role"], "public");
    assert_eq!(get(elsewhere, "/healthz").status, 200);
    // Users that cannot be read let nobody in.
    std::fs::write(sandbox.data().join("users.json"), "{").unwrap();
    watchpost_testkit::wait_until("nobody gets in", || get(here, "/api/v1/instances").status == 503);
    assert_eq!(get(elsewhere, "/metrics").status, 503);
}

/// A proxy on this machine is here; whoever it passes on is not.
#[test]
fn who_comes_through_a_proxy_is_not_here() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let _server = sandbox.spawn(&["serve", "--host-name", "watchpost.example"]);
    let address = sandbox.http_address();
    let asked = |headers: &[&str]| ask(address, "GET", "/api/v1/instances", headers, b"").status;
    assert_eq!((asked(&[]), asked(&["Host: localhost:3546"])), (200, 200));
    for passed_on in [
        "Host: watchpost.example",
        "Host: 192.0.2.1:3546",
        "X-Forwarded-For: 192.0.2.7",
        "Forwarded: for=192.0.2.7",
        "X-Real-IP: 192.0.2.7",
    ] {
        assert_eq!(asked(&[passed_on]), 401, "{passed_on}");
    }
    assert_eq!(asked(&["Host: other.example"]), 421);
}

#[test]
fn other_addresses_need_a_password_first_and_tls_is_served() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let make = |name: &str| {
        let file = |end: &str| sandbox.path().join(format!("{name}{end}.pem"));
        let made = std::process::Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost", "-keyout"])
            .arg(file("key"))
            .arg("-out")
            .arg(file("cert"))
            .output();
        assert!(made.expect("openssl (Debian package openssl) is needed by this test").status.success());
        (file("cert"), file("key"))
    };
    let (first, renewed) = (make(""), make("renewed-"));
    let set = sandbox.run_with_input(&["password"], b"short\n");
    assert!(set.code == Some(1) && set.stderr.contains("at least 8"), "{}", set.stderr);
    assert_eq!(sandbox.run_with_input(&["password"], b"correct horse\n").code, Some(0));
    let (cert, key) = (first.0.to_str().unwrap(), first.1.to_str().unwrap());
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

    // A renewal is taken over while it runs; the certificate alone, whose key is not there yet, changes nothing.
    let answers_as = |authority: &std::path::Path| {
        let url = format!("https://localhost:{port}/healthz");
        let asked =
            std::process::Command::new("curl").args(["-sS", "--cacert"]).arg(authority).arg(url).output();
        asked.unwrap().stdout == b"ok\n"
    };
    let before = sandbox.path().join("before.pem");
    std::fs::copy(&first.0, &before).unwrap();
    let log = || std::fs::read_to_string(sandbox.path().join("stderr.log")).unwrap();
    std::fs::copy(&renewed.0, &first.0).unwrap();
    watchpost_testkit::wait_until("it is seen", || {
        assert!(answers_as(&before), "the old one stays in use");
        log().contains("do not belong together")
    });
    std::fs::copy(&renewed.1, &first.1).unwrap();
    watchpost_testkit::wait_until("the new one is in use", || answers_as(&renewed.0));
    assert!(!answers_as(&before) && log().contains("was renewed"));
}
