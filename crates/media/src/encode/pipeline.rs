//! The encoder's pipeline: appsrc, conversions if asked for, encoder, appsink.

use std::sync::{Arc, atomic::Ordering};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;

use super::{EncodePace, EncoderSettings, Preset, Progress, State, choice};
use crate::{EncodedStream, MediaError, MediaErrorKind as Kind, bus, decode::make, stream::Unit};

/// Constant quality, x264's scale (0 lossless to 51): its own default.
const QUALITY: u32 = 23;

/// Window of the rate bound, in ms: a key frame of a still scene must fit.
const VBV_MS: u32 = 2000;

/// Pixels that may be held back to look ahead: each costs some 4 bytes in x264 and its input. At
/// 1080p this halves an encoder's memory against x264's own 10 frames and costs no visible quality.
const LOOKAHEAD_PIXELS: u32 = 8_000_000;

pub(super) struct Built {
    pub(super) pipeline: gst::Pipeline,
    pub(super) appsrc: gst_app::AppSrc,
}

pub(super) fn build(
    settings: &EncoderSettings,
    max_waiting: u64,
    stream: EncodedStream,
    progress: Arc<Progress>,
) -> Result<Built, MediaError> {
    let appsrc = gst_app::AppSrc::builder()
        .name("frames")
        .format(gst::Format::Time)
        .handle_segment_change(true)
        .max_buffers(max_waiting)
        .max_bytes(0)
        .block(settings.pace == EncodePace::Fast)
        .build();
    let pipeline = gst::Pipeline::new();
    let mut chain: Vec<gst::Element> = vec![appsrc.clone().upcast()];
    // Passes frames through untouched unless their size or format is not the encoder's.
    let convert = make("videoconvertscale")?;
    convert.set_property("n-threads", 2u32);
    chain.push(convert);
    if settings.resample {
        chain.push(make("videorate")?);
    }
    let mut raw = gst::Caps::builder("video/x-raw")
        .field("width", settings.size.width as i32)
        .field("height", settings.size.height as i32);
    if settings.resample {
        raw = raw.field("framerate", settings.fps.to_gst());
    }
    let filter = make("capsfilter")?;
    filter.set_property("caps", raw.build());
    // Frames change size when a camera's settings do: the old size must not be asked for again.
    filter.set_property_from_str("caps-change-mode", "immediate");
    chain.push(filter);
    chain.push(encoder(settings)?);
    let sink = gst_app::AppSink::builder()
        .caps(
            &gst::Caps::builder("video/x-h264")
                .field("stream-format", "byte-stream")
                .field("alignment", "au")
                .build(),
        )
        .sync(false)
        .async_(false)
        .enable_last_sample(false)
        .build();
    chain.push(sink.clone().upcast());
    let failed = |error| MediaError::new(Kind::Internal, "the encoder's pipeline cannot be built", error);
    pipeline.add_many(&chain).map_err(failed)?;
    gst::Element::link_many(&chain).map_err(failed)?;

    let (counts, samples) = (Arc::clone(&progress), stream.clone());
    let (ended, stream_of_failed) = (Arc::clone(&progress), stream.clone());
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                counts.encoded.fetch_add(1, Ordering::Relaxed);
                if let Some(unit) = Unit::new(sample) {
                    samples.deliver(&unit);
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| {
                stream.end();
                ended.set(State::Ended);
            })
            .build(),
    );
    if let Some(bus) = pipeline.bus() {
        let weak = appsrc.downgrade();
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(error) = message.view() {
                let error = bus::error_from(error, "the encoder");
                stream_of_failed.fail(error.clone());
                progress.set(State::Failed(error));
                // A push may wait for room that a failed pipeline never makes.
                if let Some(appsrc) = weak.upgrade() {
                    appsrc.set_block(false);
                    appsrc.set_max_buffers(0);
                }
            }
            gst::BusSyncReply::Drop
        });
    }
    Ok(Built { pipeline, appsrc })
}

