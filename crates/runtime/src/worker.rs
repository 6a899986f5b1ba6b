//! The worker that every receiver uses: reads the log from the receiver's cursor, hands over what it
//! selected, moves the cursor by what the receiver answers, and starts again at the cursor after any
//! failure.
//!
//! What a receiver is to do is in `watchpost_export::Receiver`; how a worker treats it is here alone,
//! so retries, dead letters, the poison rule and the states are the same for all of them.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use tokio::sync::watch;
use watchpost_export::{
    Common, Delivery, Item, ItemKind, Outcome, POISON_DEATHS, Receiver, ReceiverError, Selection, WhenBehind,
};
use watchpost_journal as journal;

use crate::{
    backoff::Backoff,
    dead::DeadLetters,
    entry::{Body, Entry},
    log::{Cursor, InstanceLog},
    status::{ReceiverStatus, State, add},
};

/// Bytes read from the log at once. More only adds memory: the log reads ahead by itself.
const READ_BYTES: usize = 1 << 20;
/// A cursor that only passed over entries of no concern is kept once it has moved this far: after a
/// crash these are looked at again, which costs time and delivers nothing twice.
const IDLE_STEP: u64 = 4096;

/// What a worker is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Let go of the receiver; keep the cursor.
    Pause,
    /// As `Pause`, and end.
    Stop,
}

pub(crate) struct Worker {
    log: InstanceLog,
    selection: Selection,
    common: Common,
    receiver: Box<dyn Receiver>,
    dead: DeadLetters,
    status: Arc<ReceiverStatus>,
    orders: watch::Receiver<Order>,
    /// As kept, or about to be with the next group of writes.
    cursor: Cursor,
    /// The last position written to the store.
    kept: u64,
    /// Where to read next; everything between the cursor and here is in flight or of no concern.
    next: u64,
    in_flight: VecDeque<Delivery>,
    /// Became a dead letter by the poison rule: passed over when read again.
    poisoned: Option<u64>,
    deaths: Deaths,
    backoff: Backoff,
}

/// Deaths in a row over the same oldest delivery.
#[derive(Default)]
struct Deaths {
    position: Option<u64>,
    count: u32,
}

/// Why a session with an open receiver ended.
enum End {
    /// By order; the receiver is closed.
    Ordered,
    Failure(ReceiverError),
}

impl Worker {
    /// A worker that begins at the receiver's cursor, or at the log's end if it has none.
    pub fn new(
        log: InstanceLog,
        selection: Selection,
        common: Common,
        receiver: Box<dyn Receiver>,
        dead: DeadLetters,
        status: Arc<ReceiverStatus>,
        orders: watch::Receiver<Order>,
    ) -> Result<Self, journal::Error> {
        let cursor = match log.cursor(&status.name) {
            Some(cursor) => cursor,
            None => {
                let cursor = Cursor { position: log.end(), resume: None };
                log.set_cursor(&status.name, Some(&cursor))?;
                cursor
            }
        };
        status.move_cursor(cursor.position);
        let (kept, next) = (cursor.position, cursor.position);
        Ok(Self {
            log,
            selection,
            common,
            receiver,
            dead,
            status,
            orders,
            cursor,
            kept,
            next,
            in_flight: VecDeque::new(),
            poisoned: None,
            deaths: Deaths::default(),
            backoff: Backoff::default(),
        })
    }

    /// Delivers until told to stop.
    pub async fn run(mut self) {
        loop {
            // A dropped sender means the instance is gone: the same as being told to stop.
            let gone = self.orders.has_changed().is_err();
            let order = *self.orders.borrow_and_update();
            match order {
                _ if gone => break,
                Order::Stop => break,
                Order::Pause => {
                    self.status.set(State::Paused, None);
                    if self.orders.changed().await.is_err() {
                        break;
                    }
                    continue;
                }
                Order::Run => {}
            }
            match self.session().await {
                End::Ordered => {}
                End::Failure(error) => self.after_failure(error).await,
            }
        }
        self.keep_cursor(true);
        self.status.has_written(self.receiver.written());
    }

    /// Opens the receiver and delivers until an order or a failure.
    async fn session(&mut self) -> End {
        add(&self.status.retried, self.in_flight.len() as u64);
        self.in_flight.clear();
        self.next = self.cursor.position;
        let resume = self.cursor.resume.clone();
        let opened = tokio::select! {
            opened = self.receiver.open(resume.as_deref()) => opened,
            _ = self.orders.changed() => return End::Ordered,
        };
        if let Err(error) = opened {
            return End::Failure(error);
        }
        self.status.tries_again(self.cursor.position < self.log.end());
        loop {
            if let Err(error) = self.step().await {
                return End::Failure(error);
            }
            if self.orders.has_changed().unwrap_or(true) {
                return self.close().await;
            }
        }
    }

