//! The preprocess command (PRODUCT section 8): fed from the inbox, its answers numbered into the log.
//!
//! One task owns the child. `feed.rs` is what it does while the child lives; this file starts it again
//! when it has died, and says what records do meanwhile.

mod answer;
mod change;
mod feed;
#[cfg(test)]
mod tests;

pub(crate) use change::abandoned;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{runtime::RuntimeFlavor, sync::watch, task::JoinHandle, time::timeout};
use tracing::Instrument;
use watchpost_config::{self as config, OnFailure, Paths};
use watchpost_export::POISON_DEATHS;
use watchpost_journal as journal;
use watchpost_model::Id;
use watchpost_process::{Framing, Guardian, LINE_MAX_BYTES, Spec, Stdout, Talk};
use watchpost_schema::{Unnumbered, Version};

use crate::{
    backoff::Backoff,
    dead::DeadLetters,
    intake::{Inbox, Way},
    log::StateChange,
    recorder::{RecordError, Recorder},
    runtime::Surroundings,
    status::{ReceiverStatus, State, add},
    whose,
};

/// State key in the instance's log: the first inbox position not yet done with. Kept there, and not in
/// the inbox, so that it moves in the same write as the answers enter the log.
const CURSOR: &str = "inbox-cursor";
/// Entries of the inbox looked at together.
const READ: journal::ReadLimit = journal::ReadLimit { entries: 1000, bytes: 4 << 20 };

/// What the task is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Run,
    /// Nothing more enters the inbox: feed the rest, take the last answers, end.
    Finish,
    /// End now; what is not done stays in the inbox.
    Stop,
}

/// The running preprocess command of an instance.
pub(crate) struct PreprocessTask {
    status: Arc<ReceiverStatus>,
    inbox: Arc<Inbox>,
    orders: watch::Sender<Order>,
    task: JoinHandle<()>,
}

/// State and counts of a preprocess command, and the inbox, which holds what waits for it.
#[derive(Clone)]
pub(crate) struct Seen {
    pub status: Arc<ReceiverStatus>,
    pub inbox: Arc<Inbox>,
}

impl PreprocessTask {
    /// Starts the command if the instance has one, and says where records go in. `talk` keeps what it says.
    pub fn start(
        wishes: &config::Instance,
        recorder: Arc<Recorder>,
        around: &Surroundings,
        talk: Talk,
    ) -> Result<(Way, Option<Self>), RecordError> {
        let Some(settings) = wishes.output.preprocess.clone() else {
            if let Some(inbox) = abandoned(&around.journal, wishes.id)? {
                change::drain(inbox, &recorder)?;
            }
            return Ok((Way::Direct(recorder), None));
        };
        let inbox = around.journal.log(&inbox_name(wishes.id))?;
        let inbox = Arc::new(Inbox::open(inbox, &recorder));
        let status = Arc::new(ReceiverStatus::new("preprocess", "command").with(talk));
        let (orders, ordered) = watch::channel(Order::Run);
        let cursor = cursor(&recorder, &inbox);
        status.move_cursor(cursor);
        let spec = spec(&settings, wishes, around);
        let spec = spec.map(|spec| Spec { talk: status.talk.clone(), ..spec });
        let task = Task {
            version: if settings.version == 1 { Version::V1 } else { Version::V2 },
            settings,
            spec,
            guardian: around.guardian.clone(),
            dead: DeadLetters::open(&around.journal, wishes.id, "preprocess")?,
            left_behind: inbox.store().end(),
            inbox: inbox.clone(),
            recorder: recorder.clone(),
            status: status.clone(),
            orders: ordered,
            cursor,
            deaths: (None, 0),
            backoff: Backoff::default(),
        };
        let task = around.tokio.spawn(task.run().instrument(whose::receiver("preprocess")));
        Ok((Way::Inbox { inbox: inbox.clone(), recorder }, Some(Self { status, inbox, orders, task })))
    }

    /// What can be seen of it, and what the log's keeper has to know.
    pub fn seen(&self) -> Seen {
        Seen { status: self.status.clone(), inbox: self.inbox.clone() }
    }

    /// It was stopped: its state says so if it has left nothing.
    pub fn finished(&self) {
        self.status.finish(self.inbox.store().end());
    }

    /// Waits until it has been fed everything and has given its last answer.
    pub async fn finish(&mut self) {
        self.order(Order::Finish).await;
    }

