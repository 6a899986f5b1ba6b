//! HLS (RFC 8216): video in pieces of CMAF (ISO/IEC 23000-19) that players fetch over HTTP.
//!
//! A live stream keeps its last pieces in memory, where whoever serves HTTP finds them ([`find`]). A file that
//! passes as fast as it can is written to a folder instead, with a playlist that ends.

mod playlist;
mod shelf;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::{Condvar, Mutex};
use watchpost_model::StreamTime;

use crate::{
    EncodePace, EncodedStream, MediaError, MediaErrorKind as Kind, bus,
    decode::make,
    stream::{StartAt, Subscription},
};
use shelf::Place;
pub use shelf::{HlsStream, find, forget};

/// How long the last piece may take to come out at the end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(8);

/// What a stream is cut into.
#[derive(Clone, Debug, PartialEq)]
pub struct HlsOptions {
    /// Whose: the instance's id and the export's name, by which it is found.
    pub instance: String,
    /// The export's name.
    pub name: String,
    /// A piece begins with the first key frame after this long, in ms.
    pub segment_ms: u32,
    /// Pieces in a live playlist.
    pub window: u32,
    /// Write everything there, instead of keeping the last of it in memory.
    pub folder: Option<PathBuf>,
}

impl HlsOptions {
    /// The longest piece, in whole seconds: what the playlist promises (RFC 8216 section 4.3.3.1). A camera's own
    /// video has key frames when it likes; what comes later than this is cut anyway.
    pub(crate) fn target_s(&self) -> u32 {
        self.segment_ms.div_ceil(1000).max(1) * 2
    }
}

/// A stream being cut. Dropping it without [`HlsWriter::finish`] leaves out what was not a whole piece.
pub struct HlsWriter {
    pipeline: gst::Pipeline,
    subscription: Subscription,
    shared: Arc<Shared>,
    output: Arc<HlsStream>,
}

struct Shared {
    phase: Mutex<Phase>,
    changed: Condvar,
}

#[derive(Clone, Debug)]
enum Phase {
    Running,
    Ended,
    Failed(MediaError),
}

