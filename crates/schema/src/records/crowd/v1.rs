//! Version 1 of `event-crowd-detection`: a list of targets in place of the one object.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, Subject, ZoneRef};

use crate::{records::Moment, words::*};

/// `event-crowd-detection`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Crowd<'a> {
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
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    /// The objects that make the crowd.
    targets: Vec<Target>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            area_id: AreaId(area.id),
            area_name: &area.name,
            event_id: EventId(event.id),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            targets: event.subjects.iter().map(Target::from).collect(),
        }
    }
}

/// One object of a crowd.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Target {
    location: Location,
    object_class: Class,
    ref_tracking_id: TrackingId,
}

impl From<&Subject> for Target {
    fn from(subject: &Subject) -> Self {
        Self {
            location: subject.rect.into(),
            object_class: Class(subject.class),
            ref_tracking_id: TrackingId(subject.track_id),
        }
    }
}
