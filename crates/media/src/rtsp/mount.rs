//! One mount: what its media is made of, and how frames get in.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gst::glib;
use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_rtsp_server::{RTSPMedia, gst_rtsp, prelude::*};
use gstreamer_video as gst_video;
use parking_lot::Mutex;
use watchpost_model::{Image, StreamTime};

use super::{RtspFeed, RtspOptions};
use crate::{
    Codec, EncodePace, EncodedStream, MediaError, MediaErrorKind as Kind, PipelineUse, Pushed, Rate, bus,
    debug::Debugged,
    decode::make,
    live_clock::stamp_live,
    pipeline_text,
    raw::RawFeed,
    stream::{StartAt, Subscription},
};

/// Encoded frames that may wait for the network: two seconds at 30 frames.
const MAX_FRAMES: u64 = 60;
/// Key frames for viewers who come are made no more often than this: a viewer should see something within a
/// second, and many who come at once should not make all others pay. Whoever comes in between waits for the
/// pause to end, not for the next key frame of the schedule.
const KEY_PAUSE: Duration = Duration::from_millis(300);

pub(super) struct Mount {
    path: String,
    /// For people.
    place: String,
    is_secure: bool,
    debug: u8,
    feed: Mutex<RtspFeed>,
    /// The media that lives; there is one at most but while one takes over from another.
    watched: Mutex<Vec<Watched>>,
    error: Mutex<Option<MediaError>>,
    dropped: AtomicU64,
    keys: Mutex<Keys>,
}

/// Key frames that were asked for.
#[derive(Default)]
struct Keys {
    last: Option<Instant>,
    /// Somebody has come too soon after it.
    is_due: bool,
}

/// A media and how frames get into it.
struct Watched {
    media: glib::WeakRef<RTSPMedia>,
    input: Input,
    _debugged: Option<Debugged>,
}

enum Input {
    Encoded { subscription: Subscription },
    Raw { feed: RawFeed, pay: Option<gst::Element> },
}

