//! Version 1 of what is seen of a person without an area or a line. REFERENCE knows of no keys of
//! its own, so it has the common ones.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, StreamTime};

use crate::{
    records::{Moment, subject_of},
    words::*,
};

/// `event-armed-person`, `event-fallen-person`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonEvent {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    event_id: EventId,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl PersonEvent {
    pub(crate) fn new(moment: Moment<'_>, event: &Event) -> Self {
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            event_id: EventId(event.id),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            location: subject.rect.into(),
            object_class: Class(subject.class),
            ref_tracking_id: TrackingId(subject.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
        }
    }
}

/// `event-armed-person-end`, `event-fallen-person-end`. A start and its end are matched by
/// `ref_tracking_id`; version 2 names the start.
#[derive(Serialize, JsonSchema)]
pub(crate) struct PersonEnd {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    event_duration_ms: DurationMs,
    event_id: EventId,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl PersonEnd {
    pub(crate) fn new(moment: Moment<'_>, event: &Event, duration: StreamTime) -> Self {
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            event_duration_ms: DurationMs(duration),
            event_id: EventId(event.id),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            location: subject.rect.into(),
            object_class: Class(subject.class),
            ref_tracking_id: TrackingId(subject.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
        }
    }
}
