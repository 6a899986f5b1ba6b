//! What is published for a delivery.

use std::sync::Arc;

use super::{
    home::{Home, Note},
    resume::Resume,
    topic::Topics,
    wire::QoS,
};
use crate::{
    crops::without_pictures,
    json_text::indented,
    metadata::Data,
    receiver::{Delivery, Item, ItemKind},
    rows,
};
use bytes::Bytes;

/// User properties of a message (version 5 only).
pub(crate) type Properties = Arc<[(&'static str, String)]>;

/// Kinds of groups whose properties are kept ready: there are few, and one more only costs time.
const MAX_KNOWN_KINDS: usize = 64;

/// One PUBLISH and how far it has come.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub topic: Arc<str>,
    pub payload: Bytes,
    pub properties: Properties,
    pub qos: QoS,
    pub retain: bool,
    /// Not JSON but a JPEG file.
    pub is_jpeg: bool,
    /// What of the delivery it carries.
    pub part: Part,
    pub state: State,
    /// Its packet identifier, from the first sending until it is settled or the session lost.
    pub id: Option<u16>,
    /// It was sent before, and may have arrived.
    pub dup: bool,
    /// How often in a row the broker ended the connection, or put it off, over this one.
    pub strikes: u32,
}

/// What of its delivery a message carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    All,
    Item(usize),
    /// What Home Assistant is told beside it.
    Note,
}

/// How far a message has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Sent,
    /// The broker has it, and waits to be told to let it go (QoS 2).
    Received,
    Done,
    Refused(String),
}

impl State {
    pub fn is_settled(&self) -> bool {
        matches!(self, Self::Done | Self::Refused(_))
    }
}

/// Makes messages of deliveries.
#[derive(Clone)]
pub(crate) struct Maker {
    topics: Topics,
    qos: QoS,
    retain: bool,
    minify: bool,
    data: Data,
    strips_pictures: bool,
    pub home: Option<Home>,
    /// Groups of these kinds have these properties.
    known: Vec<(Vec<ItemKind>, Properties)>,
}

impl Maker {
    pub fn new(
        topics: Topics,
        (qos, retain): (QoS, bool),
        minify: bool,
        data: Data,
        strips_pictures: bool,
    ) -> Self {
        Self { topics, qos, retain, minify, data, strips_pictures, home: None, known: Vec::new() }
    }

    /// The same, which tells Home Assistant too.
    pub fn with(self, home: Option<Home>) -> Self {
        Self { home, ..self }
    }

    /// Whether messages depend on those before them, so that what they leave has to be kept.
    pub fn has_progress(&self) -> bool {
        self.topics.has_counts() || self.home.is_some()
    }

    /// A group as one list, a stream's object as it is. The topic is that of the first record, which is the event
    /// wherever there is one. Behind it what Home Assistant is told.
    pub fn messages(&mut self, delivery: &Delivery, progress: &mut Resume) -> Vec<Message> {
        let first = delivery.items.first().map_or(&b""[..], |item| &item.json);
        let topic = self.topics.topic(first, delivery.time_ms, &mut progress.counts);
        let group = self.of(topic, &delivery.items, Part::All);
        let notes = self.home.as_ref().map(|home| home.notes(&delivery.items, &mut progress.home));
        let notes = notes.into_iter().flatten().map(|note| self.note(note));
        [group].into_iter().chain(notes).collect()
    }

    fn note(&self, note: Note) -> Message {
        Message {
            topic: note.topic,
            payload: note.payload.into(),
            properties: Properties::default(),
            qos: self.qos,
            retain: true,
            is_jpeg: note.is_jpeg,
            part: Part::Note,
            state: State::Waiting,
            id: None,
            dup: false,
            strikes: 0,
        }
    }

    /// One message for each record of a group that is too large for one.
    pub fn split(&mut self, whole: &Message, delivery: &Delivery) -> Vec<Message> {
        let items = delivery.items.iter().enumerate();
        items
            .map(|(at, item)| self.of(whole.topic.clone(), std::slice::from_ref(item), Part::Item(at)))
            .collect()
    }

    fn of(&mut self, topic: Arc<str>, items: &[Item], part: Part) -> Message {
        let made = self.payload(items);
        let (payload, state) = match made {
            Ok(payload) => (payload, State::Waiting),
            Err(reason) => (Bytes::new(), State::Refused(reason)),
        };
        let (qos, retain) = (self.qos, self.retain);
        let properties = self.properties(items);
        Message {
            topic,
            payload,
            properties,
            qos,
            retain,
            is_jpeg: false,
            part,
            state,
            id: None,
            dup: false,
            strikes: 0,
        }
    }

    fn payload(&self, items: &[Item]) -> Result<Bytes, String> {
        let mut out = Vec::new();
        match (self.data, items) {
            (Data::Objects, [Item { kind: ItemKind::Object(_), json }]) => {
                let stripped = self.strips_pictures.then(|| without_pictures(&items[0])).flatten();
                let json = stripped.map_or_else(|| json.clone(), |item| item.json);
                if self.minify {
                    return Ok(json);
                }
                indented(&json, &mut out);
                return Ok(out.into());
            }
            (Data::Objects, _) => {
                out.reserve(items.iter().map(|item| item.json.len() + 1).sum::<usize>() + 1);
                for item in items {
                    out.push(if out.is_empty() { b'[' } else { b',' });
                    out.extend_from_slice(&item.json);
                }
            }
            (Data::Table(table), _) => {
                for item in items {
                    rows::for_each(table, item, |cells| {
                        out.push(if out.is_empty() { b'[' } else { b',' });
                        table.write_json(cells, &mut out);
                    })?;
                }
            }
        }
        if out.is_empty() {
            out.push(b'[');
        }
        out.push(b']');
        if !self.minify {
            let list = std::mem::take(&mut out);
            indented(&list, &mut out);
        }
        Ok(out.into())
    }

    /// `schema: id:version` for each kind of record in it, in their order, or `stream: name`.
    fn properties(&mut self, items: &[Item]) -> Properties {
        let is = |known: &[ItemKind]| known.iter().eq(items.iter().map(|item| &item.kind));
        if let Some((_, properties)) = self.known.iter().find(|(known, _)| is(known)) {
            return properties.clone();
        }
        let mut named: Vec<(&'static str, String)> = Vec::new();
        for item in items {
            let property = match item.kind {
                ItemKind::Record(id, version) => ("schema", format!("{id}:{}", version.number())),
                ItemKind::Object(stream) => ("stream", stream.as_str().to_owned()),
            };
            if !named.contains(&property) {
                named.push(property);
            }
        }
        let properties = Properties::from(named);
        if self.known.len() < MAX_KNOWN_KINDS {
            self.known.push((items.iter().map(|item| item.kind).collect(), properties.clone()));
        }
        properties
    }
}
