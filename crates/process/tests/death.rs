//! However Watchpost dies, nothing that it started lives on: shown by the kernel.
//!
//! This test is a *subreaper* itself: whatever would escape becomes its child, so `wait` failing with `ECHILD`
//! proves that nothing did. It starts a stand-in for Watchpost (itself, with a variable set), which begins
//! with `Guardian::start` as the real one does, and kills this or that. No test harness: it would have threads
//! before `main`'s first line.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

mod common;

use std::io::{BufRead, BufReader, Lines};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdout, Command, Stdio};

use common::{BOUND, PYTHON, processes_with, state, until_blocking, words};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, set_child_subreaper, wait,
};
use watchpost_process::Guardian;

const STAND_IN: &str = "WATCHPOST_TEST_STAND_IN";

const SCENARIOS: [(&str, fn()); 4] = [
    ("watchpost_killed_alone", || killed(|stand_in| kill_process(stand_in, Signal::KILL).unwrap())),
    ("watchpost_killed_with_its_group", || {
        killed(|stand_in| kill_process_group(stand_in, Signal::KILL).unwrap())
    }),
    ("keeper_killed", keeper_killed),
    ("guardian_killed", guardian_killed),
];

fn main() {
    if let Ok(mark) = std::env::var(STAND_IN) {
        return stand_in(&mark);
    }
    let args: Vec<_> = std::env::args().skip(1).collect();
    if args.iter().any(|arg| arg == "--list") {
        if !args.iter().any(|arg| arg == "--ignored") {
            SCENARIOS.iter().for_each(|(name, _)| println!("{name}: test"));
        }
        return;
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    set_child_subreaper(Some(getpid())).unwrap();
    for (name, run) in SCENARIOS.iter().filter(|(name, _)| filter.is_none_or(|f| name.contains(f.as_str()))) {
        run();
        println!("test {name} ... ok");
    }
}

/// Starts a plain child and two daemons, says their pids, and then what it notices.
fn stand_in(mark: &str) {
    let guardian = Guardian::start().unwrap();
    println!("guardian {}", guardian.pid());
    let daemon = r#"
import os, signal, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for s in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT): signal.signal(s, signal.SIG_IGN)
        os.closerange(0, 100)
        os.execve('/bin/sleep', [sys.argv[1], '100000'], {})
    os._exit(0)
signal.pause()
"#;
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let here = std::env::temp_dir();
        let mut children = Vec::new();
        for n in 0..3 {
            let mark = format!("{mark}-{n}");
            let child = guardian.spawn(words(&[PYTHON, "-c", daemon, &mark], &here)).await.unwrap();
            println!("child {}", child.pid());
            children.push(child);
        }
        tokio::select! {
            ended = children[0].ended() => println!("ended {:?}", ended.exit),
            error = guardian.lost() => {
                println!("lost {error}");
                println!("spawn {}", guardian.spawn(words(&["true"], &here)).await.unwrap_err());
            }
        }
        std::future::pending::<()>().await;
    });
}

struct StandIn {
    pid: Pid,
    guardian: Pid,
    children: Vec<Pid>,
    said: Lines<BufReader<ChildStdout>>,
    mark: String,
}

impl StandIn {
    #[allow(
        clippy::zombie_processes,
        reason = "this process is its subreaper and waits for every child by pid"
    )]
    fn start() -> StandIn {
        let mark = format!("wp-death-{}-{:?}", std::process::id(), std::time::Instant::now());
        let mark = mark.replace(|c: char| !c.is_alphanumeric(), "-");
        let mut process = Command::new(std::env::current_exe().unwrap())
            .env(STAND_IN, &mark)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut pid = |word: &str| {
            let line = said.next().unwrap().unwrap();
            Pid::from_raw(line.strip_prefix(word).unwrap().trim().parse().unwrap()).unwrap()
        };
        let guardian = pid("guardian");
        let children = (0..3).map(|_| pid("child")).collect();
        let stand_in = StandIn {
            pid: Pid::from_raw(process.id().cast_signed()).unwrap(),
            guardian,
            children,
            said,
            mark,
        };
        // Each child's own command line and its grandchild's.
        until_blocking("3 children with 3 grandchildren", || {
            let all = processes_with(&stand_in.mark);
            let grown = |pid: &i32| cmdline(*pid).starts_with(&stand_in.mark);
            all.len() == 6 && all.iter().filter(|pid| grown(pid)).count() == 3
        });
        stand_in
    }

    /// Everything is dead, and nothing of it has come to us.
    fn all_gone(&self) {
        let deadline = std::time::Instant::now() + BOUND;
        loop {
            match wait(WaitOptions::NOHANG) {
                Err(Errno::CHILD) => break,
                Ok(Some(_)) => continue,
                _ => {}
            }
            let left = processes_with(&self.mark);
            assert!(std::time::Instant::now() < deadline, "alive after {BOUND:?}: {left:?}");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        assert_eq!(processes_with(&self.mark), Vec::<i32>::new());
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // After a failed assertion; all it started follows it.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

fn cmdline(pid: i32) -> String {
    String::from_utf8_lossy(&std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()).into_owned()
}

fn parent(pid: Pid) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap();
    let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1).unwrap();
    Pid::from_raw(parent.parse().unwrap()).unwrap()
}

fn killed(kill: fn(Pid)) {
    let stand_in = StandIn::start();
    // What stops ordinary processes does not stop the guardian.
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        kill_process(stand_in.guardian, signal).unwrap();
    }
    assert_ne!(state(stand_in.guardian.as_raw_nonzero().get()), Some('Z'));
    kill(stand_in.pid);
    stand_in.all_gone();
}

fn keeper_killed() {
    let mut stand_in = StandIn::start();
    let keeper = parent(stand_in.children[0]);
    assert_eq!(parent(keeper), stand_in.guardian);
    kill_process(keeper, Signal::KILL).unwrap();
    assert_eq!(stand_in.said.next().unwrap().unwrap(), "ended Unknown");
    let first = format!("{}-0", stand_in.mark);
    until_blocking("the first child's processes gone", || processes_with(&first).is_empty());
    assert_eq!(processes_with(&stand_in.mark).len(), 4, "the others live on");
    kill_process(stand_in.pid, Signal::KILL).unwrap();
    stand_in.all_gone();
}

fn guardian_killed() {
    let mut stand_in = StandIn::start();
    kill_process(stand_in.guardian, Signal::KILL).unwrap();
    assert!(stand_in.said.next().unwrap().unwrap().starts_with("lost the guardian process"));
    assert!(stand_in.said.next().unwrap().unwrap().contains("no child can be started"));
    assert_eq!(processes_with(&stand_in.mark).len(), 6, "still guarded, each by its keeper");
    kill_process(stand_in.pid, Signal::KILL).unwrap();
    stand_in.all_gone();
}
