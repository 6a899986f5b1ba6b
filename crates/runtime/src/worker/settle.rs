//! What a receiver has said, or how it failed: moves the cursor, keeps dead letters, decides when to try again.

use std::time::{Duration, Instant};

use watchpost_export::{Delivery, Outcome, POISON_DEATHS, ReceiverError};
use watchpost_journal as journal;

use super::{End, RateState, Worker, selector::is_event};
use crate::{
    status::{State, add},
    trace::Fate,
};

/// A receiver that lived this long starts over with short pauses (PRODUCT section 9). One that only failed to
/// reach its peer does so with the first delivery.
const GOOD_LIFE: Duration = Duration::from_secs(60);

/// Deaths in a row.
#[derive(Default)]
pub(super) struct Deaths {
    /// The oldest delivery at the last of them.
    position: Option<u64>,
    /// How many over it.
    count: u32,
    /// Whether the last failure was one: then deliveries between deaths do not shorten the pauses.
    last: bool,
}

impl Worker {
    /// What the receiver has said of deliveries. The cursor is kept once for all of them.
    pub(super) async fn settle(&mut self, outcomes: Vec<Outcome>) -> Result<(), ReceiverError> {
        self.unsettled.extend(outcomes);
        // Taken off only when dealt with: an order may cut this short, and then `close` goes on here.
        while let Some(outcome) = self.unsettled.front().cloned() {
            match outcome {
                Outcome::Refused { position, item, reason } => self.refuse(position, item, &reason).await?,
                Outcome::Delivered { through, resume } => {
                    if resume.is_some() {
                        self.cursor.resume = resume;
                    }
                    self.delivered(through);
                }
            }
            self.unsettled.pop_front();
        }
        self.keep_cursor();
        self.tell_kept();
        Ok(())
    }

    fn delivered(&mut self, through: u64) {
        let mut state = self.cursor.state;
        let done = self.in_flight.partition_point(|given| given.position <= through);
        self.tell_latest(done);
        let durable = self.log.store().durable_end();
        let (mut delivered, mut bytes, mut undurable) = (0, 0, 0);
        let positions = self.in_flight.range(..done).map(|done| done.position);
        self.log.marks().ages(positions, |age, count| self.status.latency.tell(age, count));
        for done in self.in_flight.drain(..done) {
            state = done.state;
            let taken = done.items.saturating_sub(done.refused);
            if taken > 0 {
                done.became(&self.status, Fate::Delivered);
            }
            delivered += taken;
            if done.position >= durable {
                undurable += taken;
            }
            bytes += done.bytes;
        }
        add(&self.status.delivered, delivered);
        if delivered > 0 {
            self.status.remember("delivered", delivered, None);
        }
        add(&self.status.undurable, undurable);
        add(&self.status.bytes, bytes);
        if self.in_flight.is_empty() {
            self.move_cursor(self.next, self.selector.state);
        } else {
            self.move_cursor(through + 1, state);
        }
        self.deaths = Deaths { last: self.deaths.last, ..Deaths::default() };
        if !self.deaths.last {
            self.backoff.reset();
        }
        if self.status.state() != State::Running {
            self.status.set(State::Running, None);
        }
    }

    /// Tells the latest events among the first `done` deliveries that they have arrived. Mostly there are none.
    fn tell_latest(&self, done: usize) {
        let latest = self.log.latest();
        let first = self.in_flight.front().map(|given| given.position);
        let Some(first) = first.filter(|first| done > 0 && latest.may_be_from(*first)) else { return };
        for (position, event) in latest.within(first..=self.in_flight[done - 1].position) {
            if let Ok(at) = self.in_flight.binary_search_by_key(&position, |given| given.position) {
                event.delivered(&self.status, self.in_flight[at].refused == 0);
            }
        }
    }

    /// The same of the letter that has a delivery, or one item of it.
    fn tell_latest_of_letter(&self, delivery: &Delivery, item: Option<usize>, letter: u64) {
        if speaks_of_event(delivery, item) {
            let position = delivery.position;
            let told = self.log.latest().within(position..=position);
            told.iter().for_each(|(_, event)| event.refused(&self.status, letter));
        }
    }

    async fn refuse(
        &mut self,
        position: u64,
        item: Option<usize>,
        reason: &str,
    ) -> Result<(), ReceiverError> {
        let Ok(at) = self.in_flight.binary_search_by_key(&position, |given| given.position) else {
            tracing::error!(receiver = %self.status.name, position, "refused what it was never given");
            return Ok(());
        };
        tracing::warn!(receiver = %self.status.name, position, "refused for good: {reason}");
        let refused = &mut self.in_flight[at];
        let delivery = self.selector.cut(position, &refused.entry);
        let letter = self
            .dead
            .bury(&delivery, item, reason)
            .await
            .map_err(|error| ReceiverError::Blocked(format!("keeping a dead letter: {error}")))?;
        refused.refused += if item.is_some() { 1 } else { refused.items };
        if speaks_of_event(&delivery, item) {
            refused.became(&self.status, Fate::Refused { letter, reason });
        }
        self.tell_latest_of_letter(&delivery, item, letter);
        add(&self.status.refused, 1);
        self.status.remember("refused", 1, Some(reason));
        Ok(())
    }

