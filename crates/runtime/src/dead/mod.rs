//! Dead letters: what a receiver refused for good, kept so that a person can look at it and send it
//! again.

mod letters;

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use watchpost_export::{Delivery, Item, ItemKind};
use watchpost_journal as journal;
use watchpost_model::Id;

/// Dead letters kept per receiver, in bytes; the oldest go first (PRODUCT section 12).
const LIMIT_BYTES: u64 = 100 << 20;

/// Their logs' names begin so.
const LOGS: &str = "dead/";
/// Letters of a deleted receiver stay so long (PRODUCT section 12).
pub(crate) const DELETED_STAY: Duration = Duration::from_secs(7 * 24 * 3600);
/// State key: when the receiver was deleted, Unix ms.
const DELETED_AT: &str = "deleted-at";

/// State keys, one a letter: it is no longer here.
const GONE: &str = "gone/";

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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LetterBox {
    /// The instance's id.
    #[schemars(with = "String", extend("format" = "uuid"))]
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

    /// Keeps a delivery, or one item of it. Returns its number once that is durable: only then may the cursor
    /// pass it.
    pub async fn bury(
        &self,
        delivery: &Delivery,
        item: Option<usize>,
        reason: &str,
    ) -> Result<u64, journal::Error> {
        let items: Vec<_> = match item {
            Some(index) => delivery.items.get(index).into_iter().map(letter_item).collect(),
            None => delivery.items.iter().map(letter_item).collect(),
        };
        let letter =
            Letter { reason: reason.into(), time_ms: delivery.time_ms, position: delivery.position, items };
        self.keep(&letter).await
    }

    /// Keeps a delivery that is to be sent, for a test; returns its number.
    pub async fn bury_sample(&self, delivery: &Delivery) -> Result<u64, journal::Error> {
        let items = delivery.items.iter().map(letter_item).collect();
        let reason = "a test that somebody asked for".into();
        self.keep(&Letter { reason, time_ms: delivery.time_ms, position: 0, items }).await
    }

    /// Keeps something that never became a record: a preprocess command's output.
    pub async fn bury_text(&self, text: &[u8], time_ms: i64, reason: &str) -> Result<(), journal::Error> {
        let text = Some(String::from_utf8_lossy(text).into_owned());
        let items = vec![LetterItem { kind: None, json: None, text }];
        self.keep(&Letter { reason: reason.into(), time_ms, position: 0, items }).await.map(|_| ())
    }

    async fn keep(&self, letter: &Letter<'_>) -> Result<u64, journal::Error> {
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
        Ok(position)
    }
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
