//! What an exporter child has been given and what became of it. Bookkeeping only: no child, no clock.
//!
//! ```text
//! take ─▶ waiting ──▶ sent ──▶ done: once every message before it is done too, the delivery is told
//!            ▲          │
//!            └─ again ◀─┘ ERROR, before anything that waits
//! ```

use std::collections::{HashMap, HashSet, VecDeque};

use bytes::{BufMut, Bytes, BytesMut};

use crate::receiver::{Delivery, Outcome};

/// A message: one record, or one group as a list.
#[derive(Clone, Debug)]
pub(super) struct Message {
    key: Key,
    item: Option<usize>,
    pub(super) json: Bytes,
}

/// Position of the delivery and number of the message within it.
type Key = (u64, usize);

#[derive(Debug)]
struct Open {
    position: u64,
    /// Messages not yet done.
    left: usize,
}

/// See the module's text.
#[derive(Debug, Default)]
pub(super) struct Window {
    again: VecDeque<Message>,
    waiting: VecDeque<Message>,
    sent: VecDeque<Message>,
    open: VecDeque<Open>,
    /// Done although one before them is not: after the child's death they come again from the log, and are
    /// not sent again.
    ahead: HashSet<Key>,
    /// How often the child said `ERROR`, for those it said it of. Outlives the child.
    errors: HashMap<Key, u32>,
    refused: Vec<Outcome>,
}

impl Window {
    /// A new child: everything unanswered comes again from the log.
    pub(super) fn restart(&mut self) {
        self.again.clear();
        self.waiting.clear();
        self.sent.clear();
        self.open.clear();
        self.refused.clear();
    }

    /// Cuts a delivery into messages.
    pub(super) fn take(&mut self, delivery: &Delivery, batch: bool) {
        let position = delivery.position;
        let messages: Vec<Message> = if batch {
            vec![Message { key: (position, 0), item: None, json: list(delivery) }]
        } else {
            let message = |(n, item): (usize, &crate::receiver::Item)| Message {
                key: (position, n),
                item: Some(n),
                json: item.json.clone(),
            };
            delivery.items.iter().enumerate().map(message).collect()
        };
        let before = self.waiting.len();
        self.waiting.extend(messages.into_iter().filter(|message| !self.ahead.contains(&message.key)));
        self.open.push_back(Open { position, left: self.waiting.len() - before });
    }

    /// What is to be sent next.
    pub(super) fn next(&self) -> Option<&Message> {
        self.again.front().or(self.waiting.front())
    }

    /// [`Window::next`] was sent.
    pub(super) fn next_is_sent(&mut self) {
        if let Some(message) = self.again.pop_front().or_else(|| self.waiting.pop_front()) {
            self.sent.push_back(message);
        }
    }

    /// Messages sent and not done.
    pub(super) fn unanswered(&self) -> usize {
        self.sent.len()
    }

    /// Whether anything is not done.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// The oldest message sent was read, or answered with `OK`.
    pub(super) fn oldest_is_done(&mut self) {
        if let Some(message) = self.sent.pop_front() {
            self.done(message.key);
        }
    }

    /// The oldest message sent was answered with `ERROR`: it goes again, or after `retries` is refused.
    pub(super) fn oldest_failed(&mut self, reason: String, retries: u32) {
        let Some(message) = self.sent.pop_front() else { return };
        let errors = self.errors.entry(message.key).or_default();
        *errors += 1;
        if *errors <= retries {
            self.again.push_back(message);
            return;
        }
        let reason = if reason.is_empty() { "the exporter answered ERROR".to_owned() } else { reason };
        let (position, item) = (message.key.0, message.item);
        self.refused.push(Outcome::Refused { position, item, reason });
        self.done(message.key);
    }

