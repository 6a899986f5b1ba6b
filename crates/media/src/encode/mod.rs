//! One encode that any number of outputs share.

mod choice;
mod pipeline;
mod settings;
pub(crate) mod wrap;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use parking_lot::{Condvar, Mutex};
use watchpost_model::{Image, PixelFormat, Size, StreamTime};

pub use settings::{Codec, EncodePace, EncoderSettings, Preset};
pub(crate) use wrap::{buffer as raw_buffer, caps as raw_caps};

use crate::{
    EncodedStream, MediaError, MediaErrorKind as Kind,
    stream::{EncodedBy, Keep},
};

/// Raw frames that may wait for the encoder: enough for drawing and encoding to overlap.
const MAX_WAITING: u64 = 3;

/// How long [`Encoder::finish`] waits for the last frames.
const FINISH_TIMEOUT: Duration = Duration::from_secs(60);

/// From one key frame to the next that is asked for, at least, in stream time: many outputs that come at
/// once must not make a storm of them, and a quarter of a second is what a viewer waits for gladly.
const KEY_PAUSE: StreamTime = StreamTime::from_nanos(250_000_000);

/// Whether a pushed frame was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It will be encoded.
    Taken,
    /// The encoder is behind ([`EncodePace::Live`]): it was left out and counted.
    Skipped,
}

/// Factories of H.264 encoders of this machine, best first, and how many of them (the first ones) are hardware.
pub(crate) fn on_this_machine() -> (Vec<&'static str>, usize) {
    let there = choice::candidates(true, |factory| gst::ElementFactory::find(factory).is_some());
    let hardware = there.iter().filter(|kind| kind.is_hardware()).count();
    (there.into_iter().map(choice::Kind::factory).collect(), hardware)
}

/// An encoder at work. Outputs subscribe to its [`EncodedStream`]. Cheap to share in an `Arc`; dropping the last one stops it, and what its
/// consumers have not got by then is lost: call [`Encoder::finish`] first.
pub struct Encoder {
    settings: EncoderSettings,
    pipeline: gst::Pipeline,
    appsrc: gst_app::AppSrc,
    stream: EncodedStream,
    progress: Arc<Progress>,
    /// Held while a frame is pushed, so that frames of two threads keep their order. Before
    /// `progress`.
    input: Mutex<Input>,
    skipped: AtomicU64,
}

/// What the last pushed frame was.
struct Input {
    format: Option<(PixelFormat, Size)>,
    caps: Option<gst::Caps>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    last_pts: Option<StreamTime>,
    /// When the next key frame is due, and the earliest at which one may be asked for.
    next_key: StreamTime,
    key_allowed: StreamTime,
    /// Somebody asked, and it was too early.
    key_wanted: bool,
}

/// What GStreamer's threads say.
#[derive(Default)]
struct Progress {
    state: Mutex<State>,
    changed: Condvar,
    encoded: AtomicU64,
}

/// Where an encoder has got to.
#[derive(Clone, Debug, Default)]
enum State {
    /// Takes frames.
    #[default]
    Running,
    /// Its last frame has gone to all consumers.
    Ended,
    /// The pipeline failed; no frame is taken any more.
    Failed(MediaError),
}

