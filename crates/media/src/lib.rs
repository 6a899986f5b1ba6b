//! Everything GStreamer: decode, render, encode once, mux, stills. No other room links against it.
//!
//! The way of a picture through this room:
//! ```text
//! Decoder ──Image──▶ (analytics) ──▶ Renderer ──Image──▶ Encoder ──▶ EncodedStream ─┬─▶ Mp4Writer
//!    └───(before it is decoded)────────────────────────────────────▶ EncodedStream    └─▶ ... (one encode)
//! ```
//! [`Image`](watchpost_model::Image)s share the decoder's memory: nothing is copied before the
//! renderer draws, and nothing after it before the encoder reads.
//!
//! Rules of the room:
//! - Threads are GStreamer's own; every call here blocks at most as long as its documentation says.
//! - Every pipeline is torn down (state NULL) when its handle is dropped; nothing is left behind.
//! - Whatever a pipeline posts on its bus becomes a [`MediaError`]; a bad pipeline or file never
//!   brings the process down.
//! - Queues are bounded by frames and by bytes; what is dropped is counted.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bus;
mod clips;
mod convert;
mod debug;
mod decode;
mod encode;
mod equipment;
mod error;
pub mod hls;
mod live_clock;
mod mp4;
mod outbound;
mod packages;
mod pipeline_text;
mod rate;
mod raw;
mod render;
mod rtsp;
mod still;
mod stream;
pub mod testclip;

pub use clips::ClipRecorder;
pub use convert::{RawConverter, RawFormat, RawPicture};
pub use decode::{
    DecodeOptions, DecodedFrame, Decoder, Feed, FeedError, FeedKind, Location, Next, Outlet, VideoInfo,
    check_location,
};
pub use encode::{Codec, EncodePace, Encoder, EncoderSettings, Preset, Pushed};
pub use equipment::{Equipment, Need};
pub use error::{MediaError, MediaErrorKind};
pub use mp4::{Mp4Summary, Mp4Writer, Overwrite};
pub use outbound::Outbound;
pub use packages::debian_package;
pub use pipeline_text::{PipelineUse, check_pipeline};
pub use rate::Rate;
pub use raw::Thinner;
pub use render::{Color, Flash, Overlay, OverlayArea, OverlayBox, OverlayLine, Renderer};
pub use rtsp::{Login, RtspFeed, RtspMount, RtspOptions, TlsFiles};
pub use still::{jpeg, png};
pub use stream::EncodedStream;

use std::sync::OnceLock;

/// Starts GStreamer and registers the muxers that are linked into this program. Cheap to repeat.
///
/// # Errors
/// GStreamer's own libraries are missing or older than 1.22.
pub fn init() -> Result<(), MediaError> {
    static DONE: OnceLock<Result<(), MediaError>> = OnceLock::new();
    DONE.get_or_init(|| {
        let started = gstreamer::init().and_then(|()| {
            gstfmp4::plugin_register_static()
                .map_err(|error| gstreamer::glib::Error::new(gstreamer::CoreError::Failed, &error.to_string()))
        });
        started.map_err(|error| {
            MediaError::new(
                MediaErrorKind::Internal,
                "GStreamer does not start: install the Debian packages libgstreamer1.0-0 and gstreamer1.0-plugins-base",
                error.to_string(),
            )
        })
    })
    .clone()
}
