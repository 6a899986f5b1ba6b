//! Pipelines that carry video away: to an RTMP server, or wherever a pipeline of the user's own leads.
//!
//! Such a pipeline talks to the network, and some elements block while they do: `rtmpsink` in every change of
//! state (it resolves, connects and shakes hands there), others when they close. So each has a thread of its own
//! that starts and ends it; whoever gives it frames never waits for that, and an end that takes too long is left
//! behind and seen to by nobody else.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::{Condvar, Mutex};
use watchpost_model::{Image, StreamTime};

use crate::{
    EncodePace, EncodedStream, MediaError, MediaErrorKind as Kind, PipelineUse, Pushed, Rate, bus,
    debug::Debugged,
    decode::make,
    live_clock::stamp_live,
    pipeline_text,
    raw::RawFeed,
    stream::{StartAt, Subscription},
};

/// How long a pipeline may take to send what it has when it is told to end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(4);
/// How long a server may take to accept: names that do not resolve and hosts that do not answer take as long as
/// they like otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Frames waiting to be sent for longer than this: the connection is dead, whatever it says.
const STALL_TIMEOUT: Duration = Duration::from_secs(15);

/// A pipeline at work. Dropping it tears it down, without waiting for it.
pub struct Outbound {
    shared: Arc<Shared>,
    input: Mutex<Input>,
    /// Dropped, it tells the pipeline's thread to end it.
    end: Option<mpsc::Sender<()>>,
    place: String,
    _debugged: Option<Debugged>,
}

enum Input {
    Encoded { _subscription: Subscription, appsrc: gst_app::AppSrc },
    Raw(RawFeed),
}

struct Shared {
    phase: Mutex<Phase>,
    changed: Condvar,
    dropped: AtomicU64,
    /// Buffers that have come to the last element before the network; stream headers are not counted.
    sent: AtomicU64,
    /// When one left last.
    progress: Mutex<Instant>,
}

/// Where a pipeline has got to.
#[derive(Clone, Debug)]
enum Phase {
    /// Connects; nothing has gone out yet.
    Starting,
    /// Frames go out.
    Running,
    /// All has gone out.
    Ended,
    /// It broke off.
    Failed(MediaError),
}

impl Outbound {
    /// Starts a pipeline of the user's own (`appsrc name=cvedia-rt`), to be fed by [`Outbound::push`]. `place`
    /// is the export's address, for people, without secrets.
    ///
    /// # Errors
    /// The text does not parse, an element is not installed, or `appsrc name=cvedia-rt` is not in it.
    pub fn start_pipeline(text: &str, pace: EncodePace, debug: u8, place: &str) -> Result<Self, MediaError> {
        crate::init()?;
        let pipeline = pipeline_text::parse(text, PipelineUse::Export)?;
        let appsrc = pipeline.by_name("cvedia-rt").and_then(|e| e.downcast::<gst_app::AppSrc>().ok());
        let Some(appsrc) = appsrc else {
            return Err(MediaError::new(
                Kind::BadPipeline,
                "the pipeline has no `appsrc name=cvedia-rt`",
                "",
            ));
        };
        if pace == EncodePace::Live {
            stamp_live(&appsrc);
        }
        let input = Input::Raw(RawFeed::new(appsrc, pace));
        Self::start(pipeline, input, debug, place)
    }

    /// Sends `stream` to an RTMP server, as FLV. `location` is `rtmp(s)://host[:port]/app/key`; its key is in
    /// no message.
    ///
    /// # Errors
    /// An element is not installed. That the server is not there comes later, by [`Outbound::error`].
    pub fn start_rtmp(location: &str, stream: &EncodedStream, debug: u8) -> Result<Self, MediaError> {
        crate::init()?;
        let (appsrc, mut chain) = stream.head()?;
        appsrc.set_is_live(true);
        stamp_live(&appsrc);
        let (mux, sink) = (make("flvmux")?, make("rtmp2sink")?);
        mux.set_property("streamable", true);
        // Its own idle time is 40 ms more than a frame: nothing else is to be waited for here.
        mux.set_property("latency", 0u64);
        sink.set_property("location", location);
        sink.set_property("sync", false);
        sink.set_property("async", false);
        chain.extend([mux, sink]);
        let pipeline = gst::Pipeline::new();
        let failed = |error| MediaError::new(Kind::Internal, "the RTMP pipeline cannot be built", error);
        pipeline.add_many(&chain).map_err(failed)?;
        gst::Element::link_many(&chain).map_err(failed)?;
        let subscription = stream.feed(&appsrc, StartAt::NextKey);
        let input = Input::Encoded { _subscription: subscription, appsrc };
        Self::start(pipeline, input, debug, &crate::error::without_passwords(location))
    }

