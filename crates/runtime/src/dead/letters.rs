//! What of dead letters is looked at, sent again and thrown away. Their numbers are their positions in their log.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::{Value, json};
use watchpost_export::{Delivery, Item, ItemKind};
use watchpost_journal as journal;
use watchpost_schema::{SchemaId, Version};

use super::{DeadLetters, GONE, Letter};

/// State key: letters before this number are to be sent again.
const RESEND_BEFORE: &str = "resend-before";
/// State keys, one a letter: it is to be sent again.
const RESEND: &str = "resend/";
/// Letters read at once.
const READ: journal::ReadLimit = journal::ReadLimit { entries: 1000, bytes: 4 << 20 };

impl DeadLetters {
    /// At most `limit` letters from number `from` on, oldest first, with their numbers.
    pub fn show(&self, from: u64, limit: usize) -> Result<Vec<Value>, journal::Error> {
        let mut shown = Vec::new();
        self.each(from, |number, data| {
            let mut letter = serde_json::from_slice::<Value>(data).unwrap_or_else(|_| json!({}));
            letter["letter"] = number.into();
            shown.push(letter);
            shown.len() < limit
        })?;
        Ok(shown)
    }

    /// Marks letters to be sent again; none named: all. Says how many that are.
    pub fn mark(&self, numbers: &[u64]) -> Result<u64, journal::Error> {
        if numbers.is_empty() {
            let end = Bytes::copy_from_slice(&self.log.end().to_le_bytes());
            self.log.set_state(vec![(RESEND_BEFORE.to_owned(), Some(end))])?;
            return self.count();
        }
        let there = self.those_there(numbers)?;
        let marks = there.iter().map(|number| (format!("{RESEND}{number}"), Some(Bytes::new())));
        self.log.set_state(marks.collect())?;
        Ok(there.len() as u64)
    }

    /// Throws letters away; none named: all. Says how many that were.
    pub fn throw_away(&self, numbers: &[u64]) -> Result<u64, journal::Error> {
        if numbers.is_empty() {
            let count = self.count()?;
            self.log.trim(self.log.end())?;
            self.forget_marks_before(self.log.end())?;
            return Ok(count);
        }
        let there = self.those_there(numbers)?;
        for number in &there {
            self.remove(*number)?;
        }
        Ok(there.len() as u64)
    }

    /// The letters from number `from` on that are to be sent again, as deliveries, oldest first; at most
    /// `limit`. What cannot be sent, because it never was a record, is left out and stays.
    pub fn marked(&self, from: u64, limit: usize) -> Result<Vec<Delivery>, journal::Error> {
        let before = self.log.state(RESEND_BEFORE).and_then(|b| b.as_ref().try_into().ok());
        let before = before.map_or(0, u64::from_le_bytes);
        let single: BTreeSet<u64> = numbers(&self.log, RESEND);
        let mut deliveries = Vec::new();
        if before > self.log.start() || !single.is_empty() {
            self.each(from, |number, data| {
                if number < before || single.contains(&number) {
                    deliveries.extend(delivery(number, data));
                }
                deliveries.len() < limit
            })?;
        }
        Ok(deliveries)
    }

    /// A letter is delivered after all, or thrown away.
    pub fn remove(&self, number: u64) -> Result<(), journal::Error> {
        let gone = vec![(format!("{GONE}{number}"), Some(Bytes::new())), (format!("{RESEND}{number}"), None)];
        self.log.set_state(gone)?;
        let gone = numbers(&self.log, GONE);
        let first_there = (self.log.start()..).find(|number| !gone.contains(number)).unwrap_or_default();
        if first_there > self.log.start() {
            self.log.trim(first_there)?;
            self.forget_marks_before(first_there)?;
        }
        Ok(())
    }

    /// Nothing is to be sent again any more: what is left stays dead.
    pub fn unmark_all(&self) -> Result<(), journal::Error> {
        let singles = self.log.states(RESEND).into_iter().map(|(key, _)| (key, None));
        self.log.set_state(singles.chain([(RESEND_BEFORE.to_owned(), None)]).collect())
    }

    /// Whether a letter is still here.
    pub fn is_there(&self, number: u64) -> bool {
        number >= self.log.start() && self.log.state(&format!("{GONE}{number}")).is_none()
    }

    /// Whether a letter is to be sent again.
    pub fn is_marked(&self, number: u64) -> bool {
        self.log.state(&format!("{RESEND}{number}")).is_some()
    }

    fn count(&self) -> Result<u64, journal::Error> {
        let mut count = 0;
        self.each(self.log.start(), |_, _| {
            count += 1;
            true
        })?;
        Ok(count)
    }

    fn those_there(&self, wanted: &[u64]) -> Result<Vec<u64>, journal::Error> {
        let gone = numbers(&self.log, GONE);
        let range = self.log.start()..self.log.end();
        Ok(wanted.iter().copied().filter(|n| range.contains(n) && !gone.contains(n)).collect())
    }

    fn forget_marks_before(&self, position: u64) -> Result<(), journal::Error> {
        let of = |prefix: &'static str| {
            let old = numbers(&self.log, prefix).into_iter().take_while(move |number| *number < position);
            old.map(move |number| (format!("{prefix}{number}"), None))
        };
        self.log.set_state(of(GONE).chain(of(RESEND)).collect())
    }

    /// Every letter that is there from number `from` on, until `look` has seen enough.
    fn each(&self, from: u64, mut look: impl FnMut(u64, &Bytes) -> bool) -> Result<(), journal::Error> {
        let gone = numbers(&self.log, GONE);
        let mut next = from.max(self.log.start());
        while next < self.log.durable_end() {
            let batch = self.log.read(next, READ)?;
            for entry in batch.entries.iter().filter(|entry| !gone.contains(&entry.position)) {
                if !look(entry.position, &entry.data) {
                    return Ok(());
                }
            }
            next = batch.next;
        }
        Ok(())
    }
}

fn numbers(log: &journal::Log, prefix: &str) -> BTreeSet<u64> {
    let kept = log.states(prefix);
    kept.iter().filter_map(|(key, _)| key.strip_prefix(prefix)?.parse().ok()).collect()
}

fn delivery(number: u64, data: &Bytes) -> Option<Delivery> {
    let letter: Letter<'_> = serde_json::from_slice(data).ok()?;
    let items = letter.items.iter().map(|item| {
        let kind = item.kind.as_deref()?;
        let kind = match kind.split_once(':') {
            Some((schema, version)) => {
                let version = Version::try_from(version.parse::<u64>().ok()?).ok()?;
                ItemKind::Record(schema.parse::<SchemaId>().ok()?, version)
            }
            None => ItemKind::Object(kind.parse().ok()?),
        };
        Some(Item { kind, json: Bytes::copy_from_slice(item.json?.get().as_bytes()) })
    });
    let items = items.collect::<Option<Vec<_>>>().filter(|items| !items.is_empty())?;
    Some(Delivery { position: number, time_ms: letter.time_ms, items })
}
