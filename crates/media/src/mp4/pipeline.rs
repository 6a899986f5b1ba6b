//! The file's pipeline: the stream's head, a fragmenting muxer, the file.

use std::{path::Path, sync::Arc};

use gst::prelude::*;
use gstreamer as gst;

use super::Shared;
use crate::{MediaError, MediaErrorKind as Kind, decode::make};

/// A piece of the file, in ms: what a crash may cost, with room to spare below one second.
const CHUNK_MS: u64 = 500;

/// Builds it, in state NULL; `shared` counts what passes.
pub(super) fn build(
    path: &Path,
    head: &[gst::Element],
    shared: &Arc<Shared>,
) -> Result<gst::Pipeline, MediaError> {
    let mux = make("isofmp4mux")?;
    let sink = make("filesink")?;
    // Split by us: left to itself the muxer loses its last frames, and panics, where frames are
    // missing for longer than a piece (a live encoder that skips, a camera that stalls).
    mux.set_property("manual-split", true);
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
    let chain: Vec<&gst::Element> = head.iter().chain([&mux, &sink]).collect();
    let pipeline = gst::Pipeline::new();
    let failed = |error| MediaError::new(Kind::Internal, "the MP4 pipeline cannot be built", error);
    pipeline.add_many(&chain).map_err(failed)?;
    gst::Element::link_many(&chain).map_err(failed)?;
    if let Some(pad) = head.last().and_then(|last| last.static_pad("src")) {
        let shared = Arc::clone(shared);
        pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
            if let Some(buffer) = info.buffer()
                && let Some(split) = shared.count(pad, buffer)
            {
                let structure =
                    gst::Structure::builder("FMP4MuxSplitNow").field("chunk", split == Split::Chunk);
                // Refused only while the pipeline goes down.
                pad.push_event(gst::event::CustomDownstream::new(structure.build()));
            }
            gst::PadProbeReturn::Ok
        });
    }
    Ok(pipeline)
}

/// What begins with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    /// A fragment: the frame is a key frame.
    Fragment,
    /// Only a piece of one: enough time has passed.
    Chunk,
}

impl Shared {
    /// Counts a frame and says what begins with it, if anything does.
    fn count(&self, pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<Split> {
        // In running time: streams that loop begin a new segment with each turn.
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let segment = segment.as_ref().and_then(|event| event.segment().downcast_ref::<gst::ClockTime>());
        let running = segment.zip(buffer.pts()).and_then(|(segment, pts)| segment.to_running_time(pts));
        let mut state = self.state.lock();
        state.frames += 1;
        state.bytes += buffer.size() as u64;
        let pts = running.map(gst::ClockTime::nseconds)?;
        let end = pts + buffer.duration().map_or(0, gst::ClockTime::nseconds);
        let Some((first, _)) = state.extent else {
            state.extent = Some((pts, end));
            state.split_at = pts;
            return None;
        };
        // Decoding order is not display order where a camera sends B-frames.
        let end = state.extent.map_or(end, |(_, known)| known.max(end));
        state.extent = Some((first, end));
        let split = if !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT) {
            Split::Fragment
        } else if pts >= state.split_at + CHUNK_MS * 1_000_000 {
            Split::Chunk
        } else {
            return None;
        };
        state.split_at = pts;
        Some(split)
    }
}
