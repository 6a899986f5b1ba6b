//! Shared by the tests of this room.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;
use std::time::{Duration, Instant};

use watchpost_process::{Child, Framing, Guardian, Spec, Stdout};

/// No test waits longer for anything.
pub const BOUND: Duration = Duration::from_secs(20);

pub fn python(script: &str, dir: &Path) -> Spec {
    words(&["python3", "-u", "-c", script], dir)
}

pub fn shell(script: &str, dir: &Path) -> Spec {
    words(&["sh", "-c", script], dir)
}

pub fn words(words: &[&str], dir: &Path) -> Spec {
    let mut spec = Spec::of_words("test", words.iter().map(|w| (*w).to_owned()).collect(), dir);
    spec.framing = Framing::Newline;
    spec
}

pub async fn spawn(spec: Spec) -> Child {
    Guardian::for_tests().spawn(spec).await.unwrap()
}

pub async fn spawn_with(mut spec: Spec, stdout: Stdout) -> Child {
    spec.stdout = stdout;
    spawn(spec).await
}

/// Waits until `ready` holds; fails the test with `what` if it does not within the bound.
pub async fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !ready() {
        assert!(Instant::now() < deadline, "not within {BOUND:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

pub fn until_blocking(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + BOUND;
    while !ready() {
        assert!(Instant::now() < deadline, "not within {BOUND:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(BOUND, future).await.unwrap_or_else(|_| panic!("not within {BOUND:?}: {what}"))
}

/// Pids whose command line holds `mark`, zombies included (those by their parent's report: they have none).
pub fn processes_with(mark: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        if String::from_utf8_lossy(&line).contains(mark) {
            found.push(pid);
        }
    }
    found
}

/// State letter of a process, `None` when it is not there any more.
pub fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(')').next()?.trim_start().chars().next()
}