    /// Ends it, with at most `limit` for its last words.
    pub async fn stop(&mut self, limit: Duration) {
        // Whoever has drained has waited for its last words already.
        let waited = *self.orders.borrow() == Order::Finish && !self.task.is_finished();
        let finished = !waited && timeout(limit / 2, self.order(Order::Finish)).await.is_ok();
        if !finished && timeout(limit / 2, self.order(Order::Stop)).await.is_err() {
            // Its child is killed with the task; what it was not done with stays in the inbox.
            self.task.abort();
        }
    }

    async fn order(&mut self, order: Order) {
        self.orders.send_replace(order);
        if !self.task.is_finished()
            && let Err(panic) = (&mut self.task).await
        {
            tracing::error!("the preprocess command's task ended badly: {panic}");
        }
    }
}

fn inbox_name(instance: Id) -> String {
    format!("instance/{instance}/inbox")
}

/// The first message that is not done with.
fn cursor(recorder: &Recorder, inbox: &Inbox) -> u64 {
    let kept = recorder.log().store().state(CURSOR);
    let cursor = kept.and_then(|c| c.as_ref().try_into().ok()).map_or(0, u64::from_le_bytes);
    // Past the end after a crash while nothing was durable: what it had passed is gone, and what now gets
    // these positions is new.
    cursor.clamp(inbox.store().start(), inbox.store().end())
}

fn move_cursor(to: u64) -> Vec<StateChange> {
    vec![(CURSOR.to_owned(), Some(Bytes::copy_from_slice(&to.to_le_bytes())))]
}

/// What the task owns.
pub(super) struct Task {
    pub settings: config::Preprocess,
    pub version: Version,
    pub inbox: Arc<Inbox>,
    pub recorder: Arc<Recorder>,
    pub dead: DeadLetters,
    pub status: Arc<ReceiverStatus>,
    pub orders: watch::Receiver<Order>,
    /// First inbox position not yet done with.
    pub cursor: u64,
    /// Messages before this position are of a run before, perhaps made for the other version.
    pub left_behind: u64,
    spec: Result<Spec, String>,
    guardian: Guardian,
    /// The message that was the oldest unfinished one when the child died, and how often in a row.
    deaths: (Option<u64>, u32),
    backoff: Backoff,
}

/// How a child's life ended, for whoever decides what comes next.
pub(super) enum After {
    /// Everything is done, or it was told to stop.
    Finished,
    /// It would not start, or the log cannot be written: no message's fault.
    Failed(String),
    /// It died or hung.
    Died {
        reason: String,
        /// The oldest message it had been given and was not done with.
        over: Option<u64>,
    },
}

impl Task {
    async fn run(mut self) {
        loop {
            let began = Instant::now();
            let ended = match self.spawn().await {
                Ok(child) => {
                    self.status.tries_again(self.cursor < self.inbox.store().end());
                    self.feed(child).await
                }
                Err(reason) => Ok(After::Failed(reason)),
            };
            let (reason, over) = match ended {
                Ok(After::Finished) => break,
                Ok(After::Died { reason, over }) => (reason, over),
                Ok(After::Failed(reason)) => (reason, None),
                Err(error) => (error.to_string(), None),
            };
            if began.elapsed() > feed::GOOD_LIFE {
                self.backoff.reset();
            }
            if let Err(error) = self.count_death(&reason, over).await {
                tracing::error!("preprocess: keeping a dead letter: {error}");
            }
            add(&self.status.retried, 1);
            let until = Instant::now() + self.backoff.next();
            self.status.set(State::Waiting { until }, Some(reason));
            if self.wait(until).await == Order::Stop {
                break;
            }
        }
    }

    async fn spawn(&self) -> Result<watchpost_process::Child, String> {
        let spec = self.spec.clone()?;
        self.guardian.spawn(spec).await.map_err(|error| error.to_string())
    }

    /// Until the next try. Records wait in the inbox, or with `bypass` pass as they are.
    async fn wait(&mut self, until: Instant) -> Order {
        loop {
            let order = *self.orders.borrow_and_update();
            if order == Order::Stop {
                return order;
            }
            let mut bypass = self.settings.on_failure == OnFailure::Bypass;
            if bypass && let Err(error) = self.pass_unfiltered() {
                tracing::error!("preprocess: passing records unfiltered: {error}");
                // Not at once again: it would fail as often as a processor can.
                bypass = false;
            }
            if order == Order::Finish && self.cursor >= self.inbox.store().end() {
                return Order::Stop;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => return order,
                more = self.inbox.wait_past(self.cursor), if bypass => if more.is_err() { return Order::Stop },
                changed = self.orders.changed() => if changed.is_err() { return Order::Stop },
            }
        }
    }

