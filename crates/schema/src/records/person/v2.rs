//! Version 2 of what is seen of a person without an area or a line: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, Id, StreamTime};

use crate::{
    records::{
        Moment,
        header::{Happening, Header},
    },
    words::*,
};

/// `event-armed-person`, `event-fallen-person`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonEvent<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
}

impl<'a> PersonEvent<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &Event) -> Self {
        Self { header: Header::new(moment), happening: Happening::new(event) }
    }
}

/// `event-armed-person-end`, `event-fallen-person-end`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonEnd<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    ref_event_id: StartEventId,
    duration_ms: DurationMs,
}

impl<'a> PersonEnd<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &Event, start: Id, duration: StreamTime) -> Self {
        Self {
            header: Header::new(moment),
            happening: Happening::new(event),
            ref_event_id: StartEventId(start),
            duration_ms: DurationMs(duration),
        }
    }
}
