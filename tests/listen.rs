//! PRODUCT 2: `listen http` prints what arrives and answers as it is told.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

/// Killed at the latest when it is dropped.
struct Listener {
    child: Child,
    port: u16,
    errors: BufReader<std::process::ChildStderr>,
}

impl Listener {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost"));
        command.args(["listen", "http", "--address", "127.0.0.1:0"]).args(args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        errors.read_line(&mut line).unwrap();
        let port = line.split(':').nth(2).and_then(|rest| rest.split('/').next()).unwrap().parse().unwrap();
        Self { child, port, errors }
    }

    fn send(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // It may answer before it has read everything.
        let _refused = stream.write_all(request);
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn post(&self, body: &str) -> String {
        let head = format!(
            "POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nX-Site: n\x1b[2J\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.send((head.replace('\x1b', "%1b") + body).as_bytes())
    }

    /// Ctrl-C: its exit code, and what it printed.
    fn end(mut self) -> (Option<i32>, String, String) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let (mut out, mut errors) = (String::new(), String::new());
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.errors.read_to_string(&mut errors).unwrap();
        (self.child.wait().unwrap().code(), out, errors)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Gone already in all good cases.
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

#[test]
fn it_prints_and_answers_until_ctrl_c() {
    let listener = Listener::start(&[]);
    assert!(listener.post("{\"a\":\"ü\"}").starts_with("HTTP/1.1 200 "));
    assert!(listener.post("bell\x07").starts_with("HTTP/1.1 200 "));
    let (code, out, errors) = listener.end();
    assert_eq!(code, Some(0));
    assert_eq!(
        out,
        "POST /hook?a=1  10 bytes, answered 200\n{\"a\":\"ü\"}\nPOST /hook?a=1  5 bytes, answered 200\nbell\u{fffd}\n"
    );
    assert!(errors.contains("2 requests"), "{errors}");
}

#[test]
fn headers_status_delay_and_json() {
    let listener =
        Listener::start(&["--verbose", "--status", "503", "--retry-after", "7", "--delay-ms", "300"]);
    let start = Instant::now();
    let answer = listener.post("x").to_lowercase();
    assert!(start.elapsed() >= Duration::from_millis(300));
    assert!(answer.starts_with("http/1.1 503 ") && answer.contains("retry-after: 7\r\n"), "{answer}");
    let (_, out, _) = listener.end();
    assert!(out.contains("answered 503\n") && out.contains("  x-site: n%1b[2J\n"), "{out}");

    let listener = Listener::start(&["--json"]);
    listener.post("line\nline");
    let (_, out, _) = listener.end();
    let seen: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&seen["method"], &seen["target"], &seen["body"]),
        (&"POST".into(), &"/hook?a=1".into(), &"line\nline".into())
    );
    assert_eq!(seen["headers"]["x-site"], "n%1b[2J");
}

#[test]
fn what_is_too_large_or_no_http_is_refused_and_it_lives_on() {
    let listener = Listener::start(&[]);
    let head =
        b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 70000000\r\n\r\n".to_vec();
    let large = [head, vec![b'x'; 70_000_000]].concat();
    let answer = listener.send(&large);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(listener.send(b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(listener.post(&"y".repeat(5000)).starts_with("HTTP/1.1 200 "));
    let (_, out, _) = listener.end();
    assert!(out.contains("answered 413\n(more than 64 MiB)"), "{out}");
    assert!(out.ends_with("yyy ... (2952 bytes more)\n"), "it is cut where it is printed");
}

#[test]
fn what_cannot_be_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_watchpost"));
        let ran = command.args(["listen", "http"]).args(args).output().unwrap();
        (ran.status.code(), String::from_utf8(ran.stderr).unwrap())
    };
    let (code, said) = run(&["--address", &taken.local_addr().unwrap().to_string()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("choose another with --address"), "{said}");
    for bad in [["--status", "99"], ["--address", "here"], ["--delay-ms", "-1"]] {
        assert_eq!(run(&bad).0, Some(2), "{bad:?}");
    }
}
