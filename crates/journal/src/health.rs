//! Whether the store can write.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Whether the store can write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Commits become durable.
    Writing,
    /// Nothing becomes durable; what is acknowledged is safe, writing is tried again by itself.
    Blocked {
        /// What failed, and the remedy.
        reason: String,
        /// Since when.
        since: SystemTime,
    },
}

/// The two threads that write, each with its own reason to be stuck.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    Writer = 0,
    Checkpoint = 1,
}

#[derive(Default)]
pub(crate) struct HealthCell {
    parts: Mutex<[Option<(String, SystemTime)>; 2]>,
    /// The writer cannot go on before a checkpoint is done.
    waiting: AtomicBool,
    /// What `get` says, for those who wait for it to change.
    blocked: watch::Sender<bool>,
}

impl HealthCell {
    pub fn get(&self) -> Health {
        let [writer, checkpoint] = &*self.parts.lock();
        // A checkpoint that fails only matters to others once the writer waits for it.
        let waited_for = checkpoint.as_ref().filter(|_| self.waiting.load(Ordering::Acquire));
        match writer.as_ref().or(waited_for) {
            Some((reason, since)) => Health::Blocked { reason: reason.clone(), since: *since },
            None => Health::Writing,
        }
    }

    /// Whether it is blocked, to be asked often and to be waited on.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.blocked.subscribe()
    }

    fn tell(&self) {
        // Asked within the closure: of two threads that tell, the later one's answer stands.
        self.blocked.send_if_modified(|blocked| {
            let now = matches!(self.get(), Health::Blocked { .. });
            std::mem::replace(blocked, now) != now
        });
    }

    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Release);
        self.tell();
    }

    pub fn blocked(&self, part: Part, reason: String) {
        let mut parts = self.parts.lock();
        match &mut parts[part as usize] {
            Some((old, _)) => *old = reason,
            free => {
                tracing::error!(%reason, "journal cannot be written; trying again by itself");
                *free = Some((reason, SystemTime::now()));
            }
        }
        drop(parts);
        self.tell();
    }

    pub fn writing(&self, part: Part) {
        let was_blocked = self.parts.lock()[part as usize].take();
        if let Some((_, since)) = was_blocked {
            let paused_ms = since.elapsed().unwrap_or_default().as_millis() as u64;
            tracing::info!(paused_ms, "journal is written again");
            self.tell();
        }
    }
}

/// Growing pauses between tries.
pub(crate) struct Pauses {
    next: Duration,
    longest: Duration,
}

impl Pauses {
    pub fn new((first_ms, longest_ms): (u64, u64)) -> Self {
        Pauses { next: Duration::from_millis(first_ms), longest: Duration::from_millis(longest_ms) }
    }

    pub fn next(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        pause
    }
}

/// An IO error as a reason a user can act on.
pub(crate) fn reason(doing: &str, error: &std::io::Error) -> String {
    use std::io::ErrorKind::*;
    let remedy = match error.kind() {
        StorageFull => "; free space on the disk of the data folder",
        QuotaExceeded => "; raise the quota of the data folder",
        ReadOnlyFilesystem => "; mount the data folder writable again",
        PermissionDenied => "; give this user write permission on the data folder",
        _ => "",
    };
    format!("{doing}: {error}{remedy}")
}
