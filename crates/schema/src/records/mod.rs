//! The records, by family: `<family>/v1.rs` and `v2.rs` are the two versions as Rust types whose
//! field order is the key order on the wire, `<family>/convert.rs` (or `mod.rs`) says how one
//! becomes the other.
//!
//! Version 1 keys are alphabetical, `$` keys first. Version 2 begins with [`header::Header`].

pub(crate) mod area;
pub(crate) mod attribute;
pub(crate) mod crop;
pub(crate) mod crowd;
pub(crate) mod diagnostics;
pub(crate) mod header;
pub(crate) mod line;
pub(crate) mod object;
pub(crate) mod person;
pub(crate) mod statistics;
pub(crate) mod track;

use watchpost_model::{Event, Id, Instant, ObjectClass, Rect, Subject};

use crate::{Context, SchemaId, Stamp};

/// What every record is written with, beside its own content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment<'a> {
    pub(crate) schema: SchemaId,
    pub(crate) at: &'a Instant,
    pub(crate) context: &'a Context<'a>,
    pub(crate) stamp: Option<&'a Stamp>,
}

/// Stands in for the subject of an event that has none, which the model rules out (one subject,
/// several for crowding): the record keeps its promised keys.
static NOBODY: Subject = Subject {
    track_id: Id::nil(),
    class: ObjectClass::Unknown,
    rect: Rect::new(0.0, 0.0, 0.0, 0.0),
    confidence: 0.0,
};

/// Who did it.
pub(crate) fn subject_of(event: &Event) -> &Subject {
    event.subjects.first().unwrap_or(&NOBODY)
}
