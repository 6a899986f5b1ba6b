//! From the model to bytes, in one pass.

use serde::Serialize;
use watchpost_model::{Event, EventKind, Id, Instant, Record};

use crate::{
    SchemaId, Version,
    records::{Moment, area, attribute, crop, crowd, diagnostics, line, object, person, statistics, track},
};

/// Whose record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// Identity of the instance.
    pub instance_id: Id,
    /// Its name, as shown to people.
    pub instance_name: &'a str,
}

/// What a record is given when it enters the log. Only version 2 has a place for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Identity of the record.
    pub record_id: Id,
    /// Identity of the log.
    pub log_id: Id,
    /// Place in the log, gapless.
    pub sequence: u64,
}

/// Appends `record` to `out` as one line of compact JSON, without a line end.
///
/// Version 1 has no place for a stamp and ignores it; version 2 without one leaves its three keys
/// out, which is how the preprocess command sees a record.
pub fn encode(
    version: Version,
    record: &Record,
    at: &Instant,
    context: &Context<'_>,
    stamp: Option<&Stamp>,
    out: &mut Vec<u8>,
) {
    let moment = Moment { schema: SchemaId::of(record), at, context, stamp };
    match (version, record) {
        (Version::V1, Record::Event(event)) => event_v1(moment, event, out),
        (Version::V2, Record::Event(event)) => event_v2(moment, event, out),
        (Version::V1, Record::Track(it)) => write(&track::v1::Track::new(moment, it), out),
        (Version::V2, Record::Track(it)) => write(&track::v2::Track::new(moment, it), out),
        (Version::V1, Record::Crop(it)) => write(&crop::v1::Crop::new(moment, it), out),
        (Version::V2, Record::Crop(it)) => write(&crop::v2::Crop::new(moment, it), out),
        (Version::V1, Record::Attribute(it)) => write(&attribute::v1::Attribute::new(moment, it), out),
        (Version::V2, Record::Attribute(it)) => write(&attribute::v2::Attribute::new(moment, it), out),
        (Version::V1, Record::Diagnostics(it)) => write(&diagnostics::v1::Diagnostics::new(moment, it), out),
        (Version::V2, Record::Diagnostics(it)) => write(&diagnostics::v2::Diagnostics::new(moment, it), out),
        (Version::V1, Record::Statistics(it)) => write(&statistics::v1::Statistics::new(moment, it), out),
        (Version::V2, Record::Statistics(it)) => write(&statistics::v2::Statistics::new(moment, it), out),
    }
}

fn event_v1(moment: Moment<'_>, event: &Event, out: &mut Vec<u8>) {
    use EventKind::*;
    match &event.kind {
        AreaEnter(area) | AreaExit(area) | Intrusion(area) | Loitering(area) => {
            write(&area::v1::AreaEvent::new(moment, event, area), out);
        }
        IntrusionEnd { area, duration, .. } | LoiteringEnd { area, duration, .. } => {
            write(&area::v1::AreaEnd::new(moment, event, area, *duration), out);
        }
        Crowd(area) => write(&crowd::v1::Crowd::new(moment, event, area), out),
        LineCrossing { line, direction } => {
            write(&line::v1::LineCrossing::new(moment, event, line, *direction), out);
        }
        Tailgating { line, direction, interval, first_track } => {
            write(&line::v1::Tailgating::new(moment, event, line, *direction, *interval, *first_track), out);
        }
        ObjectLeftRemoved { area, state } => {
            write(&object::v1::ObjectLeftRemoved::new(moment, event, area, *state), out);
        }
        ArmedPerson | FallenPerson => write(&person::v1::PersonEvent::new(moment, event), out),
        ArmedPersonEnd { duration, .. } | FallenPersonEnd { duration, .. } => {
            write(&person::v1::PersonEnd::new(moment, event, *duration), out);
        }
    }
}

fn event_v2(moment: Moment<'_>, event: &Event, out: &mut Vec<u8>) {
    use EventKind::*;
    match &event.kind {
        AreaEnter(area) | AreaExit(area) | Intrusion(area) | Loitering(area) => {
            write(&area::v2::AreaEvent::new(moment, event, area), out);
        }
        IntrusionEnd { area, start, duration } | LoiteringEnd { area, start, duration } => {
            write(&area::v2::AreaEnd::new(moment, event, area, *start, *duration), out);
        }
        Crowd(area) => write(&crowd::v2::Crowd::new(moment, event, area), out),
        LineCrossing { line, direction } => {
            write(&line::v2::LineCrossing::new(moment, event, line, *direction), out);
        }
        Tailgating { line, direction, interval, first_track } => {
            write(&line::v2::Tailgating::new(moment, event, line, *direction, *interval, *first_track), out);
        }
        ObjectLeftRemoved { area, state } => {
            write(&object::v2::ObjectLeftRemoved::new(moment, event, area, *state), out);
        }
        ArmedPerson | FallenPerson => write(&person::v2::PersonEvent::new(moment, event), out),
        ArmedPersonEnd { start, duration } | FallenPersonEnd { start, duration } => {
            write(&person::v2::PersonEnd::new(moment, event, *start, *duration), out);
        }
    }
}

/// Appends `value` to `out` as compact JSON.
///
/// Nothing can go wrong: memory does not fail to be written to, and our own types have neither
/// keys that are no text nor an error of their own.
pub(crate) fn write(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let written = serde_json::to_writer(&mut *out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}
