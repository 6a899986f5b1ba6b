//! RTMP: video that is sent to a server; and pipelines of the user's own, wherever they lead. Outside the
//! delivery promise: what passes while the connection is down is left out, and counted.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_config::Problem;
use watchpost_media::{Codec, EncodePace, EncodedStream, Outbound, PipelineUse, check_pipeline};
use watchpost_schema::streams::StreamName;

use crate::{
    format::{DataKind, Format, Plan, Request, Selection, VideoOutput},
    live::{Cadence, Level, refuse_conversion, refuse_fast, retried},
    picture::{Moment, Picture, PictureError, PictureSink, VideoSink, Written},
    pictures, selection,
    settings::{self, problem},
    video::VideoSettings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "rtmp",
    title: "RTMP or own pipeline",
    summary: "Live video to an RTMP server, or through a GStreamer pipeline of your own to anywhere",
    schemes: &["rtmp", "rtmps", "gstreamer"],
    accepts: &[DataKind::Pictures],
    viewers: true,
    example: r#"{"uri": "rtmp://127.0.0.1/live/key", "sink": "output-image", "config": {"codec": {"bitrate_kbps": 2500}}}"#,
    settings: settings::schema_of_both::<VideoSettings, Settings>,
    plan,
};

/// Keys of `config` beside those of all video formats.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// How much GStreamer says about this export in the log: `"0"` (nothing) to `"9"`.
    #[garde(skip)]
    debug: Level,
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let handler = request.handler;
    let read = settings::read_both::<VideoSettings, Settings>(handler, &mut problems);
    let selection = selection::select(handler, &FORMAT, &mut problems);
    let (Some((video, settings)), Some(selection)) = (read, selection) else { return Err(problems) };
    let video = video.check(handler, &mut problems);
    let debug = settings.debug.check(request, &mut problems);
    let Some(video) = video else { return Err(problems) };
    let uri = handler.uri.clone();
    if let Some(text) = uri.strip_prefix("gstreamer:///") {
        refuse_conversion(&video, request, &mut problems);
        if selection == Selection::Stream(StreamName::Source) {
            let message = "a pipeline of your own gets raw frames, which the stream `source` has none of";
            problems.push(problem(handler, "/sink", message, "expected output-image"));
        }
        if let Err(error) = check_pipeline(text, PipelineUse::Export) {
            problems.push(problem(handler, "/uri", error.message, ""));
        }
        if text.contains("rtmpsink") || text.contains("rtmp2sink") {
            refuse_fast(request, "RTMP", &mut problems);
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (text, fps, name) = (text.to_owned(), video.fps, handler.name.clone());
        let pace = if request.instance.lossless { EncodePace::Fast } else { EncodePace::Live };
        return Ok(pictures::plan(&FORMAT, request, selection, move || {
            let start = Start { text: text.clone(), pace, debug, place: format!("the pipeline of `{name}`") };
            Box::new(PipelineSink { start, outbound: None, cadence: Cadence::new(fps) })
        }));
    }
    refuse_fast(request, "RTMP", &mut problems);
    if !is_complete(&uri) {
        let fix = "expected rtmp://host/app/key, or rtmps://";
        problems.push(problem(handler, "/uri", "names no server, application and key", fix));
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let make =
        move || Box::new(StreamSink { location: uri.clone(), debug, outbound: None }) as Box<dyn VideoSink>;
    // FLV carries H.264 only; what newer servers take beside it has no muxer in GStreamer 1.22.
    let output = VideoOutput { video, carries: &[Codec::H264], make: Box::new(make), gone: None };
    Ok(pictures::video_plan(&FORMAT, request, selection, output))
}

/// Whether it has a host, an application and a key.
fn is_complete(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let mut parts = rest.splitn(3, '/');
    let good =
        |part: Option<&str>| part.is_some_and(|part| !part.is_empty() && !part.contains(char::is_whitespace));
    good(parts.next()) && good(parts.next()) && good(parts.next())
}

/// Sends a shared encoded stream.
struct StreamSink {
    location: String,
    debug: u8,
    outbound: Option<Outbound>,
}

impl VideoSink for StreamSink {
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError> {
        // Another size or codec in the middle of a publication is understood by no server: a new connection.
        self.outbound = None;
        self.outbound = Some(Outbound::start_rtmp(&self.location, video, self.debug).map_err(retried)?);
        Ok(())
    }

    fn look(&mut self, _moment: &Moment) -> Result<(), PictureError> {
        self.outbound.as_ref().map_or(Ok(()), Outbound::check).map_err(retried)
    }

    fn is_up(&self) -> bool {
        self.outbound.as_ref().is_some_and(Outbound::is_running)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.outbound.map_or(Ok(()), Outbound::finish).map_err(retried)?;
        Ok(Vec::new())
    }
}

/// What a pipeline is started with.
struct Start {
    text: String,
    pace: EncodePace,
    debug: u8,
    place: String,
}

/// Gives raw frames to a pipeline of the user's own.
struct PipelineSink {
    start: Start,
    outbound: Option<Outbound>,
    cadence: Cadence,
}

impl PictureSink for PipelineSink {
    fn push(&mut self, picture: &Picture) -> Result<u64, PictureError> {
        let outbound = match &mut self.outbound {
            Some(outbound) => outbound,
            none => {
                let Start { text, pace, debug, place } = &self.start;
                none.insert(Outbound::start_pipeline(text, *pace, *debug, place).map_err(retried)?)
            }
        };
        match self.cadence.takes(picture) {
            Some(rate) => outbound.push(&picture.shown, picture.frame.time, rate).map_err(retried)?,
            None => {
                outbound.check().map_err(retried)?;
                return Ok(0);
            }
        }
        Ok(1)
    }

    fn is_up(&self) -> bool {
        // At pace `fast` nothing is left out, so nothing may be counted as such.
        self.start.pace == EncodePace::Fast || self.outbound.as_ref().is_some_and(Outbound::is_running)
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.outbound.map_or(Ok(()), Outbound::finish).map_err(retried)?;
        Ok(Vec::new())
    }
}