    /// Reads and sends as much as the window takes, then waits for something to happen.
    async fn step(&mut self) -> Result<(), ReceiverError> {
        let room = self.receiver.window().max(1).saturating_sub(self.in_flight.len());
        if room > 0 {
            let batch = self.read(room).await?;
            if !batch.is_empty() {
                self.in_flight.extend(batch.iter().cloned());
                tokio::select! {
                    biased;
                    sent = self.receiver.send(batch) => sent?,
                    _ = self.orders.changed() => { self.orders.mark_changed(); return Ok(()) }
                }
            }
        }
        let waiting = !self.in_flight.is_empty();
        let may_read = self.in_flight.len() < self.receiver.window().max(1);
        let outcomes = tokio::select! {
            biased;
            outcomes = self.receiver.outcomes(), if waiting => outcomes?,
            more = self.log.wait_past(self.next), if may_read => return more.map_err(unreadable),
            _ = self.orders.changed() => { self.orders.mark_changed(); return Ok(()) }
        };
        self.settle(outcomes).await
    }

    /// The next deliveries: entries from `next` on, cut down to what is selected.
    async fn read(&mut self, room: usize) -> Result<Vec<Delivery>, ReceiverError> {
        self.drop_oldest_if_behind();
        let batch = self.log.read(self.next, room, READ_BYTES).map_err(unreadable)?;
        if batch.lost > 0 {
            add(&self.status.dropped, batch.lost);
            self.status.set(
                State::Overflowing,
                Some(format!("{} log entries were dropped before they could be delivered", batch.lost)),
            );
        }
        let poisoned = self.poisoned;
        let deliveries = batch
            .entries
            .iter()
            .filter(|(position, _)| Some(*position) != poisoned)
            .filter_map(|(position, entry)| select(&self.selection, *position, entry))
            .collect();
        self.next = batch.next;
        self.advance_when_idle(&deliveries);
        Ok(deliveries)
    }

    /// With nothing in flight and nothing selected the cursor follows what was read.
    fn advance_when_idle(&mut self, selected: &Vec<Delivery>) {
        if self.in_flight.is_empty() && selected.is_empty() {
            self.move_cursor(self.next);
            self.keep_cursor(false);
            self.status.tries_again(self.next < self.log.end());
        }
    }

    async fn settle(&mut self, outcomes: Vec<Outcome>) -> Result<(), ReceiverError> {
        for outcome in outcomes {
            match outcome {
                Outcome::Refused { position, item, reason } => self.refuse(position, item, &reason).await?,
                Outcome::Delivered { through, resume } => {
                    while self.in_flight.front().is_some_and(|d| d.position <= through) {
                        let Some(done) = self.in_flight.pop_front() else { break };
                        add(&self.status.delivered, done.items.len() as u64);
                        add(&self.status.bytes, done.items.iter().map(|i| i.json.len() as u64).sum());
                    }
                    if resume.is_some() {
                        self.cursor.resume = resume;
                    }
                    let done = if self.in_flight.is_empty() { self.next } else { through + 1 };
                    self.move_cursor(done);
                    self.backoff.reset();
                    self.deaths = Deaths::default();
                    if self.status.state() != State::Running {
                        self.status.set(State::Running, None);
                    }
                }
            }
        }
        self.keep_cursor(true);
        Ok(())
    }

    async fn refuse(
        &mut self,
        position: u64,
        item: Option<usize>,
        reason: &str,
    ) -> Result<(), ReceiverError> {
        let Some(delivery) = self.in_flight.iter().find(|d| d.position == position) else {
            tracing::error!(receiver = %self.status.name, position, "refused what it was never given");
            return Ok(());
        };
        tracing::warn!(receiver = %self.status.name, position, "refused for good: {reason}");
        self.dead
            .bury(delivery, item, reason)
            .await
            .map_err(|error| ReceiverError::Blocked(format!("keeping a dead letter: {error}")))?;
        add(&self.status.refused, 1);
        Ok(())
    }

    async fn close(&mut self) -> End {
        match self.receiver.close().await {
            Ok(outcomes) => match self.settle(outcomes).await {
                Ok(()) => End::Ordered,
                Err(error) => End::Failure(error),
            },
            // What it had not answered for stays behind the cursor and is sent when it runs again.
            Err(error) => {
                tracing::warn!(receiver = %self.status.name, "closing: {error}");
                End::Ordered
            }
        }
    }

