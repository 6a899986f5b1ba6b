//! Dead letters: what a receiver refused for good, kept so that a person can look at it and send it
//! again.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use watchpost_export::{Delivery, Item, ItemKind};
use watchpost_journal as journal;

/// Dead letters kept per receiver, in bytes; the oldest go first (PRODUCT section 12).
const LIMIT_BYTES: u64 = 100 << 20;

/// One dead letter as kept: JSON, so that `jq` reads it.
#[derive(Serialize)]
struct Letter<'a> {
    reason: &'a str,
    /// The wall clock the records speak of, Unix ms.
    time_ms: i64,
    position: u64,
    items: Vec<LetterItem<'a>>,
}

#[derive(Serialize)]
struct LetterItem<'a> {
    /// `event-intrusion:2`, or a stream's name; absent where the bytes are no record at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    /// What is not JSON, as text with replacement characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// The dead letters of one receiver: a log of its own in the store.
pub(crate) struct DeadLetters {
    pub(crate) log: journal::Log,
}

impl DeadLetters {
    pub fn open(
        store: &journal::Journal,
        instance: watchpost_model::Id,
        receiver: &str,
    ) -> Result<Self, journal::Error> {
        Ok(Self { log: store.log(&format!("dead/{instance}/{receiver}"))? })
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
        self.keep(&Letter { reason, time_ms: delivery.time_ms, position: delivery.position, items }).await
    }

    /// Keeps something that never became a record: a preprocess command's output.
    pub async fn bury_text(&self, text: &[u8], time_ms: i64, reason: &str) -> Result<(), journal::Error> {
        let text = Some(String::from_utf8_lossy(text).into_owned());
        let items = vec![LetterItem { kind: None, json: None, text }];
        self.keep(&Letter { reason, time_ms, position: 0, items }).await
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

fn letter_item(item: &Item) -> LetterItem<'_> {
    let kind = match item.kind {
        ItemKind::Record(schema, version) => format!("{schema}:{}", version.number()),
        ItemKind::Object(stream) => stream.as_str().to_owned(),
    };
    let json = serde_json::from_slice::<&RawValue>(&item.json).ok();
    let text = json.is_none().then(|| String::from_utf8_lossy(&item.json).into_owned());
    LetterItem { kind: Some(kind), json, text }
}
