//! Version 1 of `statistics`: every value is text (REFERENCE "Records").
//!
//! Beside the keys of the reference system it has the times of every record: without one, a file
//! or a path named by the record's time would have none.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Statistics as Source;

use crate::{records::Moment, words::*};

/// `statistics`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Statistics<'a> {
    #[serde(rename = "$id")]
    id: SchemaName,
    #[serde(rename = "$version")]
    version: VersionIs<1>,
    /// Analysed frames per second over the last interval, as text.
    current_framerate: AsText<Number>,
    /// Frames skipped since the start because analysis could not keep up, as text.
    dropped_frames_count: AsText<u64>,
    event_timestamp_ms: EventTimestampMs,
    /// Pixel format by its GStreamer name, for example `NV12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    /// Frames analysed since the start, as text.
    frames_processed: AsText<u64>,
    /// Frames that wait for analysis, as text.
    input_queue_size: AsText<u64>,
    instance_id: InstanceId,
    /// From a frame's arrival to the end of its analysis, in milliseconds, mean over the last
    /// interval, as text.
    latency: AsText<Number>,
    /// Size of analysed frames in pixels, for example `1280x720`.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<SizeText>,
    /// The source's own frames per second, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_framerate: Option<AsText<Number>>,
    /// Size of the source's frames in pixels, for example `1920x1080`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_resolution: Option<SizeText>,
    start_time: StartTime,
    system_datetime: SystemDatetime,
    system_timestamp: SystemTimestamp,
}

impl<'a> Statistics<'a> {
    pub(crate) fn new(moment: Moment<'a>, statistics: &'a Source) -> Self {
        Self {
            id: SchemaName(moment.schema),
            version: VersionIs,
            current_framerate: AsText(Number(statistics.framerate)),
            dropped_frames_count: AsText(statistics.frames_dropped),
            event_timestamp_ms: EventTimestampMs(moment.at.time),
            format: statistics.format.as_deref(),
            frames_processed: AsText(statistics.frames_processed),
            input_queue_size: AsText(statistics.input_queue_size),
            instance_id: InstanceId(moment.context.instance_id),
            latency: AsText(Number(statistics.latency_ms)),
            resolution: statistics.resolution.map(SizeText),
            source_framerate: statistics.source_framerate.map(|rate| AsText(Number(rate))),
            source_resolution: statistics.source_resolution.map(SizeText),
            start_time: StartTime(statistics.started_at),
            system_datetime: SystemDatetime(moment.at.timestamp),
            system_timestamp: SystemTimestamp(moment.at.timestamp),
        }
    }
}
