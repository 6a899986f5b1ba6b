//! How children begin and end: clean surroundings, the stop sequence, nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use bytes::Bytes;
use common::*;
use watchpost_process::{Child, Exit, Guardian, Life, Line, Stdout};

const LINES: Stdout = Stdout::Lines { max_bytes: 1 << 20 };

async fn line(child: &Child) -> String {
    let lines = within("a line", child.lines()).await;
    assert_eq!(lines.len(), 1, "{lines:?}");
    match &lines[0] {
        Line::Text(text) | Line::Unfinished(text) => String::from_utf8(text.to_vec()).unwrap(),
        Line::TooLong { .. } => panic!("too long"),
    }
}

#[tokio::test]
async fn a_child_finds_clean_surroundings() {
    let dir = tempfile::tempdir().unwrap();
    let secret = std::fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&secret, rustix::io::FdFlags::empty()).unwrap();
    let script = r#"
import os, signal, json
fds = sorted(int(f) for f in os.listdir('/proc/self/fd'))
fds = [f for f in fds if os.path.exists('/proc/self/fd/%d' % f)]
status = dict(l.split(':\t', 1) for l in open('/proc/self/status').read().splitlines())
print(json.dumps([fds, sorted(os.environ), os.getcwd(), os.getpgrp() == os.getpid(),
    status['SigBlk'].strip(), status['SigIgn'].strip(), os.environ['ADDED']]))
"#;
    // -I -S: without Python's own changes; Python itself ignores SIGPIPE and SIGXFSZ, so sh reports those.
    let mut spec = python(script, dir.path());
    spec.set_env("ADDED", "a=b c");
    let child = spawn_with(spec, LINES).await;
    let seen = line(&child).await;
    let mut names: Vec<_> =
        watchpost_process::INHERITED.iter().copied().filter(|n| std::env::var_os(n).is_some()).collect();
    names.push("ADDED");
    for name in &names {
        assert!(seen.contains(&format!("\"{name}\"")), "{name} in {seen}");
    }
    let environment = seen.split('[').nth(3).unwrap().split(']').next().unwrap();
    for name in environment.split(", ").map(|n| n.trim_matches('"')) {
        // Python adds LC_CTYPE where the locale is C.
        assert!(names.contains(&name) || name == "PATH" || name == "LC_CTYPE", "{name} leaked: {seen}");
    }
    assert!(seen.starts_with("[[0, 1, 2],"), "{seen}");
    assert!(seen.contains("true, \"0000000000000000\""), "own group, nothing blocked: {seen}");
    assert!(seen.ends_with("\"a=b c\"]"), "{seen}");
    assert!(seen.contains(dir.path().canonicalize().unwrap().to_str().unwrap()), "{seen}");
    drop(secret);

    let child = spawn_with(words(&["grep", "SigIgn", "/proc/self/status"], dir.path()), LINES).await;
    let ignored = line(&child).await;
    let ignored = u64::from_str_radix(ignored.rsplit('\t').next().unwrap(), 16).unwrap();
    // Above 31 are glibc's own two and the real-time ones.
    assert_eq!(ignored & 0x7fff_ffff, 0, "SIGPIPE and all others are as a program expects them");
}

#[tokio::test]
async fn stop_closes_stdin_then_terminates_then_kills() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(15);
    // Ends by itself at the end of its input.
    let child = spawn(shell("cat >/dev/null; exit 7", dir.path())).await;
    child.send(Bytes::from("x")).await.unwrap();
    until("read", || child.read_through() == 1).await;
    assert_eq!(within("stop", child.stop(long)).await.exit, Exit::Code(7));
    assert_eq!(child.read_through(), 1);

    // Ignores that, but not SIGTERM.
    let script = "trap 'echo term; exit 9' TERM; echo up; while :; do sleep 0.01; done";
    let child = spawn_with(shell(script, dir.path()), LINES).await;
    assert_eq!(line(&child).await, "up");
    assert_eq!(within("stop", child.stop(Duration::from_millis(300))).await.exit, Exit::Code(9));
    assert_eq!(line(&child).await, "term");

    // Ignores both.
    let script = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\nwhile True: signal.pause()";
    let child = spawn_with(python(script, dir.path()), LINES).await;
    assert_eq!(line(&child).await, "up");
    assert_eq!(within("stop", child.stop(Duration::from_millis(50))).await.exit, Exit::Signal(9));
    assert!(matches!(child.life(), Life::Gone(_)));
}

