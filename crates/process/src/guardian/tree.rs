//! The processes below this one: found through `/proc`, frozen, killed and reaped until none is left.
//!
//! This process is a subreaper (`prctl(2)`, `PR_SET_CHILD_SUBREAPER`): whoever of its descendants loses its
//! parent, by a double fork or with a session of its own, becomes its child. So the kernel itself keeps the
//! set of descendants exact, and `wait` failing with `ECHILD` proves that nothing is left; the walk through
//! `/proc` only finds whom to signal, and a race in it costs another round, not a survivor.

use std::collections::HashSet;
use std::fs;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, WaitStatus, getpid, pidfd_open, pidfd_send_signal, wait,
};

/// Rounds of freezing before killing starts anyway: each finds only what was forked during the one before.
const FREEZE_ROUNDS: usize = 32;

/// First and longest pause between rounds of killing: most processes are gone within a millisecond; one in
/// an uninterruptible wait (a dead network file system) may take minutes and must not cost a core meanwhile.
const ROUND_PAUSE_MIN: Duration = Duration::from_millis(2);
const ROUND_PAUSE_MAX: Duration = Duration::from_secs(1);

/// Most processes looked at in one round: a bound on memory in a fork bomb; the next round takes the rest.
const ROUND_MAX_PROCESSES: usize = 65_536;

/// One process as `/proc/<pid>/stat` shows it (`proc_pid_stat(5)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Process {
    pub(crate) pid: Pid,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// Clock ticks from boot to its start: with the pid, an identity that is not used twice.
    started: u64,
    zombie: bool,
}

/// All processes below `root`.
///
/// Those marked as zombies too: so does the kernel mark a process whose first thread has ended while others
/// live on, and leaving it out would leave it alive.
pub(crate) fn descendants(root: Pid) -> Vec<Process> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for pid in children(parent) {
            if found.len() >= ROUND_MAX_PROCESSES || !seen.insert(pid) {
                continue;
            }
            if let Some(process) = read(pid) {
                found.push(process);
                parents.push(pid);
            }
        }
    }
    found
}

/// Sends a signal to exactly this process: one that has taken over its pid meanwhile is left alone.
pub(crate) fn send(process: &Process, signal: Signal) {
    if let Ok(handle) = pidfd_open(process.pid, PidfdFlags::empty())
        && read(process.pid).is_some_and(|now| now.started == process.started)
    {
        // Gone already, or not ours to signal (set-user-id): nothing better can be done here.
        let _ = pidfd_send_signal(handle, signal);
    }
}

/// Kills everything below this process and reaps it; returns, when nothing is left, how many were killed.
///
/// Calls `reaped` for every child that ended. A process that this user may not signal (set-user-id) or that
/// hangs in the kernel is waited for without end.
pub(crate) fn end_all(child_signals: BorrowedFd<'_>, mut reaped: impl FnMut(Pid, WaitStatus)) -> u32 {
    let me = getpid();
    let mut killed = HashSet::new();
    let mut pause = ROUND_PAUSE_MIN;
    loop {
        if reap(&mut reaped) == Children::None {
            return u32::try_from(killed.len()).unwrap_or(u32::MAX);
        }
        // Frozen first, so that nothing can fork faster than it is found.
        let mut frozen = HashSet::new();
        for _ in 0..FREEZE_ROUNDS {
            let fresh: Vec<_> = descendants(me).into_iter().filter(|p| frozen.insert(*p)).collect();
            if fresh.is_empty() {
                break;
            }
            fresh.iter().for_each(|process| send(process, Signal::STOP));
        }
        for process in &frozen {
            send(process, Signal::KILL);
            if !process.zombie {
                killed.insert((process.pid, process.started));
            }
        }
        wait_for_child(child_signals, pause);
        pause = (pause * 2).min(ROUND_PAUSE_MAX);
    }
}

/// Whether a process has children, living or zombies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Children {
    /// At least one.
    Some,
    /// None: with a subreaper that means no descendant at all.
    None,
}

/// Reaps every child that has ended.
pub(crate) fn reap(mut reaped: impl FnMut(Pid, WaitStatus)) -> Children {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => reaped(pid, status),
            Ok(None) => return Children::Some,
            Err(Errno::INTR) => {}
            Err(_) => return Children::None,
        }
    }
}

/// Waits until a child changes state, at most `pause`.
fn wait_for_child(child_signals: BorrowedFd<'_>, pause: Duration) {
    let timeout = Timespec::try_from(pause).ok();
    let _ = poll(&mut [PollFd::from_borrowed_fd(child_signals, PollFlags::IN)], timeout.as_ref());
    drain(child_signals);
}

/// Empties a signal descriptor: that a child changed state is all it says.
pub(crate) fn drain(child_signals: BorrowedFd<'_>) {
    let mut buffer = [0u8; 512];
    while matches!(rustix::io::read(child_signals, &mut buffer), Ok(n) if n > 0) {}
}

/// Children of all threads of a process; empty when it is gone.
fn children(parent: Pid) -> Vec<Pid> {
    let Ok(threads) = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero())) else {
        return Vec::new();
    };
    let mut pids = Vec::new();
    for thread in threads.flatten() {
        match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => pids.extend(text.split_ascii_whitespace().filter_map(pid)),
            // A kernel without CONFIG_PROC_CHILDREN: look at every process there is.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return children_by_scan(parent),
            Err(_) => {}
        }
    }
    pids
}

fn children_by_scan(parent: Pid) -> Vec<Pid> {
    let Ok(all) = fs::read_dir("/proc") else { return Vec::new() };
    all.flatten()
        .filter_map(|entry| pid(entry.file_name().to_str()?))
        .filter(|pid| read(*pid).is_some_and(|p| p.parent == parent.as_raw_nonzero().get()))
        .collect()
}

fn pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

fn read(pid: Pid) -> Option<Process> {
    let bytes = fs::read(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The second field, the name in parentheses, may hold anything, parentheses and spaces included.
    let rest = bytes.get(memchr::memrchr(b')', &bytes)? + 2..)?;
    let mut fields = std::str::from_utf8(rest).ok()?.split(' ');
    let zombie = matches!(fields.next()?, "Z" | "X");
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let started = fields.nth(16)?.parse().ok()?;
    Some(Process { pid, parent, group, started, zombie })
}
