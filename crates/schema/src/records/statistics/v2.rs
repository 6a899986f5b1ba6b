//! Version 2 of `statistics`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Statistics as Source;

use crate::{
    records::{Moment, header::Header},
    words::*,
};

/// `statistics`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Statistics<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    started_at: StartedAt,
    /// Frames analysed since the start.
    frames_processed: u64,
    /// Frames skipped since the start because analysis could not keep up.
    frames_dropped: u64,
    /// Analysed frames per second over the last interval.
    framerate: Number,
    /// The source's own frames per second.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_framerate: Option<Number>,
    /// From a frame's arrival to the end of its analysis, in milliseconds, mean over the last
    /// interval.
    latency_ms: Number,
    /// Frames that wait for analysis.
    input_queue_size: u64,
    /// Pixel format by its GStreamer name, for example `NV12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'a str>,
    /// Size of analysed frames in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolution: Option<Pixels>,
    /// Size of the source's frames in pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_resolution: Option<Pixels>,
}

impl<'a> Statistics<'a> {
    pub(crate) fn new(moment: Moment<'a>, statistics: &'a Source) -> Self {
        Self {
            header: Header::new(moment),
            started_at: StartedAt(statistics.started_at),
            frames_processed: statistics.frames_processed,
            frames_dropped: statistics.frames_dropped,
            framerate: Number(statistics.framerate),
            source_framerate: statistics.source_framerate.map(Number),
            latency_ms: Number(statistics.latency_ms),
            input_queue_size: statistics.input_queue_size,
            format: statistics.format.as_deref(),
            resolution: statistics.resolution.map(Pixels::from),
            source_resolution: statistics.source_resolution.map(Pixels::from),
        }
    }
}