#[tokio::test]
async fn a_kill_is_no_end_of_input() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..30 {
        let end = format!("seen-{n}");
        let child = spawn(shell(&format!("while read -r line; do :; done; touch {end}"), dir.path())).await;
        child.send(Bytes::from("x")).await.unwrap();
        until("read", || child.read_through() == 1).await;
        assert_eq!(within("kill", child.kill()).await.exit, Exit::Signal(9));
        assert!(!dir.path().join(end).exists(), "it had the time to see the end of its input");
        assert!(child.try_send(Bytes::from("y")).is_err());
    }
}

/// Leaves a process behind that has a session of its own, ignores signals, and whose parent is gone.
const DAEMON: &str = r#"
import os, signal, sys
mark = sys.argv[1]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
        os.closerange(0, 100)
        os.execve('/bin/sleep', [mark, '100000'], {})
    os._exit(0)
os.wait()
print('forked', flush=True)
if len(sys.argv) > 2: sys.exit(5)
signal.pause()
"#;

#[tokio::test]
async fn descendants_of_one_child_end_with_it_and_those_of_another_live_on() {
    let dir = tempfile::tempdir().unwrap();
    let marks = [format!("wp-one-{}", std::process::id()), format!("wp-two-{}", std::process::id())];
    let mut children = Vec::new();
    for mark in &marks {
        let child = spawn_with(words(&[PYTHON, "-c", DAEMON, mark], dir.path()), LINES).await;
        assert_eq!(line(&child).await, "forked");
        children.push(child);
    }
    until("both daemons", || marks.iter().all(|mark| processes_with(mark).len() == 2)).await;
    let one = processes_with(&marks[0]);
    let ended = within("kill", children[0].kill()).await;
    assert_eq!(ended.exit, Exit::Signal(9));
    assert_eq!(ended.left_behind, 1);
    assert!(one.iter().all(|pid| state(*pid).is_none()), "gone, and no zombies");
    assert_eq!(processes_with(&marks[1]).len(), 2);

    // Dropping the handle does the same.
    let two = processes_with(&marks[1]);
    children.clear();
    until("gone by dropping", || two.iter().all(|pid| state(*pid).is_none())).await;
}

#[tokio::test]
async fn a_child_that_goes_into_the_background_is_ended_and_told_to_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mark = format!("wp-background-{}", std::process::id());
    let child = spawn_with(words(&[PYTHON, "-c", DAEMON, &mark, "leave"], dir.path()), LINES).await;
    let ended = within("end", child.ended()).await;
    assert_eq!((ended.exit, ended.left_behind), (Exit::Code(5), 1));
    assert!(processes_with(&mark).is_empty());
    assert!(child.recent_lines().iter().any(|line| line.text.contains("keep the program in the foreground")));
}

#[tokio::test]
async fn what_cannot_be_executed_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode| {
        std::fs::write(dir.path().join(name), text).unwrap();
        std::fs::set_permissions(dir.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    write("windows", "#!/usr/bin/python3\r\n", 0o755);
    write("no-python", "#!/no/such/python\n", 0o755);
    write("plain", "#!/bin/sh\n", 0o644);
    write("good", "#!/bin/sh\necho good\n", 0o755);
    for (program, expected) in [
        ("./windows", "Windows line end"),
        ("./no-python", "the interpreter `/no/such/python` of its first line is not there"),
        ("./plain", "is not executable; run `chmod +x"),
        ("./missing", "not found; tried"),
        ("no-such-program", "/no-such-program"),
    ] {
        let error = Guardian::for_tests().spawn(words(&[program], dir.path())).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{program}: {error}");
    }
    let mut spec = words(&["./good"], dir.path());
    spec.dir = dir.path().join("nowhere");
    let error = Guardian::for_tests().spawn(spec).await.unwrap_err().to_string();
    assert!(error.contains("working directory"), "{error}");
    let child = spawn_with(words(&["./good"], dir.path()), LINES).await;
    assert_eq!(line(&child).await, "good");
}

#[tokio::test]
async fn a_hundred_children_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut children = Vec::new();
    for _ in 0..100 {
        children.push(spawn(words(&["cat"], dir.path())).await);
    }
    let pids: Vec<_> = children.iter().map(|child| child.pid().cast_signed()).collect();
    for child in &children {
        child.send(Bytes::from("x")).await.unwrap();
        child.close_stdin();
    }
    for child in &children {
        assert_eq!(within("end", child.ended()).await.exit, Exit::Code(0));
        assert_eq!(child.read_through(), 1);
    }
    assert!(pids.iter().all(|pid| state(*pid).is_none()), "no zombies");
}
