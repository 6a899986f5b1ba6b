//! HLS (RFC 8216): video in pieces of CMAF (ISO/IEC 23000-19) that players fetch over HTTP.
//!
//! A live stream keeps its last pieces in memory, where whoever serves HTTP finds them ([`find`]). A file that
//! passes as fast as it can is written to a folder instead, with a playlist that ends.
//!
//! ```text
//! EncodedStream ─▶ appsrc ─▶ parser ─▶ where pieces and parts begin (cut.rs) ─▶ cmafmux ─▶ appsink (cut.rs)
//!                                                                                    ─▶ pieces.rs ─▶ playlist.rs
//! ```

mod cut;
mod pieces;
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
pub use shelf::{Awaited, Come, HlsStream, find, forget};

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
    /// Offer parts of pieces, for players that know them. Nothing comes of it in a folder.
    pub low_latency: bool,
    /// Write everything there, instead of keeping the last of it in memory.
    pub folder: Option<PathBuf>,
}

impl HlsOptions {
    /// The longest piece, in whole seconds: what the playlist promises (RFC 8216 section 4.3.3.1), and of which
    /// players stay three behind. A camera's own video has key frames when it likes: twice as long.
    fn target_s(&self, stream: &EncodedStream) -> u32 {
        self.segment_ms.div_ceil(1000).max(1) * if stream.gives_keys() { 1 } else { 2 }
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
        let output = HlsStream::open(options, options.target_s(stream))?;
        cut::cut(chain.last(), options, stream, &output);
        chain.extend([mux, sink.clone().upcast()]);
        let pipeline = gst::Pipeline::new();
        let failed = |error| MediaError::new(Kind::Internal, "the HLS pipeline cannot be built", error);
        pipeline.add_many(&chain).map_err(failed)?;
        gst::Element::link_many(&chain).map_err(failed)?;
        let shared = Arc::new(Shared { phase: Mutex::new(Phase::Running), changed: Condvar::new() });
        cut::collect(&sink, &output, &shared);
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
