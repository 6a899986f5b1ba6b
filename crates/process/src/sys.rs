//! The system calls that neither the standard library nor rustix offers safely, one small function each.
//!
//! All `unsafe` of this room is here.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// What [`fork`] returned to.
#[derive(Debug)]
pub(crate) enum Forked {
    /// The new process.
    Child,
    /// The caller, with the new process's id.
    Parent(Pid),
}

/// Whether a fork copies everything the new process needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Threads {
    /// The caller has one thread; anything may be done in the new process.
    One,
    /// Other threads may exist; see [`fork`].
    Many,
}

/// Number of threads of this process.
pub(crate) fn thread_count() -> io::Result<usize> {
    Ok(fs::read_dir("/proc/self/task")?.count())
}

/// Forks. With [`Threads::One`] it fails if there is a second thread.
///
/// [`Threads::Many`] is for tests, whose harness has threads before any test runs: what the new process
/// uses afterwards is memory allocation (glibc makes its allocator usable after a fork) and system calls,
/// no lock of ours and no `tracing`.
#[allow(unsafe_code)]
pub(crate) fn fork(threads: Threads) -> io::Result<Forked> {
    if threads == Threads::One && thread_count()? != 1 {
        return Err(io::Error::other(
            "threads exist already; the guardian must be the first thing main does",
        ));
    }
    // SAFETY: the process has one thread (checked above), so no lock can be held by a thread that is
    // missing in the new process; for `Threads::Many` see the text of this function.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Pid::from_raw(pid).map(Forked::Parent).ok_or_else(|| io::Error::other("fork gave no pid")),
    }
}

/// Ends this process at once, without running anything registered for exit: a forked copy must not flush
/// buffers or run destructors that belong to the original.
#[allow(unsafe_code)]
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Closes every file descriptor except those in `keep`.
#[allow(unsafe_code)]
pub(crate) fn close_all_except(keep: &[BorrowedFd<'_>]) {
    let mut keep: Vec<RawFd> = keep.iter().map(AsRawFd::as_raw_fd).collect();
    keep.sort_unstable();
    let mut first = 0u32;
    for fd in keep.iter().map(|fd| *fd as u32).chain([u32::MAX]) {
        if fd > first {
            let last = if fd == u32::MAX { fd } else { fd - 1 };
            // SAFETY: called in a freshly forked process that never returns to code holding any of these
            // descriptors: their owners exist only as unreachable copies. A failure (a kernel before 5.9)
            // leaves them open, which is harmless for memory.
            unsafe { libc::close_range(first, last, 0) };
        }
        first = fd.saturating_add(1);
    }
}

/// Blocks all signals for this thread and sets every one to its default action, so that children inherit
/// nothing ignored and this process can be ended only by `SIGKILL`.
#[allow(unsafe_code)]
pub(crate) fn block_all_signals() {
    // SAFETY: plain system calls on a local, fully initialised set; setting an action to the default runs no
    // code. Signals that may not be changed (KILL, STOP) are refused by the kernel without effect.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// A descriptor that becomes readable when a child process changes state. `SIGCHLD` must be blocked.
#[allow(unsafe_code)]
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    // SAFETY: the set is local and initialised by `sigemptyset`; the descriptor returned is new and ours.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        match libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Makes the command's process take all signals again and die with `parent`, this process.
#[allow(unsafe_code)]
pub(crate) fn die_with_parent(command: &mut Command, parent: Pid) {
    let prepare = move || {
        // SAFETY: async-signal-safe system calls on a local set.
        unsafe {
            let mut none: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        }
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The parent may have died between the fork and the line above.
        if getppid() != Some(parent) {
            exit_now(127);
        }
        Ok(())
    };
    // SAFETY: the closure only makes system calls: it allocates nothing and takes no lock.
    unsafe {
        command.pre_exec(prepare);
    }
}
