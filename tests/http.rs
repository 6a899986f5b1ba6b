//! PRODUCT 13 and 14: where the server answers HTTP, and to whom.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
    time::{Duration, Instant},
};

use watchpost_testkit::{PATIENCE, Sandbox, terminate};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

/// Status line, headers and body of an answer.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{request}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_server_answers_this_machine_alone() {
    let sandbox = sandbox();
    let _server = sandbox.spawn(&["serve"]);
    let address = sandbox.http_address();
    assert!(address.ip().is_loopback());
    for path in ["/healthz", "/readyz"] {
        let answer = ask(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}"));
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("ok\n"), "{answer}");
    }
    let answer = ask(address, &format!("GET /nothing HTTP/1.1\r\nHost: {address}"));
    assert!(answer.starts_with("HTTP/1.1 404 ") && answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains(r#""detail":"there is nothing at /nothing""#), "{answer}");
    let answer = ask(address, "GET /healthz HTTP/1.1\r\nHost: evil.example");
    assert!(answer.starts_with("HTTP/1.1 421 "), "{answer}");
}

#[test]
fn other_addresses_and_ports_in_use_are_refused_with_the_fix() {
    let sandbox = sandbox();
    let ran = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("there is no password yet") && ran.stderr.contains("127.0.0.1"),
        "{}",
        ran.stderr
    );
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = sandbox.run(&["serve", "--listen", &address]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&format!("{address} is in use")) && ran.stderr.contains("--listen"),
        "{}",
        ran.stderr
    );
    let ran = sandbox.run(&["serve", "--listen", "here"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
}

/// sd_notify(3): packaging/watchpost.service says `Type=notify` and `WatchdogSec`.
#[test]
fn systemd_is_told_when_it_is_ready_that_it_works_and_when_it_ends() {
    let mut sandbox = sandbox();
    let socket = sandbox.path().join("notify.sock");
    let told = UnixDatagram::bind(&socket).unwrap();
    told.set_read_timeout(Some(PATIENCE)).unwrap();
    sandbox.set_env("NOTIFY_SOCKET", socket.to_str().unwrap());
    sandbox.set_env("WATCHDOG_USEC", "400000");
    let instance = r#"{"DisplayName": "gate", "AutoStart": true, "Input": {"uri": "ndjson+post://"}}"#;
    sandbox.write("data/instances/gate.json", instance);
    let server = sandbox.spawn(&["serve"]);
    let next = || {
        let mut message = [0; 256];
        let length = told.recv(&mut message).expect("systemd is told something");
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    assert_eq!(next(), "READY=1");
    // From then on it answers, with its instances.
    let address = sandbox.http_address();
    let answer = ask(address, &format!("GET /api/v1/instances/gate HTTP/1.1\r\nHost: {address}"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let began = Instant::now();
    for _ in 0..4 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    // Twice in its time: the first at once.
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
    terminate(server.pid());
    let last = std::iter::from_fn(|| Some(next())).find(|message| message != "WATCHDOG=1");
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
    assert!(server.finish().success());
}
