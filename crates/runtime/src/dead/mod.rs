//! Dead letters: what a receiver refused for good, kept so that a person can look at it and send it
//! again.

use std::{borrow::Cow, collections::BTreeSet, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use watchpost_export::{Delivery, Item, ItemKind};
use watchpost_journal as journal;
use watchpost_model::Id;
use watchpost_schema::{SchemaId, Version};

/// Dead letters kept per receiver, in bytes; the oldest go first (PRODUCT section 12).
const LIMIT_BYTES: u64 = 100 << 20;

/// Their logs' names begin so.
const LOGS: &str = "dead/";
/// Letters of a deleted receiver stay so long (PRODUCT section 12).
pub(crate) const DELETED_STAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// State key: when the receiver was deleted, Unix ms.
const DELETED_AT: &str = "deleted-at";

/// State key: letters before this number are to be sent again.
const RESEND_BEFORE: &str = "resend-before";
/// State keys, one a letter: it is to be sent again; it is no longer here.
const RESEND: &str = "resend/";
const GONE: &str = "gone/";
/// Letters read at once.
const READ: journal::ReadLimit = journal::ReadLimit { entries: 1000, bytes: 4 << 20 };

/// One dead letter as kept: JSON, so that `jq` reads it.
#[derive(Serialize, Deserialize)]
struct Letter<'a> {
    #[serde(borrow)]
    reason: Cow<'a, str>,
    /// The wall clock the records speak of, Unix ms.
    time_ms: i64,
    position: u64,
    #[serde(borrow)]
    items: Vec<LetterItem<'a>>,
}

#[derive(Serialize, Deserialize)]
struct LetterItem<'a> {
    /// `event-intrusion:2`, or a stream's name; absent where the bytes are no record at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    /// What is not JSON, as text with replacement characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// How many dead letters a receiver has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterBox {
    /// The instance's id.
    pub instance: Id,
    /// The export's or exporter's name, or `preprocess`.
    pub receiver: String,
    /// Letters in it.
    pub letters: u64,
    /// Bytes they take.
    pub bytes: u64,
    /// The receiver is deleted; its letters go 7 days after.
    pub deleted: bool,
}

/// The dead letters of one receiver: a log of its own in the store.
pub(crate) struct DeadLetters {
    pub(crate) log: journal::Log,
}

impl DeadLetters {
    pub fn open(store: &journal::Journal, instance: Id, receiver: &str) -> Result<Self, journal::Error> {
        Ok(Self { log: store.log(&format!("{LOGS}{instance}/{receiver}"))? })
    }

    /// Those of a receiver that has ever had any.
    pub fn of(
        store: &journal::Journal,
        instance: Id,
        receiver: &str,
    ) -> Result<Option<Self>, journal::Error> {
        let there = store.logs().contains(&format!("{LOGS}{instance}/{receiver}"));
        there.then(|| Self::open(store, instance, receiver)).transpose()
    }

    /// What every receiver has, of one instance or of all; those that have none are left out.
    pub fn boxes(store: &journal::Journal, instance: Option<Id>) -> Result<Vec<LetterBox>, journal::Error> {
        let mut boxes = Vec::new();
        for name in store.logs() {
            let Some((id, receiver)) = name.strip_prefix(LOGS).and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            let Ok(id) = id.parse::<Id>() else { continue };
            if instance.is_some_and(|wanted| wanted != id) {
                continue;
            }
            let log = store.log(&name)?;
            let letters = (log.end() - log.start()).saturating_sub(log.states(GONE).len() as u64);
            if letters > 0 {
                let deleted = log.state(DELETED_AT).is_some();
                let receiver = receiver.to_owned();
                boxes.push(LetterBox { instance: id, receiver, letters, bytes: log.bytes(), deleted });
            }
        }
        Ok(boxes)
    }

    /// Removes the letters of receivers that were deleted long enough ago.
    pub fn sweep(store: &journal::Journal) -> Result<(), journal::Error> {
        let now_ms = jiff::Timestamp::now().as_millisecond();
        for name in store.logs().iter().filter(|name| name.starts_with(LOGS)) {
            let deleted_at = store.log(name)?.state(DELETED_AT);
            let Some(at_ms) = deleted_at.and_then(|at| at.as_ref().try_into().ok()).map(i64::from_le_bytes)
            else {
                continue;
            };
            if now_ms.saturating_sub(at_ms) >= DELETED_STAY.as_millis() as i64 {
                store.delete(name)?;
            }
        }
        Ok(())
    }

