//! What follows a group sync: entries go to segment files, memory is freed, checkpoints are
//! captured and their outcome dealt with. All on the writer thread.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use crate::{
    checkpoint::{Job, Outcome},
    format::SegmentName,
    log_core::{Frame, LogCore},
    rewrite::rewrite,
    segment::{drop_trimmed, store},
    shared::Shared,
    snapshot,
    writer::Writer,
};

/// A trimmed-out last segment below this size is kept for the next entries.
pub(crate) const LINGER_BYTES: u64 = 256 << 10;

impl Writer {
    /// What a frame entails besides being visible.
    pub(crate) fn settle(&mut self, log: &Arc<LogCore>, frame: &Frame) -> Option<()> {
        if frame.deleted {
            log.start.store(u64::MAX, Ordering::Release);
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

    pub(crate) fn store_all(&mut self) -> Option<()> {
        let logs: Vec<_> = self.unstored.values().cloned().collect();
        logs.iter().try_for_each(|log| self.store(log))
    }

    /// Frees the oldest runs in memory until `limit` holds.
    pub(crate) fn evict(&mut self, limit: u64) -> Option<()> {
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
    pub(crate) fn capture(&mut self) -> Option<Job> {
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
    pub(crate) fn outcomes(&mut self) -> Option<()> {
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
}

/// Removes a segment; what cannot be removed goes at the next opening.
pub(crate) fn remove(shared: &Shared, name: SegmentName) {
    match shared.files.remove(&name.to_string()) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(segment = %name, %error, "journal: a trimmed segment could not be removed");
        }
        _ => {}
    }
}
