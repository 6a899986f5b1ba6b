//! Ways in: files, cameras and pipelines of users become frames with times.

mod build;
mod capture_time;
mod container;
mod feed;
mod hvcc;
mod info;
mod picture;
mod queue;
mod sink;
mod tap;
mod timeline;

use std::{path::PathBuf, sync::Arc, time::Duration};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use watchpost_model::{Image, StreamTime, Timestamp};

pub use build::check_location;
pub(crate) use build::make;
pub use feed::{Feed, FeedError, FeedKind, Outlet};
pub use info::VideoInfo;
pub(crate) use picture::plane_extent;
use queue::{End, Popped, WhenFull};
use sink::Sink;

use tap::Tap;

use crate::{EncodePace, EncodedStream, MediaError, MediaErrorKind as Kind, error::without_passwords};

/// Where a video comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Location {
    /// `rtsp://`, `rtsps://`, `http://`, `https://`, `file://`: anything `uridecodebin` takes.
    /// RTSP goes over TCP; `rtspu://` asks for UDP.
    Uri(String),
    /// A file.
    File(PathBuf),
    /// A pipeline of the user's own that ends in `appsink name=cvdsink`; a leading
    /// `gstreamer:///` is taken off.
    Pipeline(String),
    /// What somebody hands in.
    Pushed(Outlet),
}

/// How to open a video.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Where it is.
    pub location: Location,
    /// A file plays at its own speed, skipping frames that are not taken in time; otherwise as fast
    /// as frames are taken, skipping none. Live sources always play in real time.
    pub realtime: bool,
    /// How long RTSP waits for late packets, in ms.
    pub latency_ms: u32,
    /// Hardware decoders are not used, even where GStreamer offers them. Pipelines of users say it themselves.
    pub software: bool,
    /// How long [`Decoder::open`] waits for the first frame.
    pub open_timeout: Duration,
}

impl DecodeOptions {
    /// Jitter of usual networks, in ms. Packets in order are not held back by it.
    const LATENCY_MS: u32 = 200;
    /// A camera may send its first key frame 10 s after it was asked; a disk may have to spin up.
    const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

    /// As fast as frames are taken, with the usual limits.
    pub const fn new(location: Location) -> Self {
        Self {
            location,
            realtime: false,
            latency_ms: Self::LATENCY_MS,
            software: false,
            open_timeout: Self::OPEN_TIMEOUT,
        }
    }

    /// The same at the video's own speed.
    #[must_use]
    pub const fn realtime(mut self) -> Self {
        self.realtime = true;
        self
    }
}

/// One decoded frame.
#[derive(Clone, Debug)]
pub struct DecodedFrame {
    /// The picture, in the decoder's own memory.
    pub image: Image,
    /// From the first frame on, zero; never runs backwards and goes on over loops.
    pub pts: StreamTime,
    /// When the camera took it, by the sender reports of RTSP; `None` where the source does not say.
    pub captured: Option<Timestamp>,
}

/// What [`Decoder::next`] found.
#[derive(Clone, Debug)]
pub enum Next {
    /// A frame.
    Frame(DecodedFrame),
    /// None within the timeout; there may be more.
    TimedOut,
    /// The file has ended where it should.
    Ended,
    /// The file broke off: damaged or cut short. All frames before that were given.
    EndedEarly(String),
}

/// An open video. Dropping it stops its threads and closes its files and sockets.
///
/// GStreamer's threads decode and fill a queue of at most 4 frames; [`Decoder::next`] empties it.
pub struct Decoder {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    shared: Arc<Sink>,
    tap: Arc<Tap>,
    /// As in messages: a path, or an address without its password.
    place: String,
    /// Where it is a file.
    file: Option<PathBuf>,
    /// Where it is handed in.
    outlet: Option<Outlet>,
    info: VideoInfo,
}

impl Decoder {
    /// Opens a video and waits for its first frame. One that is handed in is waited for until something is, or its
    /// [`Outlet`] is closed; `open_timeout` begins then.
    ///
    /// # Errors
    /// No such file, no permission, not a video, a missing decoder (with its Debian package), a
    /// camera that cannot be reached, a pipeline that does not parse, nothing within
    /// `open_timeout`. Nothing is left running then.
    pub fn open(options: &DecodeOptions) -> Result<Self, MediaError> {
        crate::init()?;
        let outlet = match &options.location {
            Location::Pushed(outlet) => Some(outlet.clone()),
            _ => None,
        };
        if outlet.as_ref().is_some_and(|outlet| !outlet.wait_first()) {
            return Err(MediaError::new(Kind::Disconnected, "pushed video is not taken any more", ""));
        }
        let build::Built { pipeline, sink, shared, tap, place, file, live } = build::build(options)?;
        let info = VideoInfo::unknown(live);
        // A decoder from here on, so that an early return tears the pipeline down.
        let mut decoder = Self { pipeline, sink, shared, tap, place, file, outlet, info };
        let queue = &decoder.shared.queue;
        if decoder.pipeline.set_state(gst::State::Playing).is_err() {
            // If the bus knows better why, it was told before and its word stands.
            let message = format!("{}: GStreamer does not start the pipeline", decoder.place);
            queue.end(End::Failed(MediaError::new(Kind::Internal, message, "")));
        }
        if !queue.wait_first(options.open_timeout) {
            return Err(match queue.pop(Duration::ZERO) {
                // A parser that finds nothing in a file says so in words of its own.
                Popped::End(End::Failed(error)) if decoder.file.is_some() && error.kind == Kind::Internal => {
                    MediaError { kind: Kind::NotVideo, message: format!("not a video: {error}"), ..error }
                }
                Popped::End(End::Failed(error)) => error,
                Popped::End(End::Stream) => {
                    let message = format!("not a video: {} (no frame in it)", decoder.place);
                    MediaError::new(Kind::NotVideo, message, "")
                }
                _ => timed_out(&decoder.place, options.open_timeout),
            });
        }
        decoder.info = info::gather(&decoder);
        // Whoever hands frames in waits for room, and decides what to leave out.
        let skips = decoder.outlet.is_none() && (decoder.info.live || options.realtime);
        decoder.tap.set_pace(if skips { EncodePace::Live } else { EncodePace::Fast });
        queue.set_when_full(if skips { WhenFull::SkipOldest } else { WhenFull::Wait });
        Ok(decoder)
    }

