//! `when_behind: drop_oldest`: how far a receiver is behind, and what it loses beyond its bound.
//!
//! The bound is of what *this* receiver selected, so entries that do not concern it cost it nothing. To know
//! that, what it selected is looked at once ahead of being read. Age is the difference of the moments that
//! the entries speak of, as every interval here (PRODUCT section 4): it does not depend on how fast a file is
//! played, and nothing grows old while nothing newer comes.

use std::collections::VecDeque;

use watchpost_export::{BehindMax, Delivery};
use watchpost_journal as journal;

use super::{
    READ_BYTES,
    selector::{Selected, Selector},
};
use crate::log::InstanceLog;

/// Entries looked at before other tasks have their turn.
const LOOK_ENTRIES: usize = 1024;

pub(super) struct Behind {
    bound: BehindMax,
    selector: Selector,
    /// Selected and not read yet, oldest first. As long as the bound, or with one of bytes or seconds as
    /// many as fit.
    ahead: VecDeque<Waiting>,
    bytes: u64,
    /// First position not looked at yet.
    looked: u64,
    newest_ms: i64,
}

struct Waiting {
    position: u64,
    items: u64,
    bytes: u64,
    time_ms: i64,
}

/// What has to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Gone {
    /// Where to read on.
    pub to: u64,
    /// How many records or objects that skips.
    pub items: u64,
}

impl Behind {
    pub fn new(bound: BehindMax, selector: Selector) -> Self {
        Self { bound, selector, ahead: VecDeque::new(), bytes: 0, looked: 0, newest_ms: i64::MIN }
    }

    /// Reading begins again at `next`, thinned out as `selector` says.
    pub fn restart(&mut self, next: u64, selector: &Selector) {
        *self = Self { looked: next, ..Self::new(self.bound, selector.clone()) };
    }

    /// What is over the bound of what waits from `next` on.
    pub async fn over(&mut self, log: &InstanceLog, next: u64) -> Result<Option<Gone>, journal::Error> {
        while self.ahead.front().is_some_and(|waiting| waiting.position < next) {
            self.forget_oldest();
        }
        self.looked = self.looked.max(next);
        let mut items = 0;
        loop {
            let batch = log.read(self.looked, LOOK_ENTRIES, READ_BYTES)?;
            if batch.next == self.looked {
                break;
            }
            self.looked = batch.next;
            for (position, entry) in &batch.entries {
                if let Selected::Delivery(delivery) = self.selector.select(*position, entry) {
                    self.add(&delivery);
                }
            }
            while self.ahead.len() > 1 && self.is_over() {
                items += self.forget_oldest();
            }
            tokio::task::yield_now().await;
        }
        let to = self.ahead.front().map_or(self.looked, |oldest| oldest.position);
        Ok((items > 0).then_some(Gone { to, items }))
    }

    fn is_over(&self) -> bool {
        let oldest_ms = self.ahead.front().map_or(self.newest_ms, |oldest| oldest.time_ms);
        let age_ms = self.newest_ms.saturating_sub(oldest_ms) as f64;
        self.bound.records.is_some_and(|most| self.ahead.len() as u64 > most)
            || self.bound.bytes.is_some_and(|most| self.bytes > most)
            || self.bound.seconds.is_some_and(|most| age_ms > most * 1e3)
    }

    fn add(&mut self, delivery: &Delivery) {
        let bytes = delivery.items.iter().map(|item| item.json.len() as u64).sum();
        self.bytes += bytes;
        self.newest_ms = self.newest_ms.max(delivery.time_ms);
        let (position, time_ms) = (delivery.position, delivery.time_ms);
        self.ahead.push_back(Waiting { position, items: delivery.items.len() as u64, bytes, time_ms });
    }

    fn forget_oldest(&mut self) -> u64 {
        let Some(oldest) = self.ahead.pop_front() else { return 0 };
        self.bytes -= oldest.bytes;
        oldest.items
    }
}