    fn start(pipeline: gst::Pipeline, input: Input, debug: u8, place: &str) -> Result<Self, MediaError> {
        let shared = Arc::new(Shared {
            phase: Mutex::new(Phase::Starting),
            changed: Condvar::new(),
            dropped: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            progress: Mutex::new(Instant::now()),
        });
        let appsrc = match &input {
            Input::Encoded { appsrc, .. } => appsrc.clone(),
            Input::Raw(feed) => feed.appsrc().clone(),
        };
        count_sent(&pipeline, &shared);
        if let Some(bus) = pipeline.bus() {
            let (shared, place, appsrc) = (Arc::clone(&shared), place.to_owned(), appsrc.downgrade());
            bus.set_sync_handler(move |_, message| {
                match message.view() {
                    gst::MessageView::Eos(_) => shared.enter(Phase::Ended),
                    gst::MessageView::Error(error) => {
                        shared.enter(Phase::Failed(bus::error_from(error, &place)))
                    }
                    _ => return gst::BusSyncReply::Drop,
                }
                if let Some(appsrc) = appsrc.upgrade() {
                    RawFeed::release(&appsrc);
                }
                gst::BusSyncReply::Drop
            });
        }
        let debugged = Debugged::new(pipeline.upcast_ref(), debug, place);
        let end = turn(pipeline, Arc::clone(&shared), place.to_owned())?;
        Ok(Self {
            shared,
            input: Mutex::new(input),
            end: Some(end),
            place: place.to_owned(),
            _debugged: debugged,
        })
    }

