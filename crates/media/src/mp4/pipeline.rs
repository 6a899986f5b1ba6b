//! The file's pipeline: appsrc, parser, fragmenting muxer, file.

use std::{path::Path, sync::Arc};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::Shared;
use crate::{MediaError, MediaErrorKind as Kind, decode::make};

/// A piece of the file, in ms: what a crash may cost, with room to spare below one second.
const CHUNK_MS: u64 = 500;

/// Builds it, in state NULL; `shared` counts what passes.
pub(super) fn build(
    path: &Path,
    appsrc: &gst_app::AppSrc,
    keyframe_ms: u32,
    shared: &Arc<Shared>,
) -> Result<gst::Pipeline, MediaError> {
    let parse = make("h264parse")?;
    let mux = make("isofmp4mux")?;
    let sink = make("filesink")?;
    mux.set_property("fragment-duration", u64::from(keyframe_ms) * 1_000_000);
    mux.set_property("chunk-duration", CHUNK_MS * 1_000_000);
    // A file that begins late in a stream still begins at zero.
    mux.set_property("offset-to-zero", true);
    // Key frames are the encoder's business; others share them.
    mux.set_property("send-force-keyunit", false);
    // A file that ends properly also says how long it is and where its key frames are.
    mux.set_property("write-mehd", true);
    mux.set_property("write-mfra", true);
    mux.set_property_from_str("header-update-mode", "rewrite");
    sink.set_property("location", path);
    // Each piece goes to the kernel whole and at once: what it has, kill -9 does not take.
    sink.set_property_from_str("buffer-mode", "unbuffered");
    sink.set_property("sync", false);
    sink.set_property("async", false);
    let chain = [appsrc.upcast_ref(), &parse, &mux, &sink];
    let pipeline = gst::Pipeline::new();
    let failed = |error| MediaError::new(Kind::Internal, "the MP4 pipeline cannot be built", error);
    pipeline.add_many(chain).map_err(failed)?;
    gst::Element::link_many(chain).map_err(failed)?;
    if let Some(pad) = parse.static_pad("src") {
        let shared = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                let mut state = shared.state.lock();
                state.frames += 1;
                if let Some(pts) = buffer.pts().map(gst::ClockTime::nseconds) {
                    let end = pts + buffer.duration().map_or(0, gst::ClockTime::nseconds);
                    let first = state.extent.map_or(pts, |(first, _)| first);
                    state.extent = Some((first, end));
                }
            }
            gst::PadProbeReturn::Ok
        });
    }
    Ok(pipeline)
}
