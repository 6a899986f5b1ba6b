//! The way of one event as spans of a trace: from its frame through analytics, log and preprocess command to each
//! receiver's word that it has it.
//!
//! Off until [`trace_to`] is called, and then of events alone: frames and stream objects pass untold. A span is made when
//! it is over, of moments that are known anyway, and nothing travels with a record for it. Whose it is follows from the
//! event's own identity, so a delivery after a restart, or days later, is still in its event's trace, and a program that
//! is given a record can put spans of its own there too:
//!
//! * the trace's id is the event's (`event_id`) without its dashes,
//! * the first span's id is its second half; all others are below that one.
//!
//! Both as in the W3C's Trace Context, section 3.2.2.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use serde::Deserialize;
use serde_json::{Value, json};
use watchpost_export::InstanceInfo;
use watchpost_model::{Frame, Group, Id, Record};
use watchpost_schema::SchemaId;

use crate::{
    entry::{Body, Entry},
    latest::event,
    status::ReceiverStatus,
};

/// A frame taken this long ago at most was taken by a camera: its way here is told too. A file's times are of its own.
const FRESH: Duration = Duration::from_secs(10);

/// One step of an event's way.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace it belongs to, the event's identity. Never nil.
    pub trace: Id,
    /// Its own id, not 0; `None`: any.
    pub id: Option<u64>,
    /// The span it is below.
    pub parent: Option<u64>,
    /// An event's schema id, `analyse`, `record`, `preprocess` or `deliver`.
    pub name: &'static str,
    /// When it began, by the machine's wall clock.
    pub start: SystemTime,
    /// When it was over.
    pub end: SystemTime,
    /// What else is known: text and numbers, under names of docs/traces.md.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it did not come to what it was for.
    pub error: Option<String>,
}

type Sink = Box<dyn Fn(Span) + Send + Sync>;

static SINK: OnceLock<Sink> = OnceLock::new();

/// Gives every span to `sink` from now on, which must not wait. Once in a process; later calls change nothing.
pub fn trace_to(sink: impl Fn(Span) + Send + Sync + 'static) {
    // Whoever comes second finds one that does the same.
    let _first = SINK.set(Box::new(sink));
}

/// Whether anybody wants to know.
pub(crate) fn is_on() -> bool {
    SINK.get().is_some()
}

/// Now, if anybody wants to know.
pub(crate) fn now() -> Option<SystemTime> {
    is_on().then(SystemTime::now)
}

impl Span {
    /// One of an event, below its first. `None` for an identity that a user's own detector may give, but no trace have.
    fn below(event: Id, name: &'static str, start: SystemTime, end: SystemTime) -> Option<Self> {
        let first = event.as_u64_pair().1;
        let (attributes, error) = (Vec::new(), None);
        let end = end.max(start);
        let span = Self { trace: event, id: None, parent: Some(first), name, start, end, attributes, error };
        (first != 0).then_some(span)
    }

    /// An event's first.
    fn first(event: Id, name: &'static str, start: SystemTime, end: SystemTime) -> Option<Self> {
        let span = Self::below(event, name, start, end)?;
        Some(Self { id: span.parent, parent: None, ..span })
    }

    fn tell(self) {
        if let Some(sink) = SINK.get() {
            sink(self);
        }
    }
}

/// A frame on its way through the pipeline.
pub(crate) struct Passage {
    began: Option<SystemTime>,
    analysed: Option<SystemTime>,
}

impl Passage {
    /// It begins now, or when a camera took `frame`.
    pub fn begin(frame: Option<&Frame>) -> Self {
        let taken = |now: SystemTime| {
            let taken = SystemTime::UNIX_EPOCH + Duration::from_millis(frame?.timestamp.0.try_into().ok()?);
            now.duration_since(taken).ok().filter(|ago| *ago < FRESH).map(|_| taken)
        };
        let began = now().map(|now| taken(now).unwrap_or(now));
        Self { began, analysed: began }
    }

    /// The solution has looked at it.
    pub fn analysed(&mut self) {
        self.analysed = now();
    }

    /// What it gave is in the log, or waits for the preprocess command.
    pub fn recorded(self, instance: &InstanceInfo, groups: &[Group]) {
        let (Some(began), Some(analysed), Some(end)) = (self.began, self.analysed, now()) else { return };
        for group in groups {
            let found = |record: &Record| event(record).map(|event| (event.id, SchemaId::of(record)));
            let Some((event, schema)) = group.records.iter().find_map(found) else { continue };
            let Some(first) = Span::first(event, schema.as_str(), began, end) else { continue };
            let attributes = vec![
                ("watchpost.instance.id", json!(instance.id)),
                ("watchpost.instance.name", json!(instance.name)),
                ("watchpost.frame.id", json!(group.at.frame_id)),
                ("watchpost.records", json!(group.records.len())),
            ];
            Span { attributes, ..first }.tell();
            let steps = [("analyse", began, analysed), ("record", analysed, end)];
            let spans =
                steps.into_iter().filter_map(|(name, start, end)| Span::below(event, name, start, end));
            spans.for_each(Span::tell);
        }
    }
}

/// The preprocess command is done with an event that waited for it since `start`.
pub(crate) fn preprocessed(event: Id, start: SystemTime, error: Option<&str>) {
    let span = now().and_then(|end| Span::below(event, "preprocess", start, end));
    if let Some(span) = span {
        Span { error: error.map(str::to_owned), ..span }.tell();
    }
}

/// What became of something that a receiver was given.
#[derive(Clone, Copy)]
pub(crate) enum Fate<'a> {
    Delivered,
    /// For good: it is a dead letter.
    Refused {
        letter: u64,
        reason: &'a str,
    },
    /// It is tried again.
    Failed(&'a str),
}

/// `receiver` was given the entry at `position` at `given`, and this is what became of it. Only entries with an event
/// are told.
pub(crate) fn delivery(
    receiver: &ReceiverStatus,
    position: u64,
    entry: &Entry,
    given: Option<SystemTime>,
    fate: Fate<'_>,
) {
    // First of all: everything that is delivered passes here, and to read what it is costs more than to deliver it.
    let Some(start) = given else { return };
    let (Some(end), Some(event)) = (now(), event_of(entry)) else { return };
    let Some(span) = Span::below(event, "deliver", start, end) else { return };
    let mut attributes = vec![
        ("watchpost.receiver.name", json!(receiver.name)),
        ("watchpost.receiver.format", json!(receiver.format)),
        ("watchpost.log.position", json!(position)),
    ];
    let error = match fate {
        Fate::Delivered => None,
        Fate::Refused { letter, reason } => {
            attributes.push(("watchpost.dead_letter", json!(letter)));
            Some(reason.to_owned())
        }
        Fate::Failed(reason) => Some(reason.to_owned()),
    };
    Span { attributes, error, ..span }.tell();
}

/// The event an entry is of, by what it says itself: it may be of another run of the program, or have passed a
/// preprocess command.
fn event_of(entry: &Entry) -> Option<Id> {
    #[derive(Deserialize)]
    struct OfEvent {
        event_id: Id,
    }
    let Body::Group(records) = &entry.body else { return None };
    let event = records.iter().find(|record| record.schema.is_event())?;
    serde_json::from_slice(event.stored()).ok().map(|OfEvent { event_id }| event_id)
}
