//! The worker that every receiver uses: reads the log from the receiver's cursor, hands over what it
//! selected, moves the cursor by what the receiver answers, and starts again at the cursor after any
//! failure.
//!
//! What a receiver is to do is in `watchpost_export::Receiver`; how a worker treats it is here alone,
//! so retries, dead letters, the poison rule and the states are the same for all of them.

mod ahead;
mod behind;
mod rate;
mod resend;
mod selector;
mod settle;

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bounds;
#[cfg(test)]
mod tests_shared;
#[cfg(test)]
mod tests_undurable;

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};
use watchpost_export::{Common, Delivery, Outcome, Receiver, ReceiverError, Selection, WhenBehind};
use watchpost_journal as journal;

use self::{
    ahead::Ahead,
    behind::{Behind, Gone},
    selector::Selected,
    settle::Deaths,
};
pub(crate) use self::{rate::RateState, selector::Selector};
use crate::{
    backoff::Backoff,
    dead::DeadLetters,
    entry::Entry,
    log::{Cursor, InstanceLog},
    status::{ReceiverStatus, add},
    trace::{self, Fate},
};

/// Read from the log at once. More only adds memory, and time in which other readers of it wait.
const READ_BYTES: usize = 1 << 20;
const READ_ENTRIES: usize = 2048;
/// A cursor that only passed over entries of no concern is kept once it has moved this far, or after
/// [`IDLE_KEEP`]: after a crash these are looked at again, which costs time and delivers nothing twice.
const IDLE_STEP: u64 = 4096;
const IDLE_KEEP: Duration = Duration::from_secs(1);

/// How soon a receiver that waits for the cursor to be on disk is told that it is.
const KEPT_LOOK: Duration = Duration::from_millis(100);

/// What a worker is told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Run,
    /// Let go of the receiver, keep the cursor, and end.
    Stop,
}

pub(crate) struct Worker {
    log: InstanceLog,
    selector: Selector,
    /// `when_behind: drop_oldest`.
    behind: Option<Behind>,
    receiver: Box<dyn Receiver>,
    dead: DeadLetters,
    status: Arc<ReceiverStatus>,
    orders: watch::Receiver<Order>,
    /// As kept, or about to be with the next group of writes.
    cursor: Cursor,
    /// The last position written to the store, and since when the cursor is past it.
    kept: u64,
    unkept_since: Option<Instant>,
    /// How far past the cursor on disk it may go.
    ahead: Ahead,
    /// Where to read next; everything between the cursor and here is in flight or of no concern.
    next: u64,
    /// Everything before was held against `schedule` and `max_per_s`, and counted: what is read again is not counted again.
    counted: u64,
    in_flight: VecDeque<InFlight>,
    /// What the receiver has said and was not dealt with yet.
    unsettled: VecDeque<Outcome>,
    deaths: Deaths,
    backoff: Backoff,
}

/// Given to the receiver, not answered for.
struct InFlight {
    position: u64,
    /// What it was cut from: should it become a dead letter, it is cut again.
    entry: Arc<Entry>,
    items: u64,
    bytes: u64,
    /// When, where traces are asked for.
    given: Option<SystemTime>,
    /// How many of its items became dead letters.
    refused: u64,
    /// Where selecting stood behind it.
    state: RateState,
}

