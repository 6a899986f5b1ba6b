//! The way into the store, and what is done with a record that it has no room for.
//!
//! While the journal cannot be written (a full disk, a folder without permission), what is appended waits in
//! the store's memory: that is the bounded queue of PRODUCT section 12. A live source never waits for it;
//! its receivers are given what waits there, counted as undurable, and what finds no room is lost and
//! counted. A file at pace `fast` waits instead, and loses nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use watchpost_journal::{self as journal, Health, Journal};
use watchpost_model::Severity;

use crate::notices::Notices;

/// How long a live source waits for a store that does write, only not fast enough just now. Longer than a
/// healthy disk ever needs for a sync, and too short for a camera's queue to run over.
const LIVE_PATIENCE: Duration = Duration::from_millis(200);
/// What a lossless source that was told to stop still waits for, if the store does write.
const LAST_PATIENCE: Duration = Duration::from_secs(1);
/// How often a source that waits looks whether it was told to stop.
const LOOK: Duration = Duration::from_millis(50);

/// The journal is said to be written again when it has been for this long: a disk at the edge of being full is
/// one trouble, not many.
const SURELY_WRITTEN: Duration = Duration::from_secs(1);

/// Where an instance's records enter the store. One for the inbox and the log of an instance.
#[derive(Default)]
pub(crate) struct Entrance {
    /// The source that runs cannot wait.
    live: AtomicBool,
    /// The store; `None`: its trouble is not seen, as in tests of other things.
    store: Option<(Journal, watch::Receiver<bool>)>,
    /// The source that runs was told to stop.
    stop: RwLock<Arc<AtomicBool>>,
    lost: AtomicU64,
    trouble: Mutex<Trouble>,
    /// What is to enter besides what the source gives: `diagnostics`.
    pub notices: Notices,
}

/// What was told of the store's state.
#[derive(Default)]
enum Trouble {
    #[default]
    None,
    Blocked {
        since: Instant,
        lost_before: u64,
        /// Since when it is written again, perhaps for good.
        over: Option<Instant>,
    },
}

impl Entrance {
    pub fn new(journal: &Journal, lossless: bool, stop: Arc<AtomicBool>) -> Self {
        let entrance = Self { store: Some((journal.clone(), journal.blocked())), ..Self::default() };
        entrance.begin_run(lossless, stop);
        entrance
    }

    /// Another run of the source begins.
    pub fn begin_run(&self, lossless: bool, stop: Arc<AtomicBool>) {
        self.live.store(!lossless, Ordering::Relaxed);
        *self.stop.write() = stop;
    }

    /// Whether the source cannot wait.
    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// Appends; `None` if there was no room and waiting for it is not, or no longer, allowed. The caller says
    /// with [`Self::lose`] how much that cost.
    pub fn append(
        &self,
        store: &journal::Log,
        mut commit: journal::Commit,
    ) -> Result<Option<u64>, journal::Error> {
        let mut give_up = self.is_live().then(|| Instant::now() + LIVE_PATIENCE);
        let mut patience = Duration::ZERO;
        loop {
            commit = match store.append_within(commit, patience) {
                Ok(first) => return Ok(Some(first)),
                Err(journal::TryAppendError::Full(again)) => again,
                Err(journal::TryAppendError::Error(error)) => return Err(error),
            };
            if self.stop.read().load(Ordering::Relaxed) {
                give_up.get_or_insert_with(|| Instant::now() + LAST_PATIENCE);
            }
            if give_up.is_some_and(|at| self.is_blocked() || Instant::now() >= at) {
                return Ok(None);
            }
            patience = LOOK;
        }
    }

    /// Counts records and objects that could not be taken.
    pub fn lose(&self, count: u64) {
        if count > 0 && self.lost.fetch_add(count, Ordering::Relaxed) == 0 {
            tracing::error!("records are lost: the journal has no room for them; see its state");
        }
    }

    /// Records and objects that could not be taken, since the start.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Whether the store cannot be written now.
    pub fn is_blocked(&self) -> bool {
        self.store.as_ref().is_some_and(|(_, blocked)| *blocked.borrow())
    }

    /// Gives notice when the store cannot be written, and when it can again. To be asked often; `last`: for the
    /// last time.
    pub fn look(&self, last: bool) {
        let Some((journal, _)) = &self.store else { return };
        let mut trouble = self.trouble.lock();
        let now = Instant::now();
        match &mut *trouble {
            Trouble::None if self.is_blocked() => {
                let Health::Blocked { reason, .. } = journal.health() else { return };
                let meanwhile = match self.is_live() {
                    true => "records go from memory to the receivers and are not kept",
                    false => "the source waits",
                };
                self.notices.tell(
                    Severity::Error,
                    "Journal cannot be written",
                    format!("{reason}. Until then {meanwhile}."),
                );
                *trouble = Trouble::Blocked { since: now, lost_before: self.lost(), over: None };
            }
            Trouble::None => {}
            Trouble::Blocked { over, .. } if self.is_blocked() => *over = None,
            Trouble::Blocked { since, lost_before, over } => {
                let over = *over.get_or_insert(now);
                if last || now - over >= SURELY_WRITTEN {
                    let (blocked_ms, lost) = ((over - *since).as_millis(), self.lost() - *lost_before);
                    let message = format!("After {blocked_ms} ms; {lost} records and objects were lost.");
                    let severity = if lost > 0 { Severity::Warning } else { Severity::Info };
                    self.notices.tell(severity, "Journal is written again", message);
                    *trouble = Trouble::None;
                }
            }
        }
    }

    /// Whether receivers are given now what is not durable.
    pub fn passes_undurable(&self) -> bool {
        self.is_live() && self.is_blocked()
    }

    /// Changes whenever [`Self::passes_undurable`] may have changed while a run lasts; `None`: it never does.
    pub fn watch_undurable(&self) -> Option<watch::Receiver<bool>> {
        self.store.as_ref().map(|(_, blocked)| blocked.clone())
    }
}
