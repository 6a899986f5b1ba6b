//! Version 2 of what a line reports: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{CrossingDirection, Event, Id, StreamTime, ZoneRef};

use crate::{
    records::{
        Moment,
        header::{Happening, Header, LineRef},
    },
    words::*,
};

/// `event-line-crossing`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LineCrossing<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    line: LineRef<'a>,
    direction: Direction,
}

impl<'a> LineCrossing<'a> {
    pub(crate) fn new(
        moment: Moment<'a>,
        event: &'a Event,
        line: &'a ZoneRef,
        direction: CrossingDirection,
    ) -> Self {
        Self {
            header: Header::new(moment),
            happening: Happening::new(event),
            line: line.into(),
            direction: Direction(direction),
        }
    }
}

/// `event-tailgating`: a line crossing, shortly after another's.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tailgating<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    #[serde(flatten)]
    happening: Happening,
    line: LineRef<'a>,
    direction: Direction,
    first_tracking_id: FirstTrackingId,
    time_interval_ms: TimeIntervalMs,
}

impl<'a> Tailgating<'a> {
    pub(crate) fn new(
        moment: Moment<'a>,
        event: &'a Event,
        line: &'a ZoneRef,
        direction: CrossingDirection,
        interval: StreamTime,
        first_track: Id,
    ) -> Self {
        Self {
            header: Header::new(moment),
            happening: Happening::new(event),
            line: line.into(),
            direction: Direction(direction),
            first_tracking_id: FirstTrackingId(first_track),
            time_interval_ms: TimeIntervalMs(interval),
        }
    }
}