impl InFlight {
    /// Tells the trace of its event, if it has one, what became of it.
    fn became(&self, receiver: &ReceiverStatus, fate: Fate<'_>) {
        trace::delivery(receiver, self.position, &self.entry, self.given, fate);
    }
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
        let mut unkept = false;
        let cursor = match log.cursor(&status.name) {
            Some(cursor) => cursor,
            None => {
                let cursor = Cursor { position: log.end(), ..Cursor::default() };
                // Kept a little later if there is no room just now: a full disk must not hold up whoever adds it.
                unkept = !log.try_set_cursor(&status.name, &cursor)?;
                cursor
            }
        };
        status.move_cursor(cursor.position);
        let (kept, next) = (cursor.position, cursor.position);
        let selector = Selector::new(selection, &common, cursor.state);
        let drops = common.when_behind == WhenBehind::DropOldest;
        let behind = common.behind_max.filter(|_| drops).map(|bound| Behind::new(bound, selector.clone()));
        let ahead = Ahead::new(cursor.position);
        Ok(Self {
            log,
            selector,
            behind,
            receiver,
            dead,
            status,
            orders,
            cursor,
            kept,
            unkept_since: unkept.then(Instant::now),
            ahead,
            next,
            counted: next,
            in_flight: VecDeque::new(),
            unsettled: VecDeque::new(),
            deaths: Deaths::default(),
            backoff: Backoff::default(),
        })
    }

    /// Delivers until told to stop.
    pub async fn run(mut self) {
        loop {
            // A dropped sender means the instance is gone: the same as being told to stop.
            let gone = self.orders.has_changed().is_err();
            if gone || *self.orders.borrow_and_update() == Order::Stop {
                break;
            }
            let began = Instant::now();
            match self.session().await {
                End::Ordered => {}
                End::Failure(error) => self.after_failure(error, began.elapsed()).await,
            }
        }
        self.keep_cursor();
        self.status.has_written(self.receiver.written());
    }

    /// Opens the receiver and delivers until an order or a failure.
    async fn session(&mut self) -> End {
        add(&self.status.retried, self.in_flight.len() as u64);
        self.in_flight.clear();
        self.unsettled.clear();
        self.next = self.cursor.position;
        self.selector.state = self.cursor.state;
        if let Some(behind) = &mut self.behind {
            behind.restart(self.next, &self.selector);
        }
        let mut orders = self.orders.clone();
        let opened = tokio::select! {
            opened = self.open() => opened,
            _ = orders.changed() => return End::Ordered,
        };
        if let Err(error) = opened {
            return End::Failure(error);
        }
        self.status.tries_again(self.cursor.position < self.log.end());
        // Orders are answered also while a receiver hangs in the middle of something: it is cancel safe, and
        // what was not settled is sent again.
        loop {
            let stepped = tokio::select! {
                biased;
                stepped = self.step() => stepped,
                _ = orders.changed() => return self.close().await,
            };
            if let Err(error) = stepped {
                return End::Failure(error);
            }
            if self.orders.has_changed().unwrap_or(true) {
                return self.close().await;
            }
        }
    }

    async fn open(&mut self) -> Result<(), ReceiverError> {
        self.resend_dead().await?;
        let resume = self.cursor.resume.clone();
        self.receiver.open(resume.as_deref()).await?;
        self.tell_kept();
        Ok(())
    }

    fn tell_kept(&mut self) {
        if let Some(kept) = self.log.durable_cursor(&self.status.name) {
            self.receiver.kept(kept);
        }
    }

    /// Reads and sends as much as the window takes, then waits for something to happen.
    async fn step(&mut self) -> Result<(), ReceiverError> {
        let window = self.receiver.window().max(1);
        let ahead = self.ahead.room(&self.log, &self.status.name, self.next, window);
        let held = ahead == 0;
        let room = window.saturating_sub(self.in_flight.len()).min(ahead);
        // Reading one by one what can only go out together would wake this task for each.
        let rests_until = self.receiver.rests_until().filter(|_| !self.in_flight.is_empty());
        if room > 0 && rests_until.is_none() {
            let batch = self.read(room).await?;
            if !batch.is_empty() {
                self.receiver.send(batch).await?;
            }
        }
        let waiting = !self.in_flight.is_empty();
        let may_read = self.in_flight.len() < window && !held;
        let keep_at = self.unkept_since.map(|since| since + IDLE_KEEP);
        let outcomes = tokio::select! {
            biased;
            outcomes = heard(self.receiver.as_mut(), waiting) => outcomes?,
            () = until(rests_until.map(Instant::from_std)), if rests_until.is_some() => return Ok(()),
            more = self.log.wait_past(self.next), if may_read && rests_until.is_none() => return more.map_err(unreadable),
            () = until(keep_at), if keep_at.is_some() && !held => {
                self.keep_cursor();
                return Ok(());
            }
            () = tokio::time::sleep(KEPT_LOOK), if self.receiver.awaits_kept() => {
                self.tell_kept();
                return Ok(());
            }
            kept = self.ahead.wait(&self.log, &self.status.name, self.next), if held => return kept.map_err(unreadable),
        };
        self.settle(outcomes).await
    }

    /// The next deliveries: entries from `next` on, cut down to what is selected. They are in flight.
    async fn read(&mut self, room: usize) -> Result<Vec<Delivery>, ReceiverError> {
        self.drop_oldest_if_behind().await?;
        let batch = self.log.read(self.next, room.min(READ_ENTRIES), READ_BYTES).map_err(unreadable)?;
        if batch.lost > 0 {
            self.dropped(
                batch.lost,
                format!("{} log entries were gone before they could be delivered", batch.lost),
            );
        }
        let mut deliveries = Vec::with_capacity(batch.entries.len());
        let (mut outside, mut over) = (0, 0);
        let given = trace::now();
        for (position, entry) in batch.entries {
            match self.selector.select(position, &entry) {
                Selected::Delivery(delivery) => {
                    self.in_flight.push_back(InFlight {
                        position,
                        entry,
                        items: delivery.items.len() as u64,
                        bytes: delivery.items.iter().map(|item| item.json.len() as u64).sum(),
                        given,
                        refused: 0,
                        state: self.selector.state,
                    });
                    deliveries.push(delivery);
                }
                // What is read once more after a failure was counted then.
                Selected::Outside(items) if position >= self.counted => outside += items,
                Selected::Over(items) if position >= self.counted => over += items,
                Selected::Outside(_) | Selected::Over(_) | Selected::Nothing => {}
            }
        }
        add(&self.status.outside, outside);
        add(&self.status.limited, over);
        self.next = batch.next;
        self.counted = self.counted.max(self.next);
        self.advance_when_idle();
        Ok(deliveries)
    }

    /// With nothing in flight the cursor follows what was read.
    fn advance_when_idle(&mut self) {
        if self.in_flight.is_empty() && self.next > self.cursor.position {
            self.move_cursor(self.next, self.selector.state);
            if self.cursor.position - self.kept >= IDLE_STEP {
                self.keep_cursor();
            }
            self.status.tries_again(self.next < self.log.end());
        }
    }

    /// A receiver farther behind than its bound goes on at the bound. What it has taken already is not
    /// dropped.
    async fn drop_oldest_if_behind(&mut self) -> Result<(), ReceiverError> {
        let Some(behind) = &mut self.behind else { return Ok(()) };
        if let Some(Gone { to, items }) = behind.over(&self.log, self.next).await.map_err(unreadable)? {
            self.next = to;
            let why = "more waited than behind_max with when_behind `drop_oldest` allows";
            self.dropped(items, format!("{items} of the oldest were dropped: {why}"));
            self.advance_when_idle();
        }
        Ok(())
    }

    fn dropped(&self, count: u64, why: String) {
        add(&self.status.dropped, count);
        self.log.entrance().notices.overflowing(&self.status, &why);
    }
}

/// What a receiver has to say: of deliveries that it was given, or that it cannot go on.
async fn heard(receiver: &mut dyn Receiver, waiting: bool) -> Result<Vec<Outcome>, ReceiverError> {
    if waiting { receiver.outcomes().await } else { Err(receiver.lost().await) }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn unreadable(error: journal::Error) -> ReceiverError {
    ReceiverError::Retry(format!("reading the log: {error}"))
}
