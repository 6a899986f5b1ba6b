//! One keeper per child: its parent, subreaper of its descendants, and their end.
//!
//! A process of its own because that makes descendants of one child certain: everything below the keeper, and
//! nothing else, belongs to that child. Marks in the environment, sessions or recorded sets can all be
//! escaped by a child; the kernel's process tree below a subreaper can not.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitStatus, getpid, set_child_subreaper, setsid};

use super::tree;
use super::wire::{Handover, Order, Report, Request};
use crate::sys;

/// Runs the keeper of one child and ends the process. All signals are blocked by the guardian already.
pub(crate) fn run(handover: Handover) -> ! {
    let code = match keep(handover) {
        Ok(()) => 0,
        // The guardian looks for what is left when a keeper ends with anything but 0.
        Err(_) => 1,
    };
    sys::exit_now(code)
}

fn keep(handover: Handover) -> Result<(), Errno> {
    // A session of its own: no `kill` of a process group reaches two keepers.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    let _ = rustix::thread::set_name(c"watchpost-keep");
    let child_signals = sys::child_signals().map_err(|_| Errno::MFILE)?;

    let Handover { control, stdin, stdout, stderr } = handover;
    let mut control = File::from(control);
    let request = match Request::read(&mut control) {
        Ok(Some(request)) => request,
        Ok(None) => return Ok(()),
        Err(error) => {
            return report(&mut control, Report::Failed(error.raw_os_error().unwrap_or(libc::EINVAL)));
        }
    };
    let child = match start(request, [stdin.into(), stdout.into(), stderr.into()]) {
        Ok(pid) => pid,
        Err(error) => {
            return report(&mut control, Report::Failed(error.raw_os_error().unwrap_or(libc::EINVAL)));
        }
    };
    let _ = report(&mut control, Report::Started(child.as_raw_nonzero().get()));

    let mut ended = None;
    while ended.is_none() {
        match wait_for_order(&mut control, child_signals.as_fd())? {
            Some(Order::Terminate) => terminate(child),
            Some(Order::End) => break,
            None => {}
        }
        tree::drain(child_signals.as_fd());
        tree::reap(|pid, status| note_end(&mut ended, child, pid, status));
    }
    if let Some(how) = ended {
        // Said before the clearing up, which may take a while.
        let _ = report(&mut control, how);
    }
    let told = ended.is_some();
    let killed = tree::end_all(child_signals.as_fd(), |pid, status| note_end(&mut ended, child, pid, status));
    if let (Some(how), false) = (ended, told) {
        let _ = report(&mut control, how);
    }
    let _ = report(&mut control, Report::Gone(if told { killed } else { killed.saturating_sub(1) }));
    Ok(())
}

fn start(request: Request, [stdin, stdout, stderr]: [Stdio; 3]) -> std::io::Result<Pid> {
    let mut args = request.args.into_iter();
    let mut command = Command::new(&request.program);
    command.arg0(args.next().unwrap_or(request.program)).args(args);
    command.env_clear().envs(request.env).current_dir(request.dir);
    command.stdin(stdin).stdout(stdout).stderr(stderr).process_group(0);
    sys::die_with_parent(&mut command, getpid());
    let child = command.spawn()?;
    Pid::from_raw(child.id().cast_signed()).ok_or_else(|| Errno::SRCH.into())
}

/// Waits for a child to change state or for Watchpost to say something; its silence for good is an order too.
fn wait_for_order(control: &mut File, child_signals: BorrowedFd<'_>) -> Result<Option<Order>, Errno> {
    let mut ready =
        [PollFd::from_borrowed_fd(child_signals, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
    match poll(&mut ready, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    if ready[1].revents().is_empty() {
        return Ok(None);
    }
    let mut byte = [0];
    match control.read(&mut byte) {
        Ok(1) => Ok(Order::from_byte(byte[0])),
        // Closed: Watchpost let go of the child, or died.
        _ => Ok(Some(Order::End)),
    }
}

/// `SIGTERM` to those of the child's group that are below this keeper. Not `kill(-group)`: once the child
/// has ended, its number may name a group of strangers.
fn terminate(child: Pid) {
    for process in tree::descendants(getpid()) {
        if process.group == child.as_raw_nonzero().get() {
            tree::send(&process, Signal::TERM);
        }
    }
}

fn note_end(ended: &mut Option<Report>, child: Pid, pid: Pid, status: WaitStatus) {
    if pid == child {
        *ended = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Report::Exited(code)),
            (None, Some(signal)) => Some(Report::Signalled(signal)),
            (None, None) => None,
        };
    }
}

/// A report that nobody hears is no failure: the closed socket is read next and ends the keeper.
fn report(control: &mut File, report: Report) -> Result<(), Errno> {
    writeln!(control, "{report}").map_err(|_| Errno::PIPE)
}