impl HlsWriter {
    /// Begins to cut `stream`. A stream that was known by that name goes on in its playlist.
    ///
    /// # Errors
    /// The folder cannot be written, or an element is not installed.
    pub fn start(options: &HlsOptions, stream: &EncodedStream) -> Result<Self, MediaError> {
        crate::init()?;
        let (appsrc, mut chain) = stream.head()?;
        let mux = make("cmafmux")?;
        // Split by us: see `mp4`.
        mux.set_property("manual-split", true);
        mux.set_property("send-force-keyunit", false);
        let sink = gst_app::AppSink::builder().sync(false).async_(false).buffer_list(true).build();
        let output = HlsStream::open(options)?;
        cut(chain.last(), options, stream, &output);
        chain.extend([mux, sink.clone().upcast()]);
        let pipeline = gst::Pipeline::new();
        let failed = |error| MediaError::new(Kind::Internal, "the HLS pipeline cannot be built", error);
        pipeline.add_many(&chain).map_err(failed)?;
        gst::Element::link_many(&chain).map_err(failed)?;
        let shared = Arc::new(Shared { phase: Mutex::new(Phase::Running), changed: Condvar::new() });
        collect(&sink, &output, &shared);
        if let Some(bus) = pipeline.bus() {
            let (shared, place, appsrc) = (Arc::clone(&shared), options.name.clone(), appsrc.downgrade());
            bus.set_sync_handler(move |_, message| {
                if let gst::MessageView::Error(error) = message.view() {
                    shared.enter(Phase::Failed(bus::error_from(error, &format!("the HLS export `{place}`"))));
                    if let Some(appsrc) = appsrc.upgrade() {
                        crate::raw::RawFeed::release(&appsrc);
                    }
                }
                gst::BusSyncReply::Drop
            });
        }
        let start = if stream.pace() == EncodePace::Fast { StartAt::Kept } else { StartAt::NextKey };
        let subscription = stream.feed(&appsrc, start);
        let writer = Self { pipeline, subscription, shared, output };
        match writer.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(writer),
            Err(error) => {
                let failed = MediaError::new(Kind::Internal, "the HLS pipeline does not start", error);
                Err(writer.error().unwrap_or(failed))
            }
        }
    }

    /// A frame of this stream time (counted from the stream's origin) was taken at this wall clock, in Unix ms.
    pub fn taken_at(&self, time: StreamTime, unix_ms: i64) {
        self.output.taken_at(time.as_nanos(), unix_ms);
    }

    /// Why it broke off, if it did.
    pub fn error(&self) -> Option<MediaError> {
        match &*self.shared.phase.lock() {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Completes the last piece, and the playlist. Gives the playlist's path, the number of pieces and their bytes
    /// where they were written to a folder. `until` is the last frame's time, which the encoder may still hold.
    ///
    /// # Errors
    /// Writing failed, now or before.
    pub fn finish(self, until: StreamTime) -> Result<Option<(PathBuf, u64, u64)>, MediaError> {
        self.subscription.finish_after(until.as_nanos());
        let deadline = Instant::now() + FINISH_TIMEOUT;
        {
            let mut phase = self.shared.phase.lock();
            while let Phase::Running = &*phase {
                if self.shared.changed.wait_until(&mut phase, deadline).timed_out() {
                    break;
                }
            }
            if let Phase::Failed(error) = &*phase {
                return Err(error.clone());
            }
        }
        self.output.complete()
    }
}

impl Drop for HlsWriter {
    fn drop(&mut self) {
        self.subscription.leave();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("an HLS pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        self.output.left();
    }
}

impl Shared {
    fn enter(&self, new: Phase) {
        let mut phase = self.phase.lock();
        if matches!(&*phase, Phase::Running) {
            *phase = new;
        }
        self.changed.notify_all();
    }
}

/// Tells the muxer where pieces begin, and asks for the key frames that they should begin with.
fn cut(before: Option<&gst::Element>, options: &HlsOptions, stream: &EncodedStream, output: &Arc<HlsStream>) {
    let Some(pad) = before.and_then(|element| element.static_pad("src")) else { return };
    let segment_ns = u64::from(options.segment_ms) * 1_000_000;
    let longest_ns = u64::from(options.target_s()) * 1_000_000_000;
    let (stream, output) = (stream.clone(), Arc::clone(output));
    let began = Mutex::new(None::<u64>);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let segment = segment.as_ref().and_then(|event| event.segment().downcast_ref::<gst::ClockTime>());
        let running = segment.zip(buffer.pts()).and_then(|(segment, pts)| segment.to_running_time(pts));
        let Some(time) = running.map(gst::ClockTime::nseconds) else { return gst::PadProbeReturn::Ok };
        let frame_ns = buffer.duration().map_or(40_000_000, gst::ClockTime::nseconds);
        let mut began = began.lock();
        let Some(start) = *began else {
            *began = Some(time);
            output.begins(time);
            return gst::PadProbeReturn::Ok;
        };
        let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
        let length = time.saturating_sub(start);
        if is_key && length + frame_ns / 2 >= segment_ns || length + frame_ns > longest_ns {
            *began = Some(time);
            output.begins(time);
            let split = gst::Structure::builder("FMP4MuxSplitNow").field("chunk", false).build();
            // Refused only while the pipeline goes down.
            pad.push_event(gst::event::CustomDownstream::new(split));
        } else if length + 2 * frame_ns >= segment_ns {
            stream.request_key();
        }
        output.reaches(time + frame_ns);
        gst::PadProbeReturn::Ok
    });
}

/// Takes whole pieces out of the muxer.
fn collect(sink: &gst_app::AppSink, output: &Arc<HlsStream>, shared: &Arc<Shared>) {
    let (output, taken) = (Arc::clone(output), Arc::clone(shared));
    let ended = Arc::clone(shared);
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let (mut header, mut media) = (Vec::new(), Vec::new());
                let mut add = |buffer: &gst::BufferRef| {
                    let is_header =
                        buffer.flags().contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER);
                    let part = if is_header { &mut header } else { &mut media };
                    buffer.map_readable().map(|bytes| part.extend_from_slice(&bytes))
                };
                let read = match (sample.buffer_list(), sample.buffer()) {
                    (Some(list), _) => list.iter().try_for_each(&mut add),
                    (None, Some(buffer)) => add(buffer),
                    (None, None) => Ok(()),
                };
                let stored = read
                    .map_err(|error| {
                        MediaError::new(Kind::Internal, "a piece of video cannot be read", error)
                    })
                    .and_then(|()| output.take(Place::Header, header))
                    .and_then(|()| output.take(Place::Media, media));
                stored.map(|()| gst::FlowSuccess::Ok).map_err(|error| {
                    taken.enter(Phase::Failed(error));
                    gst::FlowError::Error
                })
            })
            .eos(move |_| ended.enter(Phase::Ended))
            .build(),
    );
}
