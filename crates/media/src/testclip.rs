//! Small clips for tests, made on the spot from `videotestsrc`.

use std::path::Path;

use gst::prelude::*;
use gstreamer as gst;

use crate::{MediaError, MediaErrorKind as Kind, bus};

/// How a test clip is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClipFormat {
    /// H.264 in MP4.
    Mp4,
    /// Motion JPEG in AVI.
    MjpegAvi,
    /// H.264 in Matroska.
    Mkv,
}

/// Writes a clip of a moving ball: `frames` frames of `width` × `height` at `fps`.
///
/// # Errors
/// An encoder or muxer is not installed, or the file cannot be written.
pub fn make_clip(
    path: &Path,
    format: ClipFormat,
    (width, height): (u32, u32),
    fps: u32,
    frames: u32,
) -> Result<(), MediaError> {
    crate::init()?;
    let coding = match format {
        ClipFormat::Mp4 => "x264enc speed-preset=ultrafast key-int-max=25 ! h264parse ! mp4mux",
        ClipFormat::MjpegAvi => "jpegenc ! avimux",
        ClipFormat::Mkv => "x264enc speed-preset=ultrafast key-int-max=25 ! h264parse ! matroskamux",
    };
    let text = format!(
        "videotestsrc pattern=ball num-buffers={frames} \
         ! video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 \
         ! {coding} ! filesink name=out"
    );
    let place = path.display().to_string();
    let element = gst::parse::launch(&text)
        .map_err(|error| MediaError::new(Kind::MissingElement, format!("no test clip: {error}"), &text))?;
    if let Some(out) = element.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("out")) {
        out.set_property("location", path);
    }
    let played = element.set_state(gst::State::Playing);
    let ended = element.bus().and_then(|bus| {
        bus.timed_pop_filtered(
            gst::ClockTime::from_seconds(60),
            &[gst::MessageType::Eos, gst::MessageType::Error],
        )
    });
    let stopped = element.set_state(gst::State::Null);
    match ended.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) if played.is_ok() && stopped.is_ok() => Ok(()),
        Some(gst::MessageView::Error(error)) => Err(bus::error_from(error, &place)),
        _ => Err(MediaError::new(Kind::Timeout, format!("{place}: no test clip within 60 s"), "")),
    }
}
