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
    checkpoint::{self, Job, Outcome, Outcomes, Task, finish, sync_segments},
    format::SegmentName,
    health::{Part, Pauses, reason},
    log_core::{Frame, LogCore},
    rewrite::rewrite,
    segment::{drop_trimmed, store},
    shared::{Shared, Work},
    snapshot,
    wal::Wal,
};

/// A trimmed-out last segment below this size is kept for the next entries.
const LINGER_BYTES: u64 = 256 << 10;
/// Free space is looked at this often at most.
const SPACE_INTERVAL: Duration = Duration::from_millis(200);
/// Cap of the free space kept, and the part of the file system (PRODUCT 12: min(5 %, 1 GiB)).
const KEEP_FREE: (u64, u64) = (1 << 30, 20);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    wal: Wal,
    tasks: mpsc::Sender<Task>,
    checkpoints: Option<JoinHandle<()>>,
    outcomes: Arc<Outcomes>,
    /// A checkpoint is under way.
    busy: bool,
    /// The next write-ahead file was asked for.
    asked: bool,
    /// Segments written since the last checkpoint began.
    dirty: BTreeSet<SegmentName>,
    /// Logs with entries in memory only.
    unstored: HashMap<u32, Arc<LogCore>>,
    unstored_bytes: u64,
    /// Runs in memory, oldest first, with what they hold.
    tail: VecDeque<(Arc<LogCore>, u64)>,
    tail_bytes: u64,
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
        let mut frames: Vec<Frame> = logs.iter().map(|log| log.pending.lock().take(log.number)).collect();
        // Recovery time is bounded by the files waiting for a checkpoint.
        while self.wal.is_full(&frames)
            && self.wal.retired.len() + 1 >= self.shared.options.wal_files
            && self.busy
            && !self.shared.wait_nudge()
        {
            self.outcomes()?;
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

    /// What a frame entails besides being visible.
    fn settle(&mut self, log: &Arc<LogCore>, frame: &Frame) -> Option<()> {
        if frame.deleted {
            log.start.store(u64::MAX, std::sync::atomic::Ordering::Release);
            let unstored = std::mem::take(&mut log.view.lock().unstored_bytes);
            self.unstored_bytes -= unstored;
            self.unstored.remove(&log.number);
            log.view.lock().stored_end = u64::MAX;
        }
        drop_trimmed(&self.shared.open, log, if frame.deleted { 0 } else { LINGER_BYTES }, |name| {
            remove(&self.shared, name);
        });
        let unstored = log.view.lock().unstored_bytes;
        if unstored >= self.shared.options.store_bytes {
            self.store(log)?;
        } else if unstored > 0 {
            self.unstored.entry(log.number).or_insert_with(|| log.clone());
        }
        Some(())
    }

    fn store(&mut self, log: &Arc<LogCore>) -> Option<()> {
        let before = log.view.lock().unstored_bytes;
        self.until_done("writing segments", |writer| {
            store(&writer.shared.open, writer.shared.options.segment_bytes, log, &mut writer.dirty)
        })?;
        self.unstored_bytes -= before;
        self.unstored.remove(&log.number);
        Some(())
    }

    fn store_all(&mut self) -> Option<()> {
        let logs: Vec<_> = self.unstored.values().cloned().collect();
        logs.iter().try_for_each(|log| self.store(log))
    }

    /// Frees the oldest runs in memory until `limit` holds.
    fn evict(&mut self, limit: u64) -> Option<()> {
        while self.tail_bytes > limit {
            let Some((log, cost)) = self.tail.pop_front() else { break };
            let unstored = {
                let view = log.view.lock();
                view.tail.front().is_some_and(|run| run.end() > view.stored_end)
            };
            if unstored {
                self.store(&log)?;
            }
            log.view.lock().tail.pop_front();
            self.tail_bytes -= cost;
        }
        Some(())
    }

    /// Everything to segments, and a snapshot of how things stand.
    fn capture(&mut self) -> Option<Job> {
        self.store_all()?;
        let mut writing = snapshot::Writing::new();
        let mut ends = Vec::new();
        let catalogue = self.shared.catalogue.lock();
        for log in catalogue.by_name.values() {
            let view = log.view.lock();
            writing.add(log, &view);
            if view.synced != view.stored() {
                ends.push((log.clone(), view.stored()));
            }
        }
        let group = self.wal.group - 1;
        Some(Job {
            group,
            snapshot: writing.finish(group, catalogue.next_number),
            dirty: std::mem::take(&mut self.dirty),
            ends,
            retired: std::mem::take(&mut self.wal.retired),
            want_len: self.wal.want_len(),
        })
    }

    /// Looks at how the checkpoint under way has ended, if it has.
    fn outcomes(&mut self) -> Option<()> {
        let ended = std::mem::take(&mut *self.outcomes.lock());
        for outcome in ended {
            self.busy = false;
            if let Outcome::Failed { mut job, bad } = outcome {
                job.retired.append(&mut self.wal.retired);
                self.wal.retired = job.retired;
                self.dirty.append(&mut job.dirty);
                let logs: Vec<_> = {
                    let catalogue = self.shared.catalogue.lock();
                    let is_bad = |log: &&Arc<LogCore>| bad.iter().any(|name| name.log == log.number);
                    catalogue.by_name.values().filter(is_bad).cloned().collect()
                };
                for log in logs {
                    self.until_done("writing segments anew", |writer| {
                        rewrite(&writer.shared, &log, &mut writer.dirty)
                    })?;
                }
            }
        }
        Some(())
    }

    /// Tries until it succeeds; `None` once the store is closed meanwhile.
    fn until_done(
        &mut self,
        doing: &str,
        mut attempt: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> Option<()> {
        let mut pauses = Pauses::new(self.shared.options.retry_ms);
        loop {
            match attempt(self) {
                Ok(()) => {
                    self.shared.health.writing(Part::Writer);
                    return Some(());
                }
                Err(error) => {
                    self.shared.health.blocked(Part::Writer, reason(doing, &error));
                    if self.shared.pause(pauses.next()) {
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

/// Removes a segment; what cannot be removed goes at the next opening.
fn remove(shared: &Shared, name: SegmentName) {
    match shared.files.remove(&name.to_string()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(segment = %name, %error, "journal: a trimmed segment could not be removed");
        }
        _ => {}
    }
}
