//! A real camera over RTSP (gst-rtsp-server by way of Debian's Python) that stalls, changes its mind, and dies.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// What the camera runs; its orders are listed there.
const SCRIPT: &str = include_str!("camera.py");

/// A camera at `rtsp://127.0.0.1:PORT/cam`, 320x240 in H.264 at 25 frames a second. Dies with this value.
pub struct Camera {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Camera {
    /// Starts one. `None`, said aloud, where Python or the server's bindings are missing.
    pub fn start() -> Option<Self> {
        Self::at(0)
    }

    /// Starts one at `port`, where another has been.
    pub fn at(port: u16) -> Option<Self> {
        // Debian's own Python: the bindings are packaged for it, whatever else is first in PATH.
        let mut child = Command::new("/usr/bin/python3")
            .args(["-c", SCRIPT, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let orders = child.stdin.take()?;
        let mut answers = BufReader::new(child.stdout.take()?);
        let mut line = String::new();
        answers.read_line(&mut line).ok()?;
        let Ok(port) = line.trim().parse() else {
            eprintln!("SKIPPED: install python3-gi and gir1.2-gst-rtsp-server-1.0 to test against a camera");
            return None;
        };
        Some(Self { child, orders, answers, port })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its address, with a password that nobody must see.
    pub fn address(&self) -> String {
        format!("rtsp://user:secret@127.0.0.1:{}/cam", self.port)
    }

    /// Gives an order and waits until it is carried out.
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "done", "the camera died over `{order}`");
    }

    /// Stops it as a machine stops that has lost its power: nothing is said to anybody. (`SIGSTOP`: the
    /// connection stays.)
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// It goes on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