impl Mount {
    pub(super) fn new(options: &RtspOptions, feed: RtspFeed) -> Result<Self, MediaError> {
        if let RtspFeed::Pipeline(text) = &feed {
            pipeline_text::check_pipeline(text, PipelineUse::Rtsp)?;
        }
        let scheme = if options.tls.is_some() { "rtsps" } else { "rtsp" };
        Ok(Self {
            path: options.path.clone(),
            place: format!("{scheme}://{}{}", options.address, options.path),
            is_secure: options.tls.is_some(),
            debug: options.debug,
            feed: Mutex::new(feed),
            watched: Mutex::default(),
            error: Mutex::default(),
            dropped: AtomicU64::new(0),
            keys: Mutex::default(),
        })
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// UDP would carry in the clear what TLS is to keep.
    pub(super) fn protocols(&self) -> gst_rtsp::RTSPLowerTrans {
        use gst_rtsp::RTSPLowerTrans as Trans;
        if self.is_secure { Trans::TCP } else { Trans::TCP | Trans::UDP }
    }

    pub(super) fn is_watched(&self) -> bool {
        !self.watched.lock().is_empty()
    }

    pub(super) fn take_error(&self) -> Option<MediaError> {
        self.error.lock().take()
    }

    pub(super) fn dropped(&self) -> u64 {
        let watched = self.watched.lock();
        let behind = watched.iter().map(|watched| match &watched.input {
            Input::Encoded { subscription } => subscription.dropped(),
            Input::Raw { .. } => 0,
        });
        self.dropped.load(Ordering::Relaxed) + behind.sum::<u64>()
    }

    /// The bin of a media, for a viewer who has come.
    pub(super) fn make_element(&self) -> Option<gst::Element> {
        let made = match &*self.feed.lock() {
            RtspFeed::Encoded(stream) => payloaded(stream),
            RtspFeed::Pipeline(text) => pipeline_text::parse_bin(text, PipelineUse::Rtsp),
        };
        made.map_err(|error| self.fails(error)).ok()
    }

    /// A media has been made of our bin and is about to run.
    pub(super) fn begins(self: &Arc<Self>, media: &RTSPMedia) {
        let Ok(bin) = media.element().downcast::<gst::Bin>() else { return };
        as_frames_come(media, &bin);
        let name = match &*self.feed.lock() {
            RtspFeed::Encoded(_) => ENCODED,
            RtspFeed::Pipeline(_) => "cvedia-rt",
        };
        let Some(appsrc) = bin.by_name(name).and_then(|e| e.downcast::<gst_app::AppSrc>().ok()) else {
            return;
        };
        stamp_live(&appsrc);
        in_sending_order(&bin);
        self.asks_with_every_frame(&appsrc);
        let input = match &*self.feed.lock() {
            RtspFeed::Encoded(stream) => Input::Encoded { subscription: stream.feed(&appsrc, StartAt::Kept) },
            RtspFeed::Pipeline(_) => {
                Input::Raw { feed: RawFeed::new(appsrc, EncodePace::Live), pay: bin.by_name("pay0") }
            }
        };
        let debugged = Debugged::new(bin.upcast_ref(), self.debug, &self.place);
        self.watched.lock().push(Watched { media: media.downgrade(), input, _debugged: debugged });
        let mount = Arc::downgrade(self);
        media.connect_unprepared(move |media| leave(&mount, media));
        let mount = Arc::downgrade(self);
        media.connect_handle_message(None, move |media, message| {
            if let (gst::MessageView::Error(error), Some(mount)) = (message.view(), mount.upgrade()) {
                mount.fails(bus::error_from(error, &mount.place));
                leave(&Arc::downgrade(&mount), media);
            }
            // Never handled by us: the server does what it does.
            true
        });
    }

    /// A key frame soon, for somebody who has just come.
    pub(super) fn wants_key(&self) {
        self.keys.lock().is_due = true;
        self.ask_for_key();
    }

    /// Asks for the key frame that somebody waits for, unless the last one is too recent. Called with every
    /// frame.
    fn ask_for_key(&self) {
        {
            let mut keys = self.keys.lock();
            if !keys.is_due || keys.last.is_some_and(|at| at.elapsed() < KEY_PAUSE) {
                return;
            }
            *keys = Keys { last: Some(Instant::now()), is_due: false };
        }
        if let RtspFeed::Encoded(stream) = &*self.feed.lock() {
            stream.request_key();
        }
        let payloaders: Vec<_> = {
            let watched = self.watched.lock();
            let of = |watched: &Watched| match &watched.input {
                Input::Raw { pay: Some(pay), .. } => pay.static_pad("sink"),
                _ => None,
            };
            watched.iter().filter_map(of).collect()
        };
        for pad in payloaders {
            let event = gst_video::UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
            // Refused where the pipeline encodes nothing.
            pad.push_event(event);
        }
    }

    /// Whoever came too soon after a key frame has one when it is time.
    fn asks_with_every_frame(self: &Arc<Self>, appsrc: &gst_app::AppSrc) {
        let Some(pad) = appsrc.static_pad("src") else { return };
        let mount = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            if let Some(mount) = mount.upgrade() {
                mount.ask_for_key();
            }
            gst::PadProbeReturn::Ok
        });
    }

    pub(super) fn push(&self, image: &Image, pts: StreamTime, fps: Rate) -> Result<(), MediaError> {
        for watched in &mut *self.watched.lock() {
            let Input::Raw { feed, .. } = &mut watched.input else { continue };
            match feed.push(image, pts, fps) {
                Ok(Pushed::Taken) => {}
                Ok(Pushed::Skipped) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                }
                // It is on its way down; its bus says why, if that is an error.
                Err(error) => tracing::debug!(place = self.place, "{error}"),
            }
        }
        self.take_error().map_or(Ok(()), Err)
    }

    pub(super) fn show(&self, stream: EncodedStream) {
        *self.feed.lock() = RtspFeed::Encoded(stream);
    }

    /// No frame gets in any more.
    pub(super) fn close(&self) {
        let watched = std::mem::take(&mut *self.watched.lock());
        drop(watched);
    }

    fn fails(&self, error: MediaError) {
        tracing::debug!(place = self.place, detail = error.detail, "{error}");
        self.error.lock().get_or_insert(error);
    }
}