impl Progress {
    /// The first end or failure stands.
    pub(super) fn set(&self, new: State) {
        let mut state = self.state.lock();
        if matches!(&*state, State::Running) {
            *state = new;
        }
        self.changed.notify_all();
    }
}

/// The best encoder that can be started.
fn encoder(settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let is_there = |factory: &str| gst::ElementFactory::find(factory).is_some();
    for kind in choice::candidates(settings.hardware, is_there) {
        let made = match kind {
            choice::Kind::X264 => x264(settings),
            choice::Kind::OpenH264 => openh264(settings),
            _ => hardware(kind, settings),
        };
        match made {
            Ok(encoder) => return Ok(encoder),
            // A card that is busy, or lacks a driver, must cost no recording: the next one is tried.
            Err(error) => {
                tracing::warn!(encoder = kind.factory(), detail = error.detail, "{}", error.message)
            }
        }
    }
    let message = "no H.264 encoder is installed: install the Debian package gstreamer1.0-plugins-ugly \
                   (x264) or gstreamer1.0-plugins-bad (openh264)";
    Err(MediaError::new(Kind::MissingElement, message, "neither x264enc nor openh264enc"))
}

fn hardware(kind: choice::Kind, settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = make(kind.factory())?;
    for (name, value) in choice::properties(kind, settings, QUALITY) {
        let Some(property) = encoder.find_property(name) else { continue };
        match gst::glib::Value::deserialize_with_pspec(&value, &property) {
            Ok(value) => encoder.set_property_from_value(name, &value),
            Err(error) => tracing::debug!(%error, name, value, "an encoder does not know this value"),
        }
    }
    // This opens the device.
    if let Err(error) = encoder.set_state(gst::State::Ready) {
        let stopped = encoder.set_state(gst::State::Null);
        let message = format!("the hardware encoder {} cannot be opened", kind.factory());
        return Err(MediaError::new(Kind::Internal, message, format!("{error}, {stopped:?}")));
    }
    Ok(encoder)
}

fn x264(settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = make("x264enc")?;
    encoder.set_property_from_str("speed-preset", settings.preset.name());
    if settings.pace == EncodePace::Live {
        encoder.set_property_from_str("tune", "zerolatency");
    } else {
        let pixels = settings.size.width.saturating_mul(settings.size.height).max(1);
        encoder.set_property("rc-lookahead", (LOOKAHEAD_PIXELS / pixels).clamp(1, 10) as i32);
    }
    // Without B-frames decoding order is display order: no negative times, no edit lists, and a
    // stream that breaks off has no holes.
    encoder.set_property("bframes", 0u32);
    // Key frames are forced by time; this only bounds what comes if frames come faster than `fps`.
    let keyframe_frames = settings.fps.as_f64() * f64::from(settings.keyframe_ms) / 1000.0;
    encoder.set_property("key-int-max", (keyframe_frames * 2.0).ceil().max(1.0) as u32);
    encoder.set_property("bitrate", settings.max_kbps());
    encoder.set_property("vbv-buf-capacity", VBV_MS);
    if settings.bitrate_kbps.is_none() {
        encoder.set_property_from_str("pass", "qual");
        encoder.set_property("quantizer", QUALITY);
    }
    Ok(encoder)
}

fn openh264(settings: &EncoderSettings) -> Result<gst::Element, MediaError> {
    let encoder = make("openh264enc")?;
    let complexity = match settings.preset {
        Preset::Ultrafast | Preset::Superfast | Preset::Veryfast => "low",
        Preset::Faster | Preset::Fast => "medium",
        Preset::Medium | Preset::Slow => "high",
    };
    encoder.set_property_from_str("complexity", complexity);
    encoder.set_property_from_str("rate-control", "bitrate");
    encoder.set_property("bitrate", settings.max_kbps().saturating_mul(1000));
    let keyframe_frames = settings.fps.as_f64() * f64::from(settings.keyframe_ms) / 1000.0;
    encoder.set_property("gop-size", (keyframe_frames * 2.0).ceil().max(1.0) as u32);
    Ok(encoder)
}