impl Encoder {
    /// Starts an encoder.
    ///
    /// # Errors
    /// Settings out of range; neither x264 nor openh264 installed.
    pub fn start(settings: EncoderSettings) -> Result<Self, MediaError> {
        crate::init()?;
        settings.check()?;
        let stream = EncodedStream::new(
            settings.codec,
            Some(settings.size),
            settings.pace,
            EncodedBy::Us,
            Keep::Nothing,
        );
        let progress = Arc::new(Progress::default());
        let pipeline::Built { pipeline, appsrc } =
            pipeline::build(&settings, MAX_WAITING, stream.clone(), Arc::clone(&progress))?;
        let input = Input {
            format: None,
            caps: None,
            segment: gst::FormattedSegment::new(),
            last_pts: None,
            next_key: StreamTime::ZERO,
            key_allowed: StreamTime::ZERO,
            key_wanted: false,
        };
        let encoder = Self {
            settings,
            pipeline,
            appsrc,
            stream,
            progress,
            input: Mutex::new(input),
            skipped: AtomicU64::new(0),
        };
        match encoder.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(encoder),
            Err(error) => {
                let failed = MediaError::new(Kind::Internal, "the encoder does not start", error);
                Err(encoder.error().unwrap_or(failed))
            }
        }
    }

    /// Its settings.
    pub const fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// Encodes a picture, without copying it. `pts` must grow from call to call; a frame that does
    /// not is left out and counted. With [`EncodePace::Fast`] waits for room.
    ///
    /// # Errors
    /// The encoder failed or was finished.
    pub fn push(&self, image: &Image, pts: StreamTime) -> Result<Pushed, MediaError> {
        let mut input = self.input.lock();
        self.check_running()?;
        let behind =
            self.settings.pace == EncodePace::Live && self.appsrc.current_level_buffers() >= MAX_WAITING;
        if behind || input.last_pts.is_some_and(|last| pts <= last) {
            self.skipped.fetch_add(1, Ordering::Relaxed);
            return Ok(Pushed::Skipped);
        }
        if input.format != Some((image.format, image.size)) {
            input.caps = wrap::caps(image.format, image.size, self.settings.fps);
            input.format = Some((image.format, image.size));
        }
        let mut buffer = wrap::buffer(image)?;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts.as_nanos()));
            buffer.set_duration(gst::ClockTime::from_nseconds(self.settings.fps.frame_duration().as_nanos()));
        }
        input.key_wanted |= self.stream.take_key_request();
        if pts >= input.next_key || input.key_wanted && pts >= input.key_allowed {
            // By time and not by count: frames of cameras do not come evenly.
            input.next_key = pts + StreamTime::from_nanos(u64::from(self.settings.keyframe_ms) * 1_000_000);
            input.key_allowed = pts + KEY_PAUSE;
            input.key_wanted = false;
            // The first frame is one anyhow.
            if input.last_pts.is_some() {
                self.force_key(pts);
            }
        }
        input.last_pts = Some(pts);
        let mut sample = gst::Sample::builder().buffer(&buffer).segment(&input.segment);
        if let Some(caps) = &input.caps {
            sample = sample.caps(caps);
        }
        let sample = sample.build();
        drop(buffer);
        let pushed = self.appsrc.push_sample(&sample);
        self.check_running()?;
        pushed.map(|_| Pushed::Taken).map_err(|error| {
            MediaError::new(Kind::Internal, "the encoder takes no more frames", format!("{error:?}"))
        })
    }

    /// What comes out of it, for outputs to subscribe to.
    pub const fn stream(&self) -> &EncodedStream {
        &self.stream
    }

    fn force_key(&self, pts: StreamTime) {
        let event = gst_video::DownstreamForceKeyUnitEvent::builder()
            .running_time(gst::ClockTime::from_nseconds(pts.as_nanos()))
            .all_headers(true)
            .build();
        // Refused only while the pipeline goes down, when key frames no longer matter.
        if !self.appsrc.send_event(event) {
            tracing::debug!("a key frame was asked for too late");
        }
    }

    /// Encodes what waits, hands it to all consumers and ends their streams; then finish them.
    ///
    /// # Errors
    /// The encoder failed, or a consumer held it up for 60 s.
    pub fn finish(&self) -> Result<(), MediaError> {
        if self.appsrc.end_of_stream().is_err() {
            tracing::debug!("the encoder's input was closed before its end");
        }
        let deadline = Instant::now() + FINISH_TIMEOUT;
        let mut state = self.progress.state.lock();
        loop {
            match &*state {
                State::Ended => return Ok(()),
                State::Failed(error) => return Err(error.clone()),
                State::Running => {}
            }
            if self.progress.changed.wait_until(&mut state, deadline).timed_out() {
                let message = "the encoder did not finish within 60 s: an output holds it up";
                return Err(MediaError::new(Kind::Timeout, message, ""));
            }
        }
    }

    /// Why it failed, if it did.
    pub fn error(&self) -> Option<MediaError> {
        match &*self.progress.state.lock() {
            State::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Frames encoded so far.
    pub fn encoded(&self) -> u64 {
        self.progress.encoded.load(Ordering::Relaxed)
    }

    /// Frames left out so far.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    fn check_running(&self) -> Result<(), MediaError> {
        match &*self.progress.state.lock() {
            State::Running => Ok(()),
            State::Failed(error) => Err(error.clone()),
            State::Ended => Err(MediaError::new(Kind::Internal, "the encoder has been finished", "")),
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // Its thread may wait for a consumer; that would hold up the state change.
        if matches!(&*self.progress.state.lock(), State::Running) {
            self.stream.release();
        }
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!("an encoder's pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        // Consumers must end: a file is then complete up to here.
        self.stream.end();
    }
}
