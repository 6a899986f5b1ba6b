//! What appenders, readers and the two threads of a store share.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use tokio::sync::Notify;

use crate::{
    files::{Files, OpenFiles},
    health::HealthCell,
    log_core::LogCore,
    options::Options,
};

pub(crate) struct Shared {
    pub files: Arc<dyn Files>,
    pub open: OpenFiles,
    pub options: Options,
    pub catalogue: Mutex<Catalogue>,
    pub health: HealthCell,
    queue: Mutex<Queue>,
    /// The writer waits here for work.
    work: Condvar,
    /// Threads that pause between tries wait here.
    stopping: Condvar,
    /// Appenders wait here for room.
    room: Condvar,
    /// The same for those who wait without a thread.
    pub room_async: Notify,
    /// Bytes appended and not yet durable.
    pending_bytes: AtomicU64,
    /// Appends are refused.
    closed: AtomicBool,
    /// The threads have ended: nothing becomes durable any more.
    ended: AtomicBool,
}

#[derive(Default)]
pub(crate) struct Catalogue {
    pub by_name: HashMap<String, Arc<LogCore>>,
    /// Numbers are never used twice, so files of a deleted log cannot be taken for another's.
    pub next_number: u32,
}

#[derive(Default)]
struct Queue {
    /// Logs with something pending.
    dirty: Vec<Arc<LogCore>>,
    /// The threads are to end.
    stop: bool,
    /// Something besides dirty logs wants the writer's attention.
    nudged: bool,
}

/// What the writer woke up for.
pub(crate) enum Work {
    Group(Vec<Arc<LogCore>>),
    /// A checkpoint has ended.
    Nudge,
    /// Nothing to write for the idle time.
    Idle,
    /// Everything is written, and the store is to be closed.
    Stop,
}

impl Shared {
    pub fn new(files: Arc<dyn Files>, options: Options) -> Self {
        Shared {
            open: OpenFiles::new(files.clone(), options.open_files),
            files,
            options,
            catalogue: Mutex::default(),
            health: HealthCell::default(),
            queue: Mutex::default(),
            work: Condvar::new(),
            stopping: Condvar::new(),
            room: Condvar::new(),
            room_async: Notify::new(),
            pending_bytes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// Reserves room for `cost` bytes, waiting for it until `until` (`None`: as long as it takes). A
    /// lone commit always has room, whatever its size. False: no room, or closed.
    pub fn reserve(&self, cost: u64, until: Option<Instant>) -> bool {
        let limit = self.options.pending_bytes;
        let try_reserve = || {
            let step = |held: u64| (held == 0 || held + cost <= limit).then_some(held + cost);
            self.pending_bytes.fetch_update(Ordering::AcqRel, Ordering::Acquire, step)
        };
        let before = match try_reserve() {
            Ok(before) => before,
            Err(_) => {
                let mut queue = self.queue.lock();
                loop {
                    if self.is_closed() {
                        return false;
                    }
                    match (try_reserve(), until) {
                        (Ok(before), _) => break before,
                        (Err(_), None) => self.room.wait(&mut queue),
                        (Err(_), Some(until)) if Instant::now() < until => {
                            self.room.wait_until(&mut queue, until);
                        }
                        (Err(_), Some(_)) => return false,
                    }
                }
            }
        };
        let enough = self.options.group_bytes;
        if before < enough && before + cost >= enough {
            let _queue = self.queue.lock();
            self.work.notify_one();
        }
        true
    }

    /// Bytes appended and not yet durable.
    pub fn pending_bytes(&self) -> u64 {
        self.pending_bytes.load(Ordering::Acquire)
    }

    pub fn release(&self, cost: u64) {
        self.pending_bytes.fetch_sub(cost, Ordering::AcqRel);
        let queue = self.queue.lock();
        self.room.notify_all();
        drop(queue);
        self.room_async.notify_waiters();
    }

    pub fn enqueue(&self, log: Arc<LogCore>) {
        let mut queue = self.queue.lock();
        queue.dirty.push(log);
        if queue.dirty.len() == 1 {
            self.work.notify_one();
        }
    }

    /// Wakes the writer for something else than a dirty log.
    pub fn nudge(&self) {
        self.queue.lock().nudged = true;
        self.work.notify_one();
    }

    /// Waits for a checkpoint to end; tells whether the store is to be closed instead.
    pub fn wait_nudge(&self) -> bool {
        let mut queue = self.queue.lock();
        while !queue.nudged && !queue.stop {
            self.work.wait(&mut queue);
        }
        !std::mem::take(&mut queue.nudged) && queue.stop
    }

    /// Waits for work: a group is due `group_interval_ms` after the beginning of the one before,
    /// or when enough bytes wait.
    pub fn next_work(&self, last_group: Instant) -> Work {
        let due = last_group + Duration::from_millis(self.options.group_interval_ms);
        let mut queue = self.queue.lock();
        loop {
            if !queue.dirty.is_empty() {
                let enough = self.pending_bytes.load(Ordering::Acquire) >= self.options.group_bytes;
                if queue.stop || enough || Instant::now() >= due {
                    return Work::Group(std::mem::take(&mut queue.dirty));
                }
                self.work.wait_until(&mut queue, due);
                continue;
            }
            if std::mem::take(&mut queue.nudged) {
                return Work::Nudge;
            }
            if queue.stop {
                return Work::Stop;
            }
            let idle = Duration::from_millis(self.options.idle_ms);
            if self.work.wait_for(&mut queue, idle).timed_out() && queue.dirty.is_empty() && !queue.nudged {
                return if queue.stop { Work::Stop } else { Work::Idle };
            }
        }
    }

    /// Waits out a pause, or less if the store is to be closed; tells whether it is.
    pub fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        let mut queue = self.queue.lock();
        while !queue.stop && !self.stopping.wait_until(&mut queue, until).timed_out() {}
        queue.stop
    }

    /// No more appends; the writer writes what is pending and ends.
    pub fn stop(&self) {
        self.closed.store(true, Ordering::Release);
        let mut queue = self.queue.lock();
        queue.stop = true;
        self.work.notify_all();
        self.stopping.notify_all();
        self.room.notify_all();
        drop(queue);
        self.room_async.notify_waiters();
    }

    /// The threads have ended; whoever still waits for durability is told.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        let logs: Vec<_> = self.catalogue.lock().by_name.values().cloned().collect();
        for log in logs {
            log.wake();
        }
    }

    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}