    /// What was found out about the video.
    pub const fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// The video as it is before it is decoded, for outputs that pass it on; `None` where it is not H.264 or
    /// H.265 ([`Self::encoded_codec`] says what it is). Another one follows when size or codec change.
    ///
    /// Everything is kept from the beginning until [`EncodedStream::keep_last`] or
    /// [`EncodedStream::keep_nothing`] is called.
    pub fn encoded(&self) -> Option<EncodedStream> {
        self.tap.stream()
    }

    /// What the video is encoded as, where that cannot be passed on.
    pub fn encoded_codec(&self) -> Option<String> {
        self.tap.other()
    }

    /// The next frame, waiting at most `timeout` for it.
    ///
    /// # Errors
    /// The source failed; a live source that ends is an error of kind `Disconnected`. After an
    /// error or an end the same answer is given again.
    pub fn next(&mut self, timeout: Duration) -> Result<Next, MediaError> {
        match self.shared.queue.pop(timeout) {
            Popped::Frame(frame) => Ok(Next::Frame(frame)),
            Popped::Nothing => Ok(Next::TimedOut),
            Popped::End(End::Stream) if self.info.live => Err(MediaError::new(
                Kind::Disconnected,
                format!("{}: the source ended the stream", self.place),
                "",
            )),
            Popped::End(End::Stream) => Ok(self.ended()),
            Popped::End(End::Failed(error)) if self.info.live || error.kind == Kind::Network => Err(error),
            Popped::End(End::Failed(error)) => {
                tracing::warn!(place = %self.place, detail = %error.detail, "video broke off");
                Ok(Next::EndedEarly(error.message))
            }
        }
    }

    /// Plays a file again from its beginning; the clock of the frames goes on without a gap.
    /// Frames that wait are dropped: call it after [`Next::Ended`] to lose none.
    ///
    /// # Errors
    /// The source cannot be rewound ([`VideoInfo::seekable`] is false), or the rewinding fails.
    pub fn rewind(&mut self) -> Result<(), MediaError> {
        if !self.info.seekable {
            return Err(MediaError::new(
                Kind::BadSetting,
                format!("{} cannot be rewound: only files can loop", self.place),
                "",
            ));
        }
        // Closing frees the decoder's thread if it waits for room: the flush needs it.
        self.shared.queue.close();
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::KEY_UNIT;
        // The queue must be open before the first frame of the new loop arrives, and closed until
        // the last of the old one is gone: the sink opens it when the flush passes.
        self.shared.expect_flush();
        self.pipeline.seek_simple(flags, gst::ClockTime::ZERO).map_err(|error| {
            let error = MediaError::new(Kind::Storage, format!("{} cannot be rewound", self.place), error);
            self.shared.rewind_failed(error.clone());
            error
        })
    }

    /// Frames skipped so far because they were not taken in time (live and `realtime` only).
    pub fn skipped(&self) -> u64 {
        self.shared.queue.skipped()
    }

    /// Frames decoded that wait to be taken.
    pub fn waiting(&self) -> usize {
        self.shared.queue.len()
    }

    /// An end is early if the container promised clearly more.
    fn ended(&self) -> Next {
        /// Durations in headers are rounded, and sound may outlast the picture.
        const SLACK: StreamTime = StreamTime::from_nanos(2_000_000_000);
        let end = self.shared.end_in_loop();
        match self.info.duration {
            Some(promised) if promised > end + SLACK => Next::EndedEarly(format!(
                "{} breaks off after {:.1} s of {:.1} s: the file is cut short or damaged",
                self.place,
                end.as_secs(),
                promised.as_secs()
            )),
            _ => match self.file.as_deref().and_then(container::missing_bytes) {
                Some(missing) => Next::EndedEarly(format!(
                    "{} breaks off after {:.1} s: {missing} bytes are missing at its end",
                    self.place,
                    end.as_secs()
                )),
                None => Next::Ended,
            },
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        // First, or a decoder's thread that waits for room would never let go.
        self.shared.queue.close();
        if let Some(outlet) = &self.outlet {
            outlet.detach();
        }
        self.tap.release();
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(place = %self.place, "a decoder's pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        self.tap.end();
        // Breaks the ring sink → callbacks → shared that would keep the pipeline's memory.
        self.sink.set_callbacks(gst_app::AppSinkCallbacks::builder().build());
    }
}

fn timed_out(place: &str, timeout: Duration) -> MediaError {
    let message = format!(
        "{}: no picture within {:.0} s; check that the source sends video",
        without_passwords(place),
        timeout.as_secs_f64()
    );
    MediaError::new(Kind::Timeout, message, "")
}