    /// What can be said since the last call.
    pub(super) fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = std::mem::take(&mut self.refused);
        let mut through = None;
        while let Some(open) = self.open.front().filter(|open| open.left == 0) {
            through = Some(open.position);
            self.open.pop_front();
        }
        if let Some(through) = through {
            self.ahead.retain(|(position, _)| *position > through);
            self.errors.retain(|(position, _), _| *position > through);
            outcomes.push(Outcome::Delivered { through, resume: None });
        }
        outcomes
    }

    fn done(&mut self, key: Key) {
        // Positions rise, so the delivery is found by bisection; nearly always it is the first.
        let at = self.open.partition_point(|open| open.position < key.0);
        if let Some(open) = self.open.get_mut(at) {
            open.left = open.left.saturating_sub(1);
        }
        // Only what is overtaken need be remembered.
        if at > 0 || self.open.get(at).is_some_and(|open| open.left > 0) {
            self.ahead.insert(key);
        }
    }
}

fn list(delivery: &Delivery) -> Bytes {
    let length: usize = delivery.items.iter().map(|item| item.json.len() + 1).sum();
    let mut json = BytesMut::with_capacity(length + 1);
    for (n, item) in delivery.items.iter().enumerate() {
        json.put_u8(if n == 0 { b'[' } else { b',' });
        json.put_slice(&item.json);
    }
    json.put_u8(b']');
    json.freeze()
}

#[cfg(test)]
mod tests {
    use watchpost_schema::{SchemaId, Version};

    use super::*;
    use crate::receiver::{Item, ItemKind};

    fn delivery(position: u64, items: usize) -> Delivery {
        let kind = ItemKind::Record("track".parse::<SchemaId>().unwrap(), Version::V1);
        let item = |n| Item { kind, json: Bytes::from(format!("{position}.{n}")) };
        Delivery { position, time_ms: 0, items: (0..items).map(item).collect() }
    }

    fn send_all(window: &mut Window) -> Vec<String> {
        let mut sent = Vec::new();
        while let Some(message) = window.next() {
            sent.push(String::from_utf8_lossy(&message.json).into_owned());
            window.next_is_sent();
        }
        sent
    }

    fn delivered(through: u64) -> Outcome {
        Outcome::Delivered { through, resume: None }
    }

    #[test]
    fn a_delivery_is_told_when_all_before_it_is_done() {
        let mut window = Window::default();
        [delivery(5, 2), delivery(7, 1)].iter().for_each(|d| window.take(d, false));
        assert_eq!(send_all(&mut window), ["5.0", "5.1", "7.0"]);
        window.oldest_is_done();
        assert_eq!(window.outcomes(), []);
        window.oldest_is_done();
        assert_eq!(window.outcomes(), [delivered(5)]);
        window.oldest_is_done();
        assert_eq!(window.outcomes(), [delivered(7)]);
        assert!(window.is_empty());
    }

    #[test]
    fn a_group_is_one_list() {
        let mut window = Window::default();
        window.take(&delivery(1, 3), true);
        assert_eq!(send_all(&mut window), ["[1.0,1.1,1.2]"]);
    }

    #[test]
    fn an_error_is_sent_again_before_what_waits_and_at_last_refused() {
        let mut window = Window::default();
        [delivery(1, 1), delivery(2, 1), delivery(3, 1)].iter().for_each(|d| window.take(d, false));
        window.next_is_sent();
        window.next_is_sent();
        window.oldest_failed("no".into(), 1);
        window.oldest_is_done();
        assert_eq!(window.outcomes(), [], "2 is done, but 1 is not");
        assert_eq!(send_all(&mut window), ["1.0", "3.0"]);
        window.oldest_failed("still no".into(), 1);
        let refused = Outcome::Refused { position: 1, item: Some(0), reason: "still no".into() };
        assert_eq!(window.outcomes(), [refused, delivered(2)]);
    }

    #[test]
    fn what_was_done_out_of_order_is_not_sent_to_the_next_child() {
        let mut window = Window::default();
        let all = [delivery(1, 1), delivery(2, 2)];
        all.iter().for_each(|d| window.take(d, false));
        send_all(&mut window);
        window.oldest_failed(String::new(), 5);
        window.oldest_is_done();
        window.restart();
        all.iter().for_each(|d| window.take(d, false));
        assert_eq!(send_all(&mut window), ["1.0", "2.1"]);
        window.oldest_is_done();
        window.oldest_is_done();
        assert_eq!(window.outcomes(), [delivered(2)]);
        assert!(window.ahead.is_empty() && window.errors.is_empty());
    }
}
