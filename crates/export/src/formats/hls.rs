//! HLS: video in pieces for browsers and players, over HTTP. Outside the delivery promise: a live playlist holds the
//! last pieces. A file at pace `fast` is written whole, with a playlist that ends.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_media::{
    Codec, EncodedStream,
    hls::{HlsOptions, HlsWriter, forget},
};
use watchpost_model::StreamTime;

use crate::{
    files::key_of,
    format::{DataKind, Format, Plan, Request, VideoOutput},
    picture::{Moment, PictureError, VideoSink, Written},
    pictures, selection,
    settings::{self, problem},
    video::VideoSettings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "hls",
    title: "HLS",
    summary: "Live video for browsers, at /hls/<InstanceId>.m3u8; a file at pace `fast` as a finished playlist",
    schemes: &["hls"],
    accepts: &[DataKind::Pictures],
    viewers: true,
    example: r#"{"uri": "hls://", "sink": "output-image", "config": {"window": 6}}"#,
    settings: settings::schema_of_both::<VideoSettings, Settings>,
    plan,
};

/// Keys of `config` beside those of all video formats.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Seconds of a piece, 0.5 to 10; each ends with the key frame that comes next. Viewers are some pieces behind.
    #[garde(range(min = 0.5, max = 10.0))]
    segment_s: f64,
    /// Pieces in a live playlist, 3 to 60. As many again are kept for players that are behind.
    #[garde(range(min = 3, max = 60))]
    window: u32,
    /// Offer parts of 0.2 s, of which players that know them (hls.js, Safari) are about a second behind; others play
    /// whole pieces. Nothing comes of it for a file at pace `fast`.
    #[garde(skip)]
    low_latency: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { segment_s: 1.0, window: 6, low_latency: false }
    }
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let handler = request.handler;
    let read = settings::read_both::<VideoSettings, Settings>(handler, &mut problems);
    let selection = selection::select(handler, &FORMAT, &mut problems);
    let (Some((video, settings)), Some(selection)) = (read, selection) else { return Err(problems) };
    let video = video.check(handler, &mut problems);
    if !handler.uri["hls://".len()..].is_empty() {
        let message = "has something behind hls://: where it is found follows from the instance";
        problems.push(problem(handler, "/uri", message, "expected hls:// alone"));
    }
    let (Some(video), true) = (video, problems.is_empty()) else { return Err(problems) };
    let (instance, name) = (request.instance.id.to_string(), handler.name.clone());
    let folder = request
        .instance
        .lossless
        .then(|| request.paths.exports.join("hls").join(&instance).join(folder_name(&name)));
    let segment_ms = (settings.segment_s * 1000.0).round() as u32;
    let Settings { window, low_latency, .. } = settings;
    let options = HlsOptions { instance, name, segment_ms, window, low_latency, folder };
    let gone = {
        let (instance, name) = (options.instance.clone(), options.name.clone());
        Box::new(move || forget(&instance, &name)) as Box<dyn Fn() + Send + Sync>
    };
    let make = move || {
        let sink =
            HlsSink { options: options.clone(), writing: None, last: StreamTime::ZERO, done: Vec::new() };
        Box::new(sink) as Box<dyn VideoSink>
    };
    let output =
        VideoOutput { video, carries: &[Codec::H264, Codec::H265], make: Box::new(make), gone: Some(gone) };
    Ok(pictures::video_plan(&FORMAT, request, selection, output))
}

struct HlsSink {
    options: HlsOptions,
    writing: Option<(EncodedStream, HlsWriter)>,
    /// The last frame that was looked at.
    last: StreamTime,
    done: Vec<Written>,
}

impl VideoSink for HlsSink {
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError> {
        self.complete()?;
        self.writing = Some((video.clone(), HlsWriter::start(&self.options, video)?));
        Ok(())
    }

    fn look(&mut self, moment: &Moment) -> Result<(), PictureError> {
        self.last = moment.time;
        let Some((stream, writer)) = &self.writing else { return Ok(()) };
        writer.taken_at(moment.time.since(stream.origin()), moment.timestamp.0);
        writer.error().or_else(|| stream.error()).map_or(Ok(()), |error| Err(error.into()))
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.complete()?;
        Ok(self.done)
    }
}

impl HlsSink {
    fn complete(&mut self) -> Result<(), PictureError> {
        let Some((stream, writer)) = self.writing.take() else { return Ok(()) };
        if let Some((path, count, bytes)) = writer.finish(self.last.since(stream.origin()))? {
            self.done.push(Written { path, count, bytes });
        }
        Ok(())
    }
}

/// An export's name as that of a folder: whatever else it holds, it is one, stays where it belongs, and is no
/// other export's.
fn folder_name(name: &str) -> String {
    let kept = |c: char| if c.is_alphanumeric() || "-_ .".contains(c) { c } else { '-' };
    let clean: String = name.chars().take(60).map(kept).collect();
    let clean = clean.trim_matches(['.', ' ']);
    if clean == name && !name.is_empty() {
        return clean.to_owned();
    }
    // Two names may come to the same when they are cleaned.
    format!("{}-{:016x}", if clean.is_empty() { "stream" } else { clean }, key_of(&[name.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_two_exports_never_collide() {
        assert_eq!(folder_name("HLS 2"), "HLS 2");
        let names = ["a/b", "a:b", "a-b", "..", "", ".a-b", &"x".repeat(61), &"x".repeat(62)];
        let folders: Vec<_> = names.map(folder_name).to_vec();
        for (n, folder) in folders.iter().enumerate() {
            assert!(!folder.contains('/') && !folder.starts_with('.') && !folder.is_empty(), "{folder}");
            assert!(!folders[n + 1..].contains(folder), "{folder}");
        }
    }
}