    /// Gives a frame to a pipeline of the user's own. Live, a frame that finds it behind is left out and
    /// counted; at pace `fast` this waits for room.
    ///
    /// # Errors
    /// The pipeline has failed or ended.
    pub fn push(&self, image: &Image, pts: StreamTime, fps: Rate) -> Result<(), MediaError> {
        self.check()?;
        if let Input::Raw(feed) = &mut *self.input.lock() {
            match feed.push(image, pts, fps) {
                Ok(Pushed::Taken) => {}
                Ok(Pushed::Skipped) => {
                    self.shared.dropped.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => return Err(self.error().unwrap_or(error)),
            }
        }
        Ok(())
    }

    /// Whether it goes on.
    ///
    /// # Errors
    /// The pipeline has failed, has ended by itself, or the other side has taken nothing for too long.
    pub fn check(&self) -> Result<(), MediaError> {
        let phase = self.shared.phase.lock().clone();
        let silent = self.shared.progress.lock().elapsed();
        let (kind, message) = match phase {
            Phase::Failed(error) => return Err(error),
            Phase::Ended => (Kind::Disconnected, format!("{}: the pipeline has ended by itself", self.place)),
            Phase::Starting if silent > CONNECT_TIMEOUT => (
                Kind::Timeout,
                format!("{}: not connected within {} s", self.place, CONNECT_TIMEOUT.as_secs()),
            ),
            Phase::Running if silent > STALL_TIMEOUT && self.waits() => (
                Kind::Timeout,
                format!("{}: the other side has taken nothing for {} s", self.place, STALL_TIMEOUT.as_secs()),
            ),
            Phase::Starting | Phase::Running => return Ok(()),
        };
        Err(MediaError::new(kind, message, ""))
    }

    fn waits(&self) -> bool {
        match &*self.input.lock() {
            Input::Encoded { appsrc, .. } => appsrc.current_level_buffers() > 0,
            Input::Raw(feed) => feed.appsrc().current_level_buffers() > 0,
        }
    }

    /// Whether frames have begun to go out: the server has taken the stream.
    pub fn is_running(&self) -> bool {
        matches!(&*self.shared.phase.lock(), Phase::Running)
    }

    /// Frames that found the pipeline behind.
    pub fn dropped(&self) -> u64 {
        let behind = match &*self.input.lock() {
            Input::Encoded { _subscription, .. } => _subscription.dropped(),
            Input::Raw(_) => 0,
        };
        self.shared.dropped.load(Ordering::Relaxed) + behind
    }

    fn error(&self) -> Option<MediaError> {
        match &*self.shared.phase.lock() {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Sends what it has and ends; waits at most 4 s for that.
    ///
    /// # Errors
    /// It had failed, or did not end in time.
    pub fn finish(self) -> Result<(), MediaError> {
        let appsrc = match &*self.input.lock() {
            Input::Encoded { appsrc, .. } => appsrc.clone(),
            Input::Raw(feed) => feed.appsrc().clone(),
        };
        if appsrc.end_of_stream().is_err() {
            tracing::debug!(place = self.place, "its input was closed before its end");
        }
        let is_stream = matches!(&*self.input.lock(), Input::Encoded { .. });
        let deadline = Instant::now() + FINISH_TIMEOUT;
        let mut phase = self.shared.phase.lock();
        loop {
            match &*phase {
                Phase::Ended => return Ok(()),
                Phase::Failed(error) => return Err(error.clone()),
                // Nobody has taken anything yet: there is nothing to wait for.
                Phase::Starting if is_stream || self.shared.sent.load(Ordering::Relaxed) == 0 => {
                    return Ok(());
                }
                Phase::Starting | Phase::Running => {}
            }
            if self.shared.changed.wait_until(&mut phase, deadline).timed_out() {
                let message =
                    format!("{}: the rest was not taken within {} s", self.place, FINISH_TIMEOUT.as_secs());
                return Err(MediaError::new(Kind::Timeout, message, ""));
            }
        }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        let appsrc = match &*self.input.lock() {
            Input::Encoded { appsrc, .. } => appsrc.clone(),
            Input::Raw(feed) => feed.appsrc().clone(),
        };
        RawFeed::release(&appsrc);
        drop(self.end.take());
    }
}

impl Shared {
    /// The first end or failure stands.
    fn enter(&self, new: Phase) {
        let mut phase = self.phase.lock();
        if matches!(&*phase, Phase::Starting | Phase::Running) {
            *phase = new;
        }
        self.changed.notify_all();
    }
}

/// Starts and ends `pipeline` on a thread of its own, which ends when the sender is dropped.
fn turn(pipeline: gst::Pipeline, shared: Arc<Shared>, place: String) -> Result<mpsc::Sender<()>, MediaError> {
    let (end, ended) = mpsc::channel::<()>();
    let turned = move || {
        if let Err(error) = pipeline.set_state(gst::State::Playing) {
            let message = format!("{place}: the pipeline does not start");
            shared.enter(Phase::Failed(MediaError::new(Kind::Network, message, error)));
        }
        // Nothing is ever sent: this is the other end's being dropped.
        let _dropped = ended.recv();
        if pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(place, "a pipeline did not stop cleanly");
        }
        if let Some(bus) = pipeline.bus() {
            bus.unset_sync_handler();
        }
    };
    let spawned = thread::Builder::new().name("outbound".to_owned()).spawn(turned);
    spawned
        .map(|_| end)
        .map_err(|error| MediaError::new(Kind::Internal, "the system gives the pipeline no thread", error))
}

/// Notes what reaches the pipeline's sinks. `rtmp2sink` and `rtmpsink` put stream headers aside and hold the first
/// frame until the server has taken the stream: when a second one comes, it has.
fn count_sent(pipeline: &gst::Pipeline, shared: &Arc<Shared>) {
    for sink in pipeline.iterate_sinks().into_iter().flatten() {
        for pad in sink.sink_pads() {
            let shared = Arc::clone(shared);
            let count = move |_: &gst::Pad, info: &mut gst::PadProbeInfo<'_>| {
                *shared.progress.lock() = Instant::now();
                let is_header = info.buffer().is_some_and(|b| b.flags().contains(gst::BufferFlags::HEADER));
                if !is_header && shared.sent.fetch_add(1, Ordering::Relaxed) == 1 {
                    shared.enter(Phase::Running);
                }
                gst::PadProbeReturn::Ok
            };
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, count);
        }
    }
}