    /// The receiver is deleted: its letters stay a while, see [`DELETED_STAY`].
    pub fn owner_is_gone(&self) -> Result<(), journal::Error> {
        let now_ms = jiff::Timestamp::now().as_millisecond().to_le_bytes();
        self.log.set_state(vec![(DELETED_AT.to_owned(), Some(Bytes::copy_from_slice(&now_ms)))])
    }

    /// A receiver of this name is there (again).
    pub fn owner_is_back(&self) -> Result<(), journal::Error> {
        if self.log.state(DELETED_AT).is_none() {
            return Ok(());
        }
        self.log.set_state(vec![(DELETED_AT.to_owned(), None)])
    }

    /// Letters move along with a receiver that is renamed. A crash in the middle leaves some twice.
    pub fn rename(
        store: &journal::Journal,
        instance: Id,
        old: &str,
        new: &str,
    ) -> Result<(), journal::Error> {
        let (from, to) = (Self::open(store, instance, old)?.log, Self::open(store, instance, new)?.log);
        let mut next = from.start();
        while next < from.durable_end() {
            let batch = from.read(next, journal::ReadLimit { entries: 1000, bytes: 4 << 20 })?;
            let entries = batch.entries.into_iter().map(|entry| entry.data).collect();
            to.append(journal::Commit { entries, state: vec![] })?;
            next = batch.next;
        }
        store.delete(from.name())
    }

    /// Keeps a delivery, or one item of it. Returns once that is durable: only then may the cursor
    /// pass it.
    pub async fn bury(
        &self,
        delivery: &Delivery,
        item: Option<usize>,
        reason: &str,
    ) -> Result<(), journal::Error> {
        let items: Vec<_> = match item {
            Some(index) => delivery.items.get(index).into_iter().map(letter_item).collect(),
            None => delivery.items.iter().map(letter_item).collect(),
        };
        self.keep(&Letter {
            reason: reason.into(),
            time_ms: delivery.time_ms,
            position: delivery.position,
            items,
        })
        .await
    }

    /// Keeps something that never became a record: a preprocess command's output.
    pub async fn bury_text(&self, text: &[u8], time_ms: i64, reason: &str) -> Result<(), journal::Error> {
        let text = Some(String::from_utf8_lossy(text).into_owned());
        let items = vec![LetterItem { kind: None, json: None, text }];
        self.keep(&Letter { reason: reason.into(), time_ms, position: 0, items }).await
    }

    async fn keep(&self, letter: &Letter<'_>) -> Result<(), journal::Error> {
        let letter = serde_json::to_vec(letter).unwrap_or_default();
        let mut commit = journal::Commit { entries: vec![Bytes::from(letter)], state: vec![] };
        // Not `append`: that would hold up a thread of all workers while the disk is full.
        let position = loop {
            match self.log.try_append(commit) {
                Ok(position) => break position,
                Err(journal::TryAppendError::Full(again)) => commit = again,
                Err(journal::TryAppendError::Error(error)) => return Err(error),
            }
            self.log.wait_room().await;
        };
        self.log.wait_durable(position + 1).await?;
        let over = self.log.bytes() > LIMIT_BYTES;
        if over {
            // A tenth at once, so that a receiver that refuses everything does not trim at every letter.
            let (start, end) = (self.log.start(), self.log.end());
            self.log.trim(start + (end - start) / 10 + 1)?;
        }
        Ok(())
    }
}

/// What of the letters is looked at, sent again and thrown away. Their numbers are their positions in the log.
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

fn letter_item(item: &Item) -> LetterItem<'_> {
    let kind = match item.kind {
        ItemKind::Record(schema, version) => format!("{schema}:{}", version.number()),
        ItemKind::Object(stream) => stream.as_str().to_owned(),
    };
    let json = serde_json::from_slice::<&RawValue>(&item.json).ok();
    let text = json.is_none().then(|| String::from_utf8_lossy(&item.json).into_owned());
    LetterItem { kind: Some(kind), json, text }
}
