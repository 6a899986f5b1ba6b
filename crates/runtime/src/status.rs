//! What can be known of a running instance at any moment: states and counts.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::watch;
use watchpost_export::Written;
use watchpost_process::Talk;

use crate::worker::Selector;

use crate::latency::{Histogram, Latency};

/// The state of an export or exporter: a closed set (PRODUCT section 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Delivering, or idle with nothing to deliver.
    Running,
    /// Something failed that may pass; tried again at `until`.
    Waiting {
        /// When.
        until: Instant,
    },
    /// By the user: cursor kept, records wait.
    Paused,
    /// By the user: cursor dropped.
    Disabled,
    /// The disk is full or a permission is missing; tried again by itself.
    Blocked,
    /// Behind by more than its bound: the oldest are being dropped, and counted.
    Overflowing,
    /// Only a change of its settings can help.
    Failed,
    /// The source has ended and everything is delivered.
    Finished,
}

impl State {
    /// Its name in page, API and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting { .. } => "waiting",
            Self::Paused => "paused",
            Self::Disabled => "disabled",
            Self::Blocked => "blocked",
            Self::Overflowing => "overflowing",
            Self::Failed => "failed",
            Self::Finished => "finished",
        }
    }
}

/// An episode of overflowing ends with this long without a loss: one record tells of it, not one a loss.
const EPISODE_QUIET: Duration = Duration::from_secs(60);

/// Deliveries and failures that are remembered of a receiver.
const REMEMBERED: usize = 20;
/// Deliveries closer to each other than this are remembered as one.
const TOGETHER_MS: i64 = 1000;

/// Something that happened to a receiver.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct Happened {
    /// When, Unix ms.
    pub at_ms: i64,
    /// `delivered`, `refused` or `failed`.
    pub outcome: &'static str,
    /// How many records or objects, where that is known.
    pub count: u64,
    /// In the receiver's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What an exporter and Watchpost have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Agreed {
    /// Schema ids and the version that it is sent.
    pub agreed: BTreeMap<String, u8>,
    /// Ids that its manifest asks for in vain.
    pub not_agreed: Vec<String>,
}

/// What one receiver is doing. Written by its worker, read by anyone.
#[derive(Debug)]
pub struct ReceiverStatus {
    /// The export's or exporter's name.
    pub name: String,
    /// `json`, `mp4`, ..., or `exporter`.
    pub format: &'static str,
    /// With the reason, for people, where there is one.
    state: watch::Sender<(State, Option<String>)>,
    /// What is wrong with its settings although it runs.
    note: Mutex<Option<String>>,
    /// What is other than asked for in what it is given now: true as long as that is, whatever becomes of its settings.
    remark: Mutex<Option<String>>,
    /// First log position not yet done with.
    cursor: watch::Sender<u64>,
    written: Mutex<Vec<Written>>,
    /// Oldest first.
    happened: Mutex<VecDeque<Happened>>,
    /// When it lost something the last time.
    last_loss: Mutex<Option<Instant>>,
    /// What its children say: over their lives, and over changes of its settings.
    pub(crate) talk: Talk,
    /// While it runs, of an exporter.
    agreed: Mutex<Agreed>,
    /// What of the log it takes; `None`: nothing.
    takes: Mutex<Option<Arc<Selector>>>,
    pub(crate) delivered: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) limited: AtomicU64,
    pub(crate) undurable: AtomicU64,
    pub(crate) outside: AtomicU64,
    pub(crate) latency: Histogram,
}

/// The counts of a [`ReceiverStatus`] at one moment.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
pub struct ReceiverSnapshot {
    /// The export's or exporter's name.
    pub name: String,
    /// `json`, `mp4`, ..., or `exporter`.
    pub format: &'static str,
    /// One of PRODUCT section 10.
    pub state: &'static str,
    /// The last trouble, in the receiver's words; kept until it is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Until the next try, in ms, while waiting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_in_ms: Option<u64>,
    /// Records, objects or pictures delivered since the start.
    pub delivered: u64,
    /// Their JSON's bytes; for files what was written.
    pub bytes: u64,
    /// Deliveries that were sent again.
    pub retried: u64,
    /// Dead letters since the start.
    pub refused: u64,
    /// Lost to a limit, counted: the bound of the log, `behind_max`, or pictures skipped live.
    pub dropped: u64,
    /// Taken out by `filter.max_per_s`, as the user wants it.
    pub limited: u64,
    /// Of `delivered`, those that were not durable: the journal could not be written.
    pub undurable: u64,
    /// Records, objects or pictures that its `schedule` left out since the start.
    pub outside: u64,
    /// Log entries not yet done with (some may not concern it).
    pub waiting: u64,
    /// Times that its program was started again, for whatever reason; 0 where it is none.
    pub restarts: u64,
    /// From the log to its word that it has it.
    #[serde(skip)]
    pub latency: Latency,
}

