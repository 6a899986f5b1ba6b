//! Checkpoints: segments are synced, a snapshot is put in place, write-ahead files become free.
//! All of it beside the writer, on a thread of its own: a group sync never waits for it.

use std::{
    collections::BTreeSet,
    io,
    sync::{Arc, mpsc},
};

use parking_lot::Mutex;

use crate::{
    format::SegmentName,
    health::{Part, Pauses, reason},
    log_core::LogCore,
    shared::Shared,
    snapshot,
    wal::{Ahead, Retired},
};

/// What the writer wants done.
pub(crate) enum Task {
    /// Make the next write-ahead file.
    Prepare(u64),
    Checkpoint(Job),
}

/// One checkpoint, captured by the writer between two groups.
pub(crate) struct Job {
    /// The last group in the snapshot.
    pub group: u64,
    pub snapshot: Vec<u8>,
    /// Segments written since the last checkpoint.
    pub dirty: BTreeSet<SegmentName>,
    /// How far each log is synced once this has succeeded (`View::synced`).
    pub ends: Vec<(Arc<LogCore>, (u64, u64))>,
    /// Files whose groups it covers, and the length worth using again.
    pub retired: Vec<Retired>,
    pub want_len: u64,
}

/// How a checkpoint ended.
pub(crate) enum Outcome {
    Done,
    /// Syncing a segment failed: what was written to it since the last checkpoint may be gone,
    /// although nothing will ever say so again. The writer writes it anew. Also if the store is
    /// closed before it could succeed; then nothing is bad.
    Failed {
        job: Job,
        bad: Vec<SegmentName>,
    },
}

/// Outcomes on their way back to the writer.
pub(crate) type Outcomes = Mutex<Vec<Outcome>>;

/// The thread: works through tasks until the writer is gone.
pub(crate) fn run(shared: &Shared, ahead: &Ahead, tasks: &mpsc::Receiver<Task>, outcomes: &Outcomes) {
    while let Ok(task) = tasks.recv() {
        match task {
            // Failing is no harm: the writer makes the file itself, and says why it cannot.
            Task::Prepare(len) => {
                if let Err(error) = ahead.prepare(len) {
                    tracing::debug!(%error, "journal: no write-ahead file made ahead");
                }
            }
            Task::Checkpoint(job) => {
                let outcome = checkpoint_until_done(shared, ahead, job);
                outcomes.lock().push(outcome);
                shared.nudge();
            }
        }
    }
}

fn checkpoint_until_done(shared: &Shared, ahead: &Ahead, job: Job) -> Outcome {
    let mut pauses = Pauses::new(shared.options.retry_ms);
    loop {
        let bad = sync_segments(shared, &job.dirty);
        if !bad.is_empty() {
            return Outcome::Failed { job, bad };
        }
        match finish(shared, ahead, &job) {
            Ok(()) => {
                shared.health.writing(Part::Checkpoint);
                return Outcome::Done;
            }
            Err(error) => shared.health.blocked(Part::Checkpoint, reason("writing a snapshot", &error)),
        }
        if shared.pause(pauses.next()) {
            return Outcome::Failed { job, bad: Vec::new() };
        }
    }
}

/// Syncs what was written; the names of those for which that failed.
pub(crate) fn sync_segments(shared: &Shared, dirty: &BTreeSet<SegmentName>) -> Vec<SegmentName> {
    let sync = |name: &SegmentName| match shared.open.get(*name).and_then(|file| file.sync()) {
        Ok(()) => false,
        // Trimmed meanwhile.
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => {
            tracing::error!(segment = %name, %error, "journal: syncing a segment failed; it is written anew");
            true
        }
    };
    dirty.iter().copied().filter(|name| sync(name)).collect()
}

/// Puts the snapshot in place and frees what it covers. May be repeated after an error.
pub(crate) fn finish(shared: &Shared, ahead: &Ahead, job: &Job) -> io::Result<()> {
    let files = &shared.files;
    let file = files.create(snapshot::TEMPORARY)?;
    file.write_at(&job.snapshot, 0)?;
    file.sync()?;
    // New segments must be found by whoever finds the snapshot.
    files.sync_dir()?;
    files.rename(snapshot::TEMPORARY, &snapshot::name(job.group))?;
    files.sync_dir()?;
    for (log, synced) in &job.ends {
        log.view.lock().synced = *synced;
    }
    // From here on failing costs disk space only; the next opening clears up.
    let cleared = (|| {
        for (name, _) in files.list()? {
            if snapshot::parse(&name).is_some_and(|group| group < job.group) {
                files.remove(&name)?;
            }
        }
        job.retired.iter().try_for_each(|old| ahead.reuse(old, job.want_len))
    })();
    if let Err(error) = cleared {
        tracing::warn!(%error, "journal: an old file could not be removed");
    }
    Ok(())
}