/// Gives packets a DTS that never goes back. What waits for a TCP viewer is measured by it, and gst-rtsp-server ends
/// the process where that comes out below zero (`rtsp-stream-transport.c`, `queue_duration >= 0`), as it does
/// with pictures sent in another order than they are shown in. Nothing else reads the DTS of a packet.
fn in_sending_order(bin: &gst::Bin) {
    let payloaders = bin.iterate_elements().into_iter().flatten().filter(|e| e.name().starts_with("pay"));
    for pad in payloaders.filter_map(|pay| pay.static_pad("src")) {
        let last = Mutex::new(gst::ClockTime::ZERO);
        let stamp = move |buffer: &mut gst::BufferRef| {
            let mut last = last.lock();
            *last = buffer.dts_or_pts().map_or(*last, |time| time.max(*last));
            buffer.set_dts(*last);
        };
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, info| {
            if let Some(list) = info.buffer_list_mut() {
                list.make_mut().foreach_mut(|mut buffer, _| {
                    stamp(buffer.make_mut());
                    std::ops::ControlFlow::Continue(Some(buffer))
                });
            } else if let Some(buffer) = info.buffer_mut() {
                stamp(buffer.make_mut());
            }
            gst::PadProbeReturn::Ok
        });
    }
}

/// Sends packets as they come: sinks that keep time would wait for latencies that encoders only claim.
fn as_frames_come(media: &RTSPMedia, bin: &gst::Bin) {
    if let Some(pay) = bin.by_name("pay0") {
        // The same setting makes payloaders leave out the time that passes, for players of recordings
        // (ONVIF Streaming Specification, section 6.3). Here nothing is played at another speed.
        pay.connect_notify(Some(NO_RATE_CONTROL), |pay, _| {
            if pay.property::<bool>(NO_RATE_CONTROL) {
                pay.set_property(NO_RATE_CONTROL, false);
            }
        });
    }
    media.set_rate_control(false);
}

const NO_RATE_CONTROL: &str = "onvif-no-rate-control";

/// The media has gone: nobody watches any more, or it failed.
fn leave(mount: &Weak<Mount>, media: &RTSPMedia) {
    let Some(mount) = mount.upgrade() else { return };
    let gone: Vec<_> = {
        let mut watched = mount.watched.lock();
        let (gone, stays) = std::mem::take(&mut *watched)
            .into_iter()
            .partition(|watched| watched.media.upgrade().is_none_or(|other| other == *media));
        *watched = stays;
        gone
    };
    for watched in &gone {
        if let Input::Encoded { subscription } = &watched.input {
            mount.dropped.fetch_add(subscription.dropped(), Ordering::Relaxed);
        }
    }
}

/// The name of our own `appsrc`.
const ENCODED: &str = "encoded";

/// `stream` as RTP (RFC 6184, RFC 7798), in a bin.
fn payloaded(stream: &EncodedStream) -> Result<gst::Element, MediaError> {
    let appsrc = gst_app::AppSrc::builder()
        .name(ENCODED)
        .format(gst::Format::Time)
        .is_live(true)
        .handle_segment_change(true)
        .max_buffers(MAX_FRAMES)
        .max_bytes(0)
        .build();
    let (parser, payloader) = match stream.codec() {
        Codec::H264 => ("h264parse", "rtph264pay"),
        Codec::H265 => ("h265parse", "rtph265pay"),
    };
    let (parser, pay) = (make(parser)?, make(payloader)?);
    pay.set_property("name", "pay0");
    pay.set_property("pt", 96u32);
    // Parameter sets before every key frame: a viewer may come at any.
    pay.set_property("config-interval", -1i32);
    pay.set_property_from_str("aggregate-mode", "zero-latency");
    let bin = gst::Bin::new();
    let chain = [appsrc.upcast_ref(), &parser, &pay];
    let failed = |error| MediaError::new(Kind::Internal, "the RTSP pipeline cannot be built", error);
    bin.add_many(chain).map_err(failed)?;
    gst::Element::link_many(chain).map_err(failed)?;
    Ok(bin.upcast())
}