impl ReceiverSnapshot {
    /// What was selected and does not come, as the user wants it: by `filter.max_per_s`, by the schedule.
    pub fn left_out(&self) -> u64 {
        self.limited + self.outside
    }
}

impl ReceiverStatus {
    pub(crate) fn new(name: impl Into<String>, format: &'static str) -> Self {
        Self {
            name: name.into(),
            format,
            state: watch::Sender::new((State::Running, None)),
            note: Mutex::default(),
            remark: Mutex::default(),
            cursor: watch::Sender::new(0),
            written: Mutex::default(),
            happened: Mutex::default(),
            last_loss: Mutex::default(),
            talk: Talk::default(),
            agreed: Mutex::default(),
            takes: Mutex::default(),
            delivered: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            limited: AtomicU64::new(0),
            undurable: AtomicU64::new(0),
            outside: AtomicU64::new(0),
            latency: Histogram::default(),
        }
    }

    /// With what its children have said before.
    pub(crate) fn with(self, talk: Talk) -> Self {
        Self { talk, ..self }
    }

    /// The same under another name; what it counts begins anew.
    pub(crate) fn renamed(&self, name: &str) -> Self {
        let renamed = Self::new(name, self.format);
        renamed.move_cursor(self.cursor());
        renamed
    }

    /// What is wrong with its settings although it runs; shown while nothing else is.
    pub(crate) fn note(&self, note: Option<String>) {
        if let Some(note) = &note {
            tracing::warn!(receiver = %self.name, "{note}");
        }
        *self.note.lock() = note;
    }

    /// What is other than asked for in what it is given from now on; shown while nothing else is.
    pub(crate) fn remark(&self, remark: Option<String>) {
        let mut now = self.remark.lock();
        if let Some(remark) = remark.as_ref().filter(|remark| now.as_ref() != Some(*remark)) {
            tracing::warn!(receiver = %self.name, "{remark}");
        }
        *now = remark;
    }

    /// What has been agreed on with it; nothing while it does not run.
    pub(crate) fn agreed(&self) -> Agreed {
        self.agreed.lock().clone()
    }

    pub(crate) fn agrees(&self, agreed: Agreed) {
        *self.agreed.lock() = agreed;
    }

    /// What of the log it takes, for those who want to know before it has.
    pub(crate) fn taking(&self) -> Option<Arc<Selector>> {
        self.takes.lock().clone()
    }

    pub(crate) fn takes(&self, what: Option<Selector>) {
        *self.takes.lock() = what.map(Arc::new);
    }

    /// Remembers something that happened.
    pub(crate) fn remember(&self, outcome: &'static str, count: u64, message: Option<&str>) {
        let at_ms = jiff::Timestamp::now().as_millisecond();
        let mut happened = self.happened.lock();
        if let Some(last) = happened.back_mut()
            && (last.outcome, &last.message) == (outcome, &message.map(str::to_owned))
            && at_ms - last.at_ms < TOGETHER_MS
        {
            last.count += count;
            return;
        }
        if happened.len() == REMEMBERED {
            happened.pop_front();
        }
        happened.push_back(Happened { at_ms, outcome, count, message: message.map(str::to_owned) });
    }

    /// What happened lately, newest first.
    pub(crate) fn happened(&self) -> Vec<Happened> {
        self.happened.lock().iter().rev().cloned().collect()
    }

    /// Why it refused something the last time.
    pub(crate) fn last_refusal(&self) -> Option<String> {
        self.happened.lock().iter().rev().find(|one| one.outcome == "refused")?.message.clone()
    }

    /// Its state now.
    pub fn state(&self) -> State {
        self.state.borrow().0.clone()
    }

