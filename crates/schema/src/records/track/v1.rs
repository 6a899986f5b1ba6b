//! Version 1 of `track`: REFERENCE "Records".

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::TrackRecord;

use crate::{records::Moment, words::*};

/// `track`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Track {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    age_ms: AgeMs,
    /// Confidence of the last match, 0..1.
    detection_confidence: Fraction,
    event_timestamp_ms: EventTimestampMs,
    /// Identities of the events the track has caused so far. Empty only in debug mode.
    events: Vec<EventId>,
    instance_id: InstanceId,
    /// Whether it has moved by more than its own jitter within the last second.
    is_moving: bool,
    location: Location,
    object_class: Class,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
    /// Identity of the track.
    tracking_id: TrackingId,
}

impl Track {
    pub(crate) fn new(moment: Moment<'_>, track: &TrackRecord) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            age_ms: AgeMs(track.age),
            detection_confidence: Fraction::new(track.confidence),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            events: track.events.iter().copied().map(EventId).collect(),
            instance_id: InstanceId(moment.context.instance_id),
            is_moving: track.is_moving,
            location: track.rect.into(),
            object_class: Class(track.class),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
            tracking_id: TrackingId(track.track_id),
        }
    }
}