    async fn after_failure(&mut self, error: ReceiverError) {
        let reason = error.to_string();
        if matches!(error, ReceiverError::Died(_))
            && let Err(error) = self.count_death(&reason).await
        {
            tracing::error!(receiver = %self.status.name, "keeping a dead letter: {error}");
        }
        let failed = matches!(error, ReceiverError::Failed(_));
        let pause = self.backoff.next();
        let until = Instant::now() + pause;
        self.status.set(
            match error {
                ReceiverError::Failed(_) => State::Failed,
                ReceiverError::Blocked(_) => State::Blocked,
                ReceiverError::Retry(_) | ReceiverError::Died(_) => State::Waiting { until },
            },
            Some(reason),
        );
        tokio::select! {
            () = tokio::time::sleep_until(until.into()), if !failed => {}
            changed = self.orders.changed() => if changed.is_ok() { self.orders.mark_changed() },
        }
    }

    /// The poison rule: the delivery that was the oldest at [`POISON_DEATHS`] deaths in a row is what
    /// kills the receiver.
    async fn count_death(&mut self, reason: &str) -> Result<(), journal::Error> {
        let Some(oldest) = self.in_flight.front() else { return Ok(()) };
        if self.deaths.position != Some(oldest.position) {
            self.deaths = Deaths { position: Some(oldest.position), count: 0 };
        }
        self.deaths.count += 1;
        if self.deaths.count >= POISON_DEATHS {
            let position = oldest.position;
            let reason =
                format!("the receiver died over it {POISON_DEATHS} times in a row; the last time: {reason}");
            self.dead.bury(oldest, None, &reason).await?;
            add(&self.status.refused, 1);
            self.poisoned = Some(position);
            self.deaths = Deaths::default();
        }
        Ok(())
    }

    /// `when_behind: drop_oldest`: a receiver farther behind than its bound goes on at the bound.
    fn drop_oldest_if_behind(&mut self) {
        let bound = match (self.common.when_behind, self.common.behind_max) {
            (WhenBehind::DropOldest, Some(bound)) if self.in_flight.is_empty() => bound,
            _ => return,
        };
        let end = self.log.end();
        let start_again = end.saturating_sub(bound.records.unwrap_or(u64::MAX));
        let by_bytes = bound.bytes.is_some_and(|max| self.log.store().bytes_between(self.next, end) > max);
        let to = if by_bytes { self.next + (end - self.next) / 2 } else { start_again };
        if to > self.next {
            let gone = to - self.next;
            add(&self.status.dropped, gone);
            let bound = "behind_max with when_behind `drop_oldest`";
            self.status
                .set(State::Overflowing, Some(format!("{gone} of the oldest log entries dropped: {bound}")));
            self.next = to;
            self.move_cursor(to);
        }
    }

    fn move_cursor(&mut self, to: u64) {
        self.cursor.position = to;
        self.status.move_cursor(to);
    }

    /// Hands the cursor to the store; unless `always`, only when it has moved far.
    fn keep_cursor(&mut self, always: bool) {
        let moved = self.cursor.position.saturating_sub(self.kept);
        if moved == 0 || (!always && moved < IDLE_STEP) {
            return;
        }
        match self.log.set_cursor(&self.status.name, Some(&self.cursor)) {
            Ok(()) => self.kept = self.cursor.position,
            // Not kept now is kept at the next move; a crash between only repeats deliveries.
            Err(error) => tracing::warn!(receiver = %self.status.name, "keeping the cursor: {error}"),
        }
    }
}

fn unreadable(error: journal::Error) -> ReceiverError {
    ReceiverError::Retry(format!("reading the log: {error}"))
}

/// What of an entry is selected; `None` if nothing is.
fn select(selection: &Selection, position: u64, entry: &Entry) -> Option<Delivery> {
    let items: Vec<_> = match (selection, &entry.body) {
        (Selection::Records(wanted), Body::Group(records)) => records
            .iter()
            .filter_map(|record| {
                let version = *wanted.get(&record.schema)?;
                let json = record.json(version)?;
                Some(Item { kind: ItemKind::Record(record.schema, version), json })
            })
            .collect(),
        (Selection::Stream(wanted), Body::Object(stream, json)) if stream == wanted => {
            vec![Item { kind: ItemKind::Object(*stream), json: json.clone() }]
        }
        _ => return None,
    };
    (!items.is_empty()).then_some(Delivery { position, time_ms: entry.time_ms, items })
}
