//! The writer: the one thread through which everything is written.
//!
//! Each round takes what all logs have pending, writes it as one block, syncs once, makes it
//! visible and wakes readers; then hands entries to segment files where enough have gathered, and
//! begins a checkpoint where a write-ahead file is full. Whatever fails is tried again with growing
//! pauses, here, until it succeeds or the store is closed: nothing that follows is begun before,
//! so order holds, and what was acknowledged is in synced files or still in memory.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    checkpoint::{self, Outcomes, Task, finish, sync_segments},
    format::SegmentName,
    health::{Part, Pauses, reason},
    log_core::{Frame, LogCore},
    segment::drop_trimmed,
    settle::{LINGER_BYTES, remove},
    shared::{Shared, Work},
    wal::Wal,
};

/// Free space is looked at this often at most.
const SPACE_INTERVAL: Duration = Duration::from_millis(200);
/// Cap of the free space kept, and the part of the file system (PRODUCT 12: min(5 %, 1 GiB)).
const KEEP_FREE: (u64, u64) = (1 << 30, 20);

pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) wal: Wal,
    tasks: mpsc::Sender<Task>,
    checkpoints: Option<JoinHandle<()>>,
    pub(crate) outcomes: Arc<Outcomes>,
    /// A checkpoint is under way.
    pub(crate) busy: bool,
    /// The next write-ahead file was asked for.
    asked: bool,
    /// Segments written since the last checkpoint began.
    pub(crate) dirty: BTreeSet<SegmentName>,
    /// Logs with entries in memory only.
    pub(crate) unstored: HashMap<u32, Arc<LogCore>>,
    pub(crate) unstored_bytes: u64,
    /// Runs in memory, oldest first, with what they hold.
    pub(crate) tail: VecDeque<(Arc<LogCore>, u64)>,
    pub(crate) tail_bytes: u64,
    space_seen: Option<Instant>,
}

impl Writer {
    pub fn start(shared: Arc<Shared>, wal: Wal) -> io::Result<Self> {
        let (tasks, received) = mpsc::channel();
        let outcomes = Arc::new(Outcomes::default());
        let (for_thread, ahead, told) = (shared.clone(), wal.ahead.clone(), outcomes.clone());
        let checkpoints = std::thread::Builder::new()
            .name("journal-sync".into())
            .spawn(move || checkpoint::run(&for_thread, &ahead, &received, &told))?;
        Ok(Writer {
            shared,
            wal,
            tasks,
            checkpoints: Some(checkpoints),
            outcomes,
            busy: false,
            asked: false,
            dirty: BTreeSet::new(),
            unstored: HashMap::new(),
            unstored_bytes: 0,
            tail: VecDeque::new(),
            tail_bytes: 0,
            space_seen: None,
        })
    }

    /// Until the store is closed; then a last checkpoint, so that opening it again is quick.
    pub fn run(mut self) {
        let finished = self.rounds();
        let shared = self.shared.clone();
        drop(std::mem::replace(&mut self.tasks, mpsc::channel().0));
        let joined = self.checkpoints.take().is_none_or(|thread| thread.join().is_ok());
        if finished.is_none() || !joined || self.last_checkpoint().is_none() {
            tracing::warn!("journal: closed without a checkpoint; the next opening recovers it");
        }
        shared.end();
    }

    fn rounds(&mut self) -> Option<()> {
        // The first group need not wait.
        let mut last_group = Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now);
        loop {
            match self.shared.next_work(last_group) {
                Work::Group(logs) => {
                    last_group = Instant::now();
                    self.group(&logs)?;
                }
                Work::Nudge => {}
                Work::Idle => {
                    self.store_all()?;
                    self.evict(0)?;
                }
                Work::Stop => return Some(()),
            }
            self.outcomes()?;
            if !self.busy && !self.wal.retired.is_empty() {
                let job = self.capture()?;
                self.busy = true;
                let _ = self.tasks.send(Task::Checkpoint(job));
            }
        }
    }

    fn last_checkpoint(&mut self) -> Option<()> {
        self.outcomes()?;
        self.wal.retire();
        let job = self.capture()?;
        let bad = sync_segments(&self.shared, &job.dirty);
        (bad.is_empty() && finish(&self.shared, &self.wal.ahead, &job).is_ok()).then_some(())
    }

    /// One group: written, synced, seen.
    fn group(&mut self, logs: &[Arc<LogCore>]) -> Option<()> {
        let mut frames: Vec<Frame> = logs.iter().map(|log| log.pending.lock().take(log)).collect();
        // Recovery time is bounded by the files waiting for a checkpoint.
        while self.wal.is_full(&frames)
            && self.wal.retired.len() + 1 >= self.shared.options.wal_files
            && self.busy
        {
            self.shared.health.set_waiting(true);
            let stop = self.shared.wait_nudge();
            self.shared.health.set_waiting(false);
            self.outcomes()?;
            if stop {
                break;
            }
        }
        self.until_done("writing", |writer| {
            writer.check_space()?;
            writer.wal.write(&frames)
        })?;
        let mut cost = 0;
        for (log, frame) in logs.iter().zip(&mut frames) {
            cost += frame.cost;
            if let Some(run) = &frame.run {
                self.tail.push_back((log.clone(), run.cost()));
                self.tail_bytes += run.cost();
                self.unstored_bytes += run.bytes.len() as u64;
            }
            log.publish(frame);
        }
        self.shared.release(cost);
        for (log, frame) in logs.iter().zip(&frames) {
            self.settle(log, frame)?;
        }
        if self.unstored_bytes > self.shared.options.tail_bytes / 2 {
            self.store_all()?;
        }
        self.evict(self.shared.options.tail_bytes)?;
        if self.wal.half_full() && !self.asked {
            self.asked = true;
            let _ = self.tasks.send(Task::Prepare(self.wal.want_len()));
        } else if !self.wal.half_full() {
            self.asked = false;
        }
        Some(())
    }

    /// Tries until it succeeds; `None` once the store is closed meanwhile.
    pub(crate) fn until_done(
        &mut self,
        doing: &str,
        mut attempt: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> Option<()> {
        let mut pauses = Pauses::new(self.shared.options.retry_ms);
        let mut stop = false;
        loop {
            match attempt(self) {
                Ok(()) => {
                    self.shared.health.writing(Part::Writer);
                    return Some(());
                }
                Err(error) => {
                    self.shared.health.blocked(Part::Writer, reason(doing, &error));
                    // A store that is closed gets one last try.
                    if std::mem::replace(&mut stop, self.shared.pause(pauses.next())) {
                        return None;
                    }
                    // Trimming may be what frees the space that is missing.
                    let logs: Vec<_> = self.shared.catalogue.lock().by_name.values().cloned().collect();
                    for log in logs {
                        drop_trimmed(&self.shared.open, &log, LINGER_BYTES, |name| {
                            remove(&self.shared, name)
                        });
                    }
                }
            }
        }
    }

    /// Refuses to write once less than the free space to be kept is left.
    fn check_space(&mut self) -> io::Result<()> {
        if self.space_seen.is_some_and(|seen| seen.elapsed() < SPACE_INTERVAL) {
            return Ok(());
        }
        let (free, size) = self.shared.files.space()?;
        let keep = self.shared.options.keep_free_bytes.unwrap_or((size / KEEP_FREE.1).min(KEEP_FREE.0));
        if free < keep {
            self.space_seen = None;
            let text = format!("{free} bytes are free, {keep} are kept free");
            return Err(io::Error::new(io::ErrorKind::StorageFull, text));
        }
        self.space_seen = Some(Instant::now());
        Ok(())
    }
}
