//! Version 1 of what an area reports of one object: REFERENCE "Records".

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, StreamTime, ZoneRef};

use crate::{
    records::{Moment, subject_of},
    words::*,
};

/// `event-area-enter`, `event-area-exit`, `event-intrusion`, `event-loitering`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AreaEvent<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    area_id: AreaId,
    /// Name of the area at that moment.
    area_name: &'a str,
    event_id: EventId,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl<'a> AreaEvent<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef) -> Self {
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            area_id: AreaId(area.id),
            area_name: &area.name,
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

/// `event-intrusion-end`, `event-loitering-end`. A start and its end are matched by
/// `ref_tracking_id` and `area_id`; version 2 names the start.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AreaEnd<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    area_id: AreaId,
    /// Name of the area at that moment.
    area_name: &'a str,
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

impl<'a> AreaEnd<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef, duration: StreamTime) -> Self {
        let subject = subject_of(event);
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            area_id: AreaId(area.id),
            area_name: &area.name,
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
