//! Version 2 of what an area reports of one object: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, Id, StreamTime, ZoneRef};

use crate::{
    records::{
        Moment,
        header::{AreaRef, Happening, Header},
    },
    words::*,
};

/// `event-area-enter`, `event-area-exit`, `event-intrusion`, `event-loitering`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AreaEvent<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    area: AreaRef<'a>,
}

impl<'a> AreaEvent<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef) -> Self {
        Self { header: Header::new(moment), happening: Happening::new(event), area: area.into() }
    }
}

/// `event-intrusion-end`, `event-loitering-end`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AreaEnd<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    area: AreaRef<'a>,
    ref_event_id: StartEventId,
    duration_ms: DurationMs,
}

impl<'a> AreaEnd<'a> {
    pub(crate) fn new(
        moment: Moment<'a>,
        event: &'a Event,
        area: &'a ZoneRef,
        start: Id,
        duration: StreamTime,
    ) -> Self {
        Self {
            header: Header::new(moment),
            happening: Happening::new(event),
            area: area.into(),
            ref_event_id: StartEventId(start),
            duration_ms: DurationMs(duration),
        }
    }
}
