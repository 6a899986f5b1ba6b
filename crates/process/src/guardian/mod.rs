//! The guardian: a tiny process that starts all children and outlives Watchpost just long enough to end them.
//!
//! ```text
//! watchpost ──── guardian            forked first thing in main; its own session
//!     │              ├── keeper      one per child: parent, subreaper, its own session
//!     └─── socket ───┤     └── child and whatever it starts
//!                    └── keeper ...
//! ```
//! Each keeper holds one end of a socket whose other end only Watchpost holds. However Watchpost dies, the
//! kernel closes that end; the keeper then kills all that is below it, waits until nothing is left, and ends.
//! A keeper killed by someone takes its child with it (`PR_SET_PDEATHSIG`); what else was below it falls to
//! the guardian, which kills it. If the guardian is killed, the keepers go on guarding their children, nothing
//! new can be started, and [`Guardian::lost`] and [`Guardian::spawn`](crate::Guardian::spawn) say so.

mod keeper;
mod server;
pub(crate) mod tree;
pub(crate) mod wire;

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
    recv, sendmsg, socketpair,
};
use rustix::process::{Pid, WaitOptions, waitpid};
use tokio::io::Interest;
use tokio::net::UnixStream;

use crate::sys::{self, Forked, Threads};
use wire::{HANDOVER_FDS, Handover};

/// How long the guardian may take to accept a child before it counts as stuck; it needs microseconds.
const ACCEPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Why the guardian could not be started, or is of no use any more.
#[derive(Debug, thiserror::Error)]
pub enum GuardianError {
    /// It could not be started.
    #[error("cannot start the guardian process: {0}")]
    Start(#[source] io::Error),
    /// It has ended, which nothing but a `kill -9` makes it do.
    #[error("the guardian process {pid} has ended; no child can be started until Watchpost is restarted")]
    Lost {
        /// Its pid.
        pid: i32,
    },
    /// It does not take requests (stopped by `kill -STOP`?).
    #[error("the guardian process {pid} does not answer; is it stopped? try `kill -CONT {pid}`")]
    Stuck {
        /// Its pid.
        pid: i32,
    },
}

/// Watchpost's end of the guardian. Dropping the last clone lets the guardian end once the last child is gone.
#[derive(Debug, Clone)]
pub struct Guardian {
    line: Arc<Line>,
}

#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    pid: Pid,
}

impl Guardian {
    /// Forks the guardian. Must be called before this process has a second thread, best as the first line of
    /// `main`; fails otherwise.
    pub fn start() -> Result<Guardian, GuardianError> {
        Guardian::fork(Threads::One).map_err(GuardianError::Start)
    }

    /// For tests only: one guardian per test process, forked although the test harness has threads.
    ///
    /// # Panics
    /// If it cannot be started: a test must not pass without it.
    #[doc(hidden)]
    #[allow(clippy::expect_used)]
    pub fn for_tests() -> &'static Guardian {
        static GUARDIAN: OnceLock<Guardian> = OnceLock::new();
        GUARDIAN.get_or_init(|| Guardian::fork(Threads::Many).expect("a guardian for tests"))
    }

    fn fork(threads: Threads) -> io::Result<Guardian> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        let pid = match sys::fork(threads)? {
            Forked::Child => server::run(theirs),
            Forked::Parent(pid) => pid,
        };
        drop(theirs);
        let mut answer = [0u8; 4];
        let length = recv(&ours, &mut answer, RecvFlags::empty())?.0;
        match i32::from_le_bytes(answer) {
            0 if length == answer.len() => {
                rustix::io::ioctl_fionbio(&ours, true)?;
                Ok(Guardian { line: Arc::new(Line { socket: ours, pid }) })
            }
            0 => Err(io::Error::other("it ended at once")),
            errno => Err(io::Error::from_raw_os_error(errno)),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.line.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// Fails if the guardian is gone. Cheap: for health checks.
    pub fn check(&self) -> Result<(), GuardianError> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::PEEK;
        match recv(&self.line.socket, &mut [0u8; 1], flags) {
            Err(Errno::AGAIN | Errno::INTR) => Ok(()),
            Ok((length, _)) if length > 0 => Ok(()),
            Ok(_) | Err(_) => Err(self.gone()),
        }
    }

    /// Waits until the guardian is gone, which does not happen by itself. Needs a tokio runtime with IO.
    pub async fn lost(&self) -> GuardianError {
        // Only to be told when the socket closes; tokio knows no SOCK_SEQPACKET, nor needs to.
        let watched = self.line.socket.try_clone().and_then(|fd| UnixStream::from_std(StdUnixStream::from(fd)));
        let Ok(watched) = watched else { return std::future::pending().await };
        while self.check().is_ok() {
            if watched.readable().await.is_err() {
                return std::future::pending().await;
            }
            // Marks it as not readable; the guardian never says anything.
            let _ = watched.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        }
        self.gone()
    }

    /// Hands the descriptors of a new child over.
    pub(crate) async fn hand_over(&self, handover: Handover) -> Result<(), GuardianError> {
        let deadline = tokio::time::Instant::now() + ACCEPT_TIMEOUT;
        loop {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(HANDOVER_FDS))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let fds = [&handover.control, &handover.stdin, &handover.stdout, &handover.stderr];
            let fds = fds.map(AsFd::as_fd);
            ancillary.push(SendAncillaryMessage::ScmRights(&fds));
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.line.socket, &[IoSlice::new(b"s")], &mut ancillary, flags) {
                Ok(_) => return Ok(()),
                // Its queue is full, or too many descriptors are under way: it empties in no time.
                Err(Errno::AGAIN | Errno::INTR | Errno::TOOMANYREFS) => {}
                Err(_) => return Err(self.gone()),
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(GuardianError::Stuck { pid: self.line.pid.as_raw_nonzero().get() });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn gone(&self) -> GuardianError {
        // No zombie of it stays behind.
        let _ = waitpid(Some(self.line.pid), WaitOptions::NOHANG);
        GuardianError::Lost { pid: self.line.pid.as_raw_nonzero().get() }
    }
}
