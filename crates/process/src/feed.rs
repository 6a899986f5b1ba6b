//! Messages to the child's STDIN: a bounded queue, written in batches, with the count of what was read.
//!
//! Nobody here ever waits inside a system call: the pipe is non-blocking on our side. What the child has read
//! is what was written minus what `FIONREAD` finds in the pipe. The pipe is the kernel's, so that stays true
//! when the child has been killed, as long as we hold an end of it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use tokio::net::unix::pipe;
use tokio::sync::{Notify, watch};

use crate::account::Account;
use crate::spec::Framing;

/// Bytes gathered for one write: large enough that the system call is cheap, a quarter of the pipe so that the
/// child never runs dry while the next batch is made.
const BATCH_BYTES: usize = 64 * 1024;

/// How often the unread bytes are asked for while there are any, and how often once the child has not read for
/// [`SLOW_AFTER`]: a child that hangs must not cost a wake-up every millisecond for ever.
const TICK: Duration = Duration::from_millis(1);
const SLOW_TICK: Duration = Duration::from_millis(20);
const SLOW_AFTER: Duration = Duration::from_millis(100);

/// State of the child's STDIN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdin {
    /// Messages are accepted.
    #[default]
    Open,
    /// No more are accepted; those in the queue are still written.
    Closing,
    /// We closed it: the child finds the end of its input once it has read the rest.
    Closed,
    /// The child closed it, or died: a write found no reader.
    Refused,
}

/// How far the child has come. Counts are of messages since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Wholly read by the child.
    pub read: u64,
    /// Answered by the child ([`Stdout::Answers`](crate::Stdout::Answers)).
    pub answered: u64,
    /// Answers to nothing: more than there were messages. They are ignored.
    pub surplus_answers: u64,
    /// Bytes in the pipe that the child has not read.
    pub unread_bytes: u64,
    /// When the child last took bytes out of the pipe; `None` before the first.
    pub last_read: Option<Instant>,
    /// State of its STDIN.
    pub stdin: Stdin,
    /// The child is gone and `read` is final.
    pub settled: bool,
}

/// Why a message was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue holds its limit of bytes; the message comes back.
    #[error("the child's queue is full")]
    Full(Bytes),
    /// STDIN is closed, by us, by the child or by its death; the message comes back.
    #[error("the child's STDIN is closed")]
    Closed(Bytes),
}

#[derive(Debug)]
struct Queue {
    messages: VecDeque<Bytes>,
    bytes: usize,
    sent: u64,
    stdin: Stdin,
    /// Since when something is outstanding without progress.
    waiting_since: Option<Instant>,
}

/// What the writing task, the reading tasks and the handle share.
#[derive(Debug)]
pub(crate) struct Feed {
    queue: Mutex<Queue>,
    limit_bytes: usize,
    answers: bool,
    framing: Framing,
    /// Messages whose bytes may have reached the child.
    offered: AtomicU64,
    work: Notify,
    space: Notify,
    progress: watch::Sender<Progress>,
}

impl Feed {
    pub(crate) fn new(framing: Framing, limit_bytes: usize, answers: bool) -> Arc<Feed> {
        Arc::new(Feed {
            queue: Mutex::new(Queue {
                messages: VecDeque::new(),
                bytes: 0,
                sent: 0,
                stdin: Stdin::Open,
                waiting_since: None,
            }),
            limit_bytes,
            answers,
            framing,
            offered: AtomicU64::new(0),
            work: Notify::new(),
            space: Notify::new(),
            progress: watch::Sender::new(Progress::default()),
        })
    }

    pub(crate) fn try_send(&self, message: Bytes) -> Result<u64, SendError> {
        let mut queue = self.queue.lock();
        if queue.stdin != Stdin::Open {
            return Err(SendError::Closed(message));
        }
        // One message of any size is always let in, or a giant would never pass.
        if !queue.messages.is_empty() && queue.bytes + message.len() > self.limit_bytes {
            return Err(SendError::Full(message));
        }
        queue.bytes += message.len();
        queue.messages.push_back(message);
        queue.sent += 1;
        if queue.waiting_since.is_none() {
            queue.waiting_since = Some(Instant::now());
        }
        let (number, first) = (queue.sent, queue.messages.len() == 1);
        drop(queue);
        if first {
            self.work.notify_one();
        }
        Ok(number)
    }

