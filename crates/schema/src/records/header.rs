//! What version 2 records begin with.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Event;

use super::{Moment, subject_of};
use crate::{
    convert::{Rule, value},
    words::*,
};

/// The first keys of every version 2 record (PRODUCT section 7).
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Header<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<2>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_id: Option<RecordId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_id: Option<LogId>,
    /// Place of the record in its log. Consecutive records of a log have consecutive numbers, so
    /// a receiver of all ids can tell what it lacks. Absent where `record_id` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    instance_id: InstanceId,
    /// Name of the instance, as shown to people.
    instance_name: &'a str,
    /// Number of the frame, from 0; frames that were skipped are counted too.
    frame_id: u64,
    frame_time: FrameTime,
    /// Width of the frame in pixels. Absent where there is no picture (detections alone).
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_width: Option<u32>,
    /// Height of the frame in pixels. Absent where there is no picture (detections alone).
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_height: Option<u32>,
    system_timestamp: SystemTimestamp,
    timestamp: TimestampText,
}

impl<'a> Header<'a> {
    pub(crate) fn new(moment: Moment<'a>) -> Self {
        let Moment { schema, at, context, stamp } = moment;
        Self {
            id: SchemaName(schema),
            version: VersionIs,
            record_id: stamp.map(|stamp| RecordId(stamp.record_id)),
            log_id: stamp.map(|stamp| LogId(stamp.log_id)),
            sequence: stamp.map(|stamp| stamp.sequence),
            instance_id: InstanceId(context.instance_id),
            instance_name: context.instance_name,
            frame_id: at.frame_id,
            frame_time: FrameTime(at.time),
            frame_width: at.size.map(|size| size.width),
            frame_height: at.size.map(|size| size.height),
            system_timestamp: SystemTimestamp(at.timestamp),
            timestamp: TimestampText(at.timestamp),
        }
    }
}

/// What every version 2 event of one object has after the header.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Happening {
    event_id: EventId,
    object_class: Class,
    confidence: Fraction,
    tracking_id: TrackingId,
    location: Location,
}

impl Happening {
    pub(crate) fn new(event: &Event) -> Self {
        let subject = subject_of(event);
        Self {
            event_id: EventId(event.id),
            object_class: Class(subject.class),
            confidence: Fraction::new(subject.confidence),
            tracking_id: TrackingId(subject.track_id),
            location: subject.rect.into(),
        }
    }
}

/// The area it happened in.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct AreaRef<'a> {
    id: AreaId,
    /// Name of the area at that moment.
    name: &'a str,
}

impl<'a> From<&'a watchpost_model::ZoneRef> for AreaRef<'a> {
    fn from(area: &'a watchpost_model::ZoneRef) -> Self {
        Self { id: AreaId(area.id), name: &area.name }
    }
}

/// The line that was crossed.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct LineRef<'a> {
    id: LineId,
    /// Name of the line at that moment.
    name: &'a str,
}

impl<'a> From<&'a watchpost_model::ZoneRef> for LineRef<'a> {
    fn from(line: &'a watchpost_model::ZoneRef) -> Self {
        Self { id: LineId(line.id), name: &line.name }
    }
}

/// How the first keys of version 2 and the common keys of version 1 correspond.
///
/// What version 1 does not carry, a conversion to version 2 cannot know: `record_id`, `log_id`,
/// `sequence`, `instance_name`, `frame_id` and the frame's size stay out, and so do an event's
/// `confidence` and an end's `ref_event_id`.
pub(crate) const HEADER: &[Rule] = &[
    Rule::Same("$id"),
    Rule::Version,
    Rule::OnlyV2("record_id"),
    Rule::OnlyV2("log_id"),
    Rule::OnlyV2("sequence"),
    Rule::Same("instance_id"),
    Rule::OnlyV2("instance_name"),
    Rule::OnlyV2("frame_id"),
    Rule::Mapped {
        v1: "event_timestamp_ms",
        v2: "frame_time",
        down: value::float_to_whole,
        up: value::whole_to_float,
    },
    Rule::OnlyV2("frame_width"),
    Rule::OnlyV2("frame_height"),
    Rule::WallClock,
];

/// How an event of one object corresponds.
pub(crate) const HAPPENING: &[Rule] = &[
    Rule::Same("event_id"),
    Rule::Same("object_class"),
    Rule::OnlyV2("confidence"),
    Rule::Renamed { v1: "ref_tracking_id", v2: "tracking_id" },
    Rule::Same("location"),
];

/// How the end of an event corresponds.
pub(crate) const ENDING: &[Rule] =
    &[Rule::OnlyV2("ref_event_id"), Rule::Renamed { v1: "event_duration_ms", v2: "duration_ms" }];
