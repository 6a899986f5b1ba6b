//! Version 1 of what a line reports: REFERENCE "Records".

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{CrossingDirection, Event, Id, StreamTime, ZoneRef};

use crate::{
    records::{Moment, subject_of},
    words::*,
};

/// `event-line-crossing`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LineCrossing<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    crossing_direction: Direction,
    event_id: EventId,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    tripwire_id: LineId,
    /// Name of the line at that moment.
    tripwire_name: &'a str,
}

impl<'a> LineCrossing<'a> {
    pub(crate) fn new(
        moment: Moment<'a>,
        event: &'a Event,
        line: &'a ZoneRef,
        direction: CrossingDirection,
    ) -> Self {
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            crossing_direction: Direction(direction),
            event_id: EventId(event.id),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            location: subject.rect.into(),
            object_class: Class(subject.class),
            ref_tracking_id: TrackingId(subject.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            tripwire_id: LineId(line.id),
            tripwire_name: &line.name,
        }
    }
}

/// `event-tailgating`: a line crossing, shortly after another's (PRODUCT section 7).
#[derive(Serialize, JsonSchema)]
pub(crate) struct Tailgating<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    crossing_direction: Direction,
    event_id: EventId,
    event_timestamp_ms: EventTimestampMs,
    first_tracking_id: FirstTrackingId,
    instance_id: InstanceId,
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    time_interval_ms: TimeIntervalMs,
    tripwire_id: LineId,
    /// Name of the line at that moment.
    tripwire_name: &'a str,
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
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            crossing_direction: Direction(direction),
            event_id: EventId(event.id),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            first_tracking_id: FirstTrackingId(first_track),
            instance_id: InstanceId(moment.context.instance_id),
            location: subject.rect.into(),
            object_class: Class(subject.class),
            ref_tracking_id: TrackingId(subject.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            time_interval_ms: TimeIntervalMs(interval),
            tripwire_id: LineId(line.id),
            tripwire_name: &line.name,
        }
    }
}
