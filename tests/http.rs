//! PRODUCT 13 and 14: where the server answers HTTP, and to whom.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
};

use watchpost_testkit::Sandbox;

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