    pub(crate) async fn send(&self, mut message: Bytes) -> Result<u64, SendError> {
        loop {
            let space = self.space.notified();
            tokio::pin!(space);
            space.as_mut().enable();
            match self.try_send(message) {
                Err(SendError::Full(again)) => message = again,
                result => return result,
            }
            space.await;
        }
    }

    /// Accepts no more; with `discard`, what has not begun to be written is dropped.
    pub(crate) fn close(&self, discard: bool) {
        let mut queue = self.queue.lock();
        if queue.stdin == Stdin::Open {
            queue.stdin = Stdin::Closing;
        }
        if discard {
            queue.messages.clear();
            queue.bytes = 0;
        }
        drop(queue);
        self.work.notify_one();
        self.space.notify_waiters();
    }

    pub(crate) fn progress(&self) -> Progress {
        *self.progress.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    pub(crate) fn sent(&self) -> u64 {
        self.queue.lock().sent
    }

    /// How long something has been outstanding without any progress; `None` when nothing is.
    pub(crate) fn stalled_for(&self) -> Option<Duration> {
        self.queue.lock().waiting_since.map(|since| since.elapsed())
    }

    /// So many more answers came. How many of them count: no more than there are messages without one.
    pub(crate) fn answered(&self, count: u64) -> u64 {
        // Looked at once: a message that is offered meanwhile has no answer yet.
        let offered = self.offered.load(Ordering::Acquire);
        let mut counted = 0;
        self.progress.send_modify(|progress| {
            counted = count.min(offered.saturating_sub(progress.answered));
            progress.answered += counted;
            progress.surplus_answers += count - counted;
        });
        self.restart_clock(self.progress().answered);
        counted
    }

    fn restart_clock(&self, done: u64) {
        let mut queue = self.queue.lock();
        queue.waiting_since = (queue.sent > done).then(Instant::now);
    }
}

enum End {
    Writing(pipe::Sender),
    /// STDIN is closed for the child; this read end serves to ask how much is left.
    Watching(OwnedFd),
    /// Closed without one: what was unread then counts as unread for good.
    Blind,
}

/// The task that writes. `gone` becomes true when no process of the child's is left.
pub(crate) async fn write(feed: Arc<Feed>, stdin: pipe::Sender, mut gone: watch::Receiver<bool>) {
    let mut end = End::Writing(stdin);
    let mut account = Account::default();
    let mut batch = Batch::default();
    // When the pipe last gained or lost bytes.
    let mut changed = Instant::now();
    loop {
        if batch.is_empty() {
            batch.fill(&feed, &mut account);
        }
        if let (End::Writing(pipe), false) = (&end, batch.is_empty()) {
            match pipe.try_write(batch.rest()) {
                Ok(bytes) => {
                    account.wrote(bytes);
                    changed = Instant::now();
                    batch.done += bytes;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    batch = Batch::default();
                    feed.refused();
                }
            }
        }
        let state = feed.queue.lock().stdin;
        let more = state != Stdin::Refused && !feed.queue.lock().messages.is_empty();
        if state == Stdin::Closing && batch.is_empty() && !more {
            end = close(end, &feed);
        }
        if feed.look(&mut account, &end) {
            changed = Instant::now();
        }
        if batch.is_empty() && more {
            tokio::task::consume_budget().await;
            if *gone.borrow() {
                break;
            }
            continue;
        }
        let slow = changed.elapsed() > SLOW_AFTER;
        let tick = if slow { SLOW_TICK } else { TICK };
        if slow && state == Stdin::Open && no_reader(&end) {
            // Closed with bytes still in the pipe and nothing to write: no write would tell.
            batch = Batch::default();
            feed.refused();
        }
        let unread = account.unread_bytes() > 0;
        tokio::select! {
            biased;
            _ = gone.wait_for(|gone| *gone) => break,
            _ = writable(&end), if !batch.is_empty() => {}
            () = feed.work.notified(), if batch.is_empty() => {}
            () = tokio::time::sleep(tick), if unread => {}
        }
    }
    feed.refused();
    feed.look(&mut account, &end);
    feed.progress.send_modify(|progress| progress.settled = true);
}

async fn writable(end: &End) {
    match end {
        // An error shows at the write that follows.
        End::Writing(pipe) => drop(pipe.writable().await),
        End::Watching(_) | End::Blind => std::future::pending().await,
    }
}

/// Whether no process holds the other end any more (`poll(2)`: `POLLERR` on a write end).
fn no_reader(end: &End) -> bool {
    let End::Writing(pipe) = end else { return false };
    let mut polled = [PollFd::new(pipe, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut polled, Some(&now)).is_ok() && polled[0].revents().contains(PollFlags::ERR)
}

/// Closes our write end, the child's end of file, but keeps an end of the pipe to go on counting.
///
/// The read end is opened only now: held from the start, it would hide that the child has closed its own.
fn close(end: End, feed: &Feed) -> End {
    let End::Writing(pipe) = end else { return end };
    let path = format!("/proc/self/fd/{}", pipe.as_raw_fd());
    let read_end = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    feed.set_stdin(Stdin::Closed);
    // Fails only without /proc.
    read_end.map_or(End::Blind, End::Watching)
}

impl Feed {
    fn set_stdin(&self, stdin: Stdin) {
        self.queue.lock().stdin = stdin;
        self.progress.send_modify(|progress| progress.stdin = stdin);
    }

    /// No reader is left.
    fn refused(&self) {
        let mut queue = self.queue.lock();
        queue.messages.clear();
        queue.bytes = 0;
        let closed = queue.stdin == Stdin::Closed;
        drop(queue);
        if !closed {
            self.set_stdin(Stdin::Refused);
        }
        self.space.notify_waiters();
    }

    /// Asks the kernel how much is unread and tells everybody if that is news. True if the child has read.
    fn look(&self, account: &mut Account, end: &End) -> bool {
        let fd = match end {
            End::Writing(pipe) => pipe.as_fd(),
            End::Watching(fd) => fd.as_fd(),
            End::Blind => return false,
        };
        let Ok(in_pipe) = rustix::io::ioctl_fionread(fd) else { return false };
        let first = account.read_bytes() == 0;
        let moved = account.in_pipe(in_pipe);
        if moved && (!self.answers || first) {
            self.restart_clock(if self.answers { self.progress().answered } else { account.through() });
        }
        let stdin = self.queue.lock().stdin;
        self.progress.send_if_modified(|progress| {
            let news = moved || progress.unread_bytes != account.unread_bytes() || progress.stdin != stdin;
            progress.stdin = stdin;
            progress.read = account.through();
            progress.unread_bytes = account.unread_bytes();
            if moved {
                progress.last_read = Some(Instant::now());
            }
            news
        });
        moved
    }
}

/// Messages joined for one write.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    done: usize,
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.done == self.bytes.len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    fn fill(&mut self, feed: &Feed, account: &mut Account) {
        self.bytes.clear();
        self.bytes.shrink_to(4 * BATCH_BYTES);
        self.done = 0;
        let mut queue = feed.queue.lock();
        while let Some(message) = queue.messages.front() {
            if !self.bytes.is_empty() && self.bytes.len() + message.len() >= BATCH_BYTES {
                break;
            }
            self.bytes.extend_from_slice(message);
            self.bytes.extend_from_slice(feed.framing.end());
            account.offer(message.len() + feed.framing.end().len());
            queue.bytes -= message.len();
            queue.messages.pop_front();
        }
        drop(queue);
        if !self.bytes.is_empty() {
            // Before the write: the answer may be read before the write has returned.
            feed.offered.store(account.offered(), Ordering::Release);
            feed.space.notify_waiters();
        }
    }
}