    /// Enters `state`; says so in the log when that is news. `problem`: why, for people.
    pub(crate) fn set(&self, state: State, problem: Option<String>) {
        self.state.send_if_modified(|now| {
            let news = now.0.name() != state.name() || now.1 != problem;
            match &problem {
                Some(problem) if news => {
                    tracing::warn!(receiver = %self.name, state = state.name(), "{problem}");
                }
                None if news => tracing::debug!(receiver = %self.name, state = state.name(), "state changed"),
                _ => {}
            }
            *now = (state, problem);
            news
        });
    }

    /// It loses its oldest, whatever else it is doing; true at the beginning of an episode.
    pub(crate) fn overflows(&self, why: &str) -> bool {
        if !matches!(self.state(), State::Paused | State::Disabled | State::Failed) {
            self.set(State::Overflowing, Some(why.to_owned()));
        }
        let before = self.last_loss.lock().replace(Instant::now());
        before.is_none_or(|at| at.elapsed() > EPISODE_QUIET)
    }

    /// It runs (again). With something to deliver, what was wrong stands until that has succeeded: else a
    /// receiver that fails at every try would look fine in between, and say the same at each.
    pub(crate) fn tries_again(&self, something_waits: bool) {
        let wrong = match self.state() {
            State::Waiting { .. } | State::Blocked => something_waits,
            // Ended by a delivery only.
            State::Overflowing => true,
            _ => false,
        };
        if !wrong {
            self.set(State::Running, None);
        }
    }

    /// Failed before it began. Whoever loaded the instance has told the user ([`crate::check`]), so the log
    /// need not.
    pub(crate) fn cannot_start(&self, problem: String) {
        let failed = (State::Failed, Some(problem));
        if *self.state.borrow() != failed {
            tracing::info!(receiver = %self.name, "{}", failed.1.as_deref().unwrap_or_default());
            self.state.send_replace(failed);
        }
    }

    /// The source has ended, early or not; so has this one, unless something waits or is wrong.
    pub(crate) fn finish(&self, end: u64) {
        if self.cursor() >= end && self.state() == State::Running {
            self.set(State::Finished, None);
        }
    }

    pub(crate) fn cursor(&self) -> u64 {
        *self.cursor.borrow()
    }

    /// Pictures have no cursor: nothing in the log waits for them.
    pub(crate) fn takes_no_records(&self) {
        self.cursor.send_replace(u64::MAX);
    }

    pub(crate) fn move_cursor(&self, to: u64) {
        self.cursor.send_replace(to);
    }

    /// Waits until everything before `end` is done with; `false` if it never will be without a change
    /// by the user.
    pub(crate) async fn drained(&self, end: u64) -> bool {
        let mut cursor = self.cursor.subscribe();
        let mut state = self.state.subscribe();
        tokio::select! {
            biased;
            reached = cursor.wait_for(|cursor| *cursor >= end) => reached.is_ok(),
            _stuck = state.wait_for(|(state, _)| matches!(state, State::Failed | State::Paused | State::Disabled)) => false,
        }
    }

    /// What it has written since the start.
    pub fn written(&self) -> Vec<Written> {
        self.written.lock().clone()
    }

    pub(crate) fn has_written(&self, written: Vec<Written>) {
        self.written.lock().extend(written);
    }

    /// Everything at once; `log_end` is the first position not yet in the log.
    pub fn snapshot(&self, log_end: u64) -> ReceiverSnapshot {
        let (state, problem) = self.state.borrow().clone();
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let retry_in_ms = match &state {
            State::Waiting { until } => {
                Some(until.checked_duration_since(Instant::now()).unwrap_or(Duration::ZERO).as_millis() as u64)
            }
            _ => None,
        };
        ReceiverSnapshot {
            name: self.name.clone(),
            format: self.format,
            state: state.name(),
            problem: problem.or_else(|| self.note.lock().clone()).or_else(|| self.remark.lock().clone()),
            retry_in_ms,
            delivered: get(&self.delivered),
            bytes: get(&self.bytes),
            retried: get(&self.retried),
            refused: get(&self.refused),
            dropped: get(&self.dropped),
            limited: get(&self.limited),
            undurable: get(&self.undurable),
            outside: get(&self.outside),
            waiting: log_end.saturating_sub(self.cursor()),
            restarts: self.talk.lives().saturating_sub(1),
            latency: self.latency.read(),
        }
    }
}

pub(crate) fn add(count: &AtomicU64, by: u64) {
    count.fetch_add(by, Ordering::Relaxed);
}
