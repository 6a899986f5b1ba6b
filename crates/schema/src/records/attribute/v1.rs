//! Version 1 of `attribute`: REFERENCE "Records".

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Attribute as Source;

use crate::{records::Moment, words::*};

/// `attribute`: one property of a track. Licence plates are one, named `license_plate`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Attribute<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    event_timestamp_ms: EventTimestampMs,
    instance_id: InstanceId,
    /// Which property, for example `vehicle_color`, `license_plate`.
    name: &'a str,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    value: TextValue<'a>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn new(moment: Moment<'a>, attribute: &'a Source) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            instance_id: InstanceId(moment.context.instance_id),
            name: &attribute.name,
            ref_tracking_id: TrackingId(attribute.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            value: TextValue(&attribute.value),
        }
    }
}