    /// Lets go of the receiver by order. What it has not answered for stays behind the cursor and is sent when
    /// it runs again.
    pub(super) async fn close(&mut self) -> End {
        let settled = match self.receiver.close().await {
            Ok(outcomes) => self.settle(outcomes).await,
            Err(error) => Err(error),
        };
        if let Err(error) = settled {
            tracing::warn!(receiver = %self.status.name, "closing: {error}");
        }
        End::Ordered
    }

    /// Shows why it cannot go on, and waits until it is worth another try or there is an order.
    pub(super) async fn after_failure(&mut self, error: ReceiverError, lived: Duration) {
        let reason = error.to_string();
        self.deaths.last = matches!(error, ReceiverError::Died(_));
        self.status.remember("failed", 0, Some(&reason));
        self.in_flight.iter().for_each(|given| given.became(&self.status, Fate::Failed(&reason)));
        if self.deaths.last
            && let Err(error) = self.count_death(&reason).await
        {
            tracing::error!(receiver = %self.status.name, "keeping a dead letter: {error}");
        }
        if lived >= GOOD_LIFE {
            self.backoff.reset();
        }
        let failed = matches!(error, ReceiverError::Failed(_));
        let at_least = match &error {
            ReceiverError::Later { pause, .. } => *pause,
            _ => Duration::ZERO,
        };
        let until = Instant::now() + self.backoff.next().max(at_least);
        self.status.set(
            match error {
                ReceiverError::Failed(_) => State::Failed,
                ReceiverError::Blocked(_) => State::Blocked,
                ReceiverError::Retry(_) | ReceiverError::Died(_) | ReceiverError::Later { .. } => {
                    State::Waiting { until }
                }
            },
            Some(reason),
        );
        tokio::select! {
            () = tokio::time::sleep_until(until.into()), if !failed => {}
            changed = self.orders.changed() => if changed.is_ok() { self.orders.mark_changed() },
        }
    }

    /// The poison rule: the delivery that was the oldest at [`POISON_DEATHS`] deaths in a row is what kills the
    /// receiver. Everything before it is done with, so the cursor passes it at once.
    async fn count_death(&mut self, reason: &str) -> Result<(), journal::Error> {
        let Some(oldest) = self.in_flight.front() else { return Ok(()) };
        let position = oldest.position;
        if self.deaths.position != Some(position) {
            self.deaths = Deaths { position: Some(position), count: 0, last: true };
        }
        self.deaths.count += 1;
        if self.deaths.count >= POISON_DEATHS {
            let reason =
                format!("the receiver died over it {POISON_DEATHS} times in a row; the last time: {reason}");
            let delivery = self.selector.cut(position, &oldest.entry);
            tracing::warn!(receiver = %self.status.name, position, "refused for good: {reason}");
            let letter = self.dead.bury(&delivery, None, &reason).await?;
            oldest.became(&self.status, Fate::Refused { letter, reason: &reason });
            self.tell_latest_of_letter(&delivery, None, letter);
            add(&self.status.refused, 1);
            let state = oldest.state;
            self.in_flight.pop_front();
            self.move_cursor(position + 1, state);
            self.keep_cursor();
            self.deaths = Deaths { last: true, ..Deaths::default() };
        }
        Ok(())
    }

    pub(super) fn move_cursor(&mut self, to: u64, state: RateState) {
        self.cursor.position = to;
        self.cursor.state = state;
        self.status.move_cursor(to);
        self.unkept_since.get_or_insert_with(tokio::time::Instant::now);
    }

    /// Hands the cursor to the store, if it has moved since the last time.
    pub(super) fn keep_cursor(&mut self) {
        if self.unkept_since.take().is_none() {
            return;
        }
        if self.log.entrance().passes_undurable() {
            // It would take the room of records, and not be durable either.
            self.unkept_since = Some(tokio::time::Instant::now());
            return;
        }
        match self.log.try_set_cursor(&self.status.name, &self.cursor) {
            Ok(true) => self.kept = self.cursor.position,
            // Not kept now is kept at the next move or a second later; a crash between only repeats deliveries.
            Ok(false) => self.unkept_since = Some(tokio::time::Instant::now()),
            Err(error) => tracing::warn!(receiver = %self.status.name, "keeping the cursor: {error}"),
        }
    }
}

/// Whether what was refused of a delivery, all of it or one item, is its event and not only something that goes with it.
fn speaks_of_event(delivery: &Delivery, item: Option<usize>) -> bool {
    item.and_then(|item| delivery.items.get(item)).is_none_or(is_event)
}
