//! Version 1 of `crop`: REFERENCE "Records".

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Crop as Source;

use crate::{records::Moment, words::*};

/// `crop`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Crop<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    /// How good the picture is, 0..1. Several may belong to one event: take the highest.
    confidence: Fraction,
    crop_timestamp_ms: CropTimestampMs,
    event_timestamp_ms: EventTimestampMs,
    image: Picture<'a>,
    instance_id: InstanceId,
    /// Where the object was when the picture was taken: an upright box in parts of the frame,
    /// 0..1, origin top-left.
    location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    ref_event_id: Option<RefEventId>,
    ref_tracking_id: TrackingId,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl<'a> Crop<'a> {
    pub(crate) fn new(moment: Moment<'a>, crop: &'a Source) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            confidence: Fraction::new(crop.confidence),
            crop_timestamp_ms: CropTimestampMs(crop.taken_at),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            image: Picture(&crop.jpeg),
            instance_id: InstanceId(moment.context.instance_id),
            location: crop.rect.into(),
            ref_event_id: crop.event_id.map(RefEventId),
            ref_tracking_id: TrackingId(crop.track_id),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
        }
    }
}
