//! Version 1 of `event-object-left-removed`. Its keys are unknown in REFERENCE and decided in
//! PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, ObjectState, ZoneRef};

use crate::{
    records::{Moment, subject_of},
    words::*,
};

/// `event-object-left-removed`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ObjectLeftRemoved<'a> {
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
    object_state: State,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl<'a> ObjectLeftRemoved<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef, state: ObjectState) -> Self {
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
            object_state: State(state),
            ref_tracking_id: TrackingId(subject.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
        }
    }
}
