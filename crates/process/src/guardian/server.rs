//! The guardian process: forks a keeper per request, reaps keepers, clears up after one that was killed.

use std::collections::HashSet;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};
use rustix::process::{Pid, Signal, getpid, kill_process, set_child_subreaper, setsid};

use super::wire::{HANDOVER_FDS, Handover};
use super::{keeper, tree};
use crate::sys::{self, Forked, Threads};

/// How long keepers may take to end what is theirs after Watchpost's end before the guardian kills
/// everything itself: a keeper that a hostile child has stopped does nothing.
const KEEPERS_GRACE: Duration = Duration::from_secs(5);

/// Runs in the forked process and never returns. `socket` is the guardian's end.
pub(crate) fn run(socket: OwnedFd) -> ! {
    let answer = match prepare(socket.as_fd()) {
        Ok(child_signals) => {
            let ready = send(&socket, &0i32.to_le_bytes(), SendFlags::NOSIGNAL);
            if ready.is_ok() {
                serve(socket, child_signals);
            }
            sys::exit_now(0)
        }
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    };
    let _ = send(&socket, &answer.to_le_bytes(), SendFlags::NOSIGNAL);
    sys::exit_now(1)
}

fn prepare(socket: BorrowedFd<'_>) -> std::io::Result<OwnedFd> {
    sys::block_all_signals();
    // Out of Watchpost's session and process group: a signal to those does not reach the guardian.
    setsid()?;
    set_child_subreaper(Some(getpid()))?;
    let _ = rustix::thread::set_name(c"watchpost-guard");
    // Holds nothing of Watchpost's open: no terminal, no pipe to a pager, no lock, no folder.
    sys::close_all_except(&[socket]);
    let nothing = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    rustix::stdio::dup2_stderr(&nothing)?;
    std::env::set_current_dir("/")?;
    sys::child_signals()
}

fn serve(socket: OwnedFd, child_signals: OwnedFd) {
    let mut keepers = HashSet::new();
    loop {
        let mut ready = [PollFd::new(&socket, PollFlags::IN), PollFd::new(&child_signals, PollFlags::IN)];
        if poll(&mut ready, None).is_err() {
            continue;
        }
        let (asked, changed) = (!ready[0].revents().is_empty(), !ready[1].revents().is_empty());
        if changed {
            tree::drain(child_signals.as_fd());
            if reap_keepers(&mut keepers) {
                end_strays(&keepers);
            }
        }
        if asked {
            match receive(&socket) {
                Ok(Received::Handover(handover)) => match sys::fork(Threads::One) {
                    Ok(Forked::Child) => {
                        drop((socket, child_signals));
                        keeper::run(handover);
                    }
                    Ok(Forked::Parent(pid)) => {
                        keepers.insert(pid);
                    }
                    // The handover is dropped: Watchpost sees the socket closed without a report.
                    Err(_) => {}
                },
                Ok(Received::Nothing) => {}
                Ok(Received::End) | Err(_) => break,
            }
        }
    }
    end(&mut keepers, &child_signals);
}

/// Watchpost is gone. The keepers saw their own sockets close; what they do not manage is done here.
fn end(keepers: &mut HashSet<Pid>, child_signals: &OwnedFd) {
    let deadline = Instant::now() + KEEPERS_GRACE;
    for keeper in keepers.iter() {
        let _ = kill_process(*keeper, Signal::CONT);
    }
    while !keepers.is_empty() {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let timeout = Timespec::try_from(left).ok();
        let _ = poll(&mut [PollFd::new(child_signals, PollFlags::IN)], timeout.as_ref());
        tree::drain(child_signals.as_fd());
        if reap_keepers(keepers) {
            end_strays(keepers);
        }
    }
    tree::end_all(child_signals.as_fd(), |_, _| {});
}

/// True if a keeper ended otherwise than by itself, and may have left processes behind.
fn reap_keepers(keepers: &mut HashSet<Pid>) -> bool {
    let mut left_behind = false;
    tree::reap(|pid, status| {
        left_behind |= !keepers.remove(&pid) || status.exit_status() != Some(0);
    });
    left_behind
}

/// Kills every process that became the guardian's own child because its keeper was killed. More that appear
/// while these die arrive with another signal, and end up here again.
fn end_strays(keepers: &HashSet<Pid>) {
    let me = getpid();
    for stray in tree::descendants(me) {
        if stray.parent == me.as_raw_nonzero().get() && !keepers.contains(&stray.pid) {
            for below in tree::descendants(stray.pid) {
                tree::send(&below, Signal::KILL);
            }
            tree::send(&stray, Signal::KILL);
        }
    }
}

enum Received {
    Handover(Handover),
    Nothing,
    End,
}

fn receive(socket: &OwnedFd) -> Result<Received, Errno> {
    let mut byte = [0u8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDOVER_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let message =
        match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) => message,
            Err(Errno::INTR | Errno::AGAIN) => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        };
    let mut fds = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let mut fds = fds.next().into_iter().flatten();
    if message.bytes == 0 {
        return Ok(Received::End);
    }
    Ok(match (fds.next(), fds.next(), fds.next(), fds.next()) {
        (Some(control), Some(stdin), Some(stdout), Some(stderr)) => {
            Received::Handover(Handover { control, stdin, stdout, stderr })
        }
        _ => Received::Nothing,
    })
}