    fn pass_unfiltered(&mut self) -> Result<(), RecordError> {
        let batch = self.inbox.messages(self.cursor, READ)?;
        self.count_lost(batch.lost);
        let parse =
            |(position, message)| answer::parse(&self.as_given(position, message), self.version, false).ok();
        let groups = batch.messages.into_iter().filter_map(parse).collect();
        self.commit(groups, batch.next)
    }

    /// A message as the command of today understands it.
    fn as_given(&self, position: u64, message: Bytes) -> Bytes {
        if position < self.left_behind { change::in_version(message, self.version) } else { message }
    }

    fn count_lost(&self, lost: u64) {
        if lost > 0 {
            tracing::error!(
                "{lost} messages for the preprocess command are lost: damaged on the disk, or beyond a bound"
            );
            add(&self.status.dropped, lost);
        }
    }

    /// Answers enter the log, and the inbox moves on, in one write.
    pub fn commit(&mut self, groups: Vec<Vec<Unnumbered>>, cursor: u64) -> Result<(), RecordError> {
        let moved: Vec<StateChange> = if cursor == self.cursor { vec![] } else { move_cursor(cursor) };
        if groups.is_empty() && moved.is_empty() {
            return Ok(());
        }
        // May wait for the disk; other tasks of this thread need not.
        let recorder = &self.recorder;
        let _counted = match tokio::runtime::Handle::current().runtime_flavor() {
            RuntimeFlavor::MultiThread => {
                tokio::task::block_in_place(|| recorder.record_rewritten(groups, moved))?
            }
            _ => recorder.record_rewritten(groups, moved)?,
        };
        add(&self.status.delivered, cursor - self.cursor);
        self.cursor = cursor;
        self.status.move_cursor(cursor);
        Ok(self.inbox.store().trim(cursor)?)
    }

    /// The poison rule: a message that was the oldest unfinished one at five deaths in a row is what kills
    /// the command.
    async fn count_death(&mut self, reason: &str, oldest: Option<u64>) -> Result<(), RecordError> {
        self.deaths = if self.deaths.0 == oldest { (oldest, self.deaths.1 + 1) } else { (oldest, 1) };
        let Some(oldest) = oldest.filter(|_| self.deaths.1 >= POISON_DEATHS) else { return Ok(()) };
        self.deaths = (None, 0);
        let batch = self.inbox.messages(oldest, journal::ReadLimit { entries: 1, bytes: 1 })?;
        if let Some((_, message)) = batch.messages.first().filter(|(position, _)| *position == oldest) {
            let reason =
                format!("the preprocess command died over it {POISON_DEATHS} times in a row: {reason}");
            self.dead.bury_text(message, 0, &reason).await?;
            self.recorder.log().latest().killed_preprocess(oldest, &reason);
            add(&self.status.refused, 1);
        }
        self.commit(vec![], oldest + 1)
    }
}

/// The records of a line that a command has written, or why it would be refused.
pub(crate) fn understood(
    line: &[u8],
    version: Version,
) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, String> {
    answer::parse(line, version, false)?;
    match serde_json::from_slice(line).map_err(|error| error.to_string())? {
        serde_json::Value::Array(list) => {
            Ok(list.into_iter().filter_map(|record| record.as_object().cloned()).collect())
        }
        record => Ok(record.as_object().cloned().into_iter().collect()),
    }
}

/// The file behind the command's first word, or why it cannot be executed.
pub(crate) fn resolve(command: &str, paths: &Paths) -> Result<std::path::PathBuf, String> {
    let spec = Spec::new("preprocess", command, paths.bare_dir()).map_err(|error| error.to_string())?;
    spec.resolve().map_err(|error| error.to_string())
}

fn spec(
    settings: &config::Preprocess,
    wishes: &config::Instance,
    around: &Surroundings,
) -> Result<Spec, String> {
    let dir = around.paths.bare_dir();
    let mut spec = Spec::new("preprocess", &settings.command, dir).map_err(|error| error.to_string())?;
    spec.name = format!("preprocess of {}", wishes.name);
    spec.framing = Framing::Nul;
    spec.stdout = Stdout::Lines { max_bytes: LINE_MAX_BYTES };
    spec.set_env("WATCHPOST_INSTANCE_ID", wishes.id.to_string());
    spec.set_env("WATCHPOST_INSTANCE_NAME", &wishes.name);
    spec.set_env("WATCHPOST_EXPORTS_DIR", &around.paths.exports);
    Ok(spec)
}
