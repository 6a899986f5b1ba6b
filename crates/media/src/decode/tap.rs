//! The video as it was sent, taken off before its decoder: one connection gives both.
//!
//! A probe on the decoder's sink pad sees every access unit with its caps, already parsed. Handing on a
//! reference costs next to nothing, and no queue and no thread is added to the way of the decoded frames.

use std::sync::{Arc, OnceLock};

use gst::prelude::*;
use gstreamer as gst;
use parking_lot::Mutex;
use watchpost_model::Size;

use crate::{
    Codec, EncodePace, EncodedStream, MediaError, MediaErrorKind as Kind,
    stream::{EncodedBy, Keep, Unit},
};

/// What is known of the video before its decoder. Locked by the decoder's thread for every unit, and by
/// whoever asks for the stream; never while somebody is waited for.
pub(super) struct Tap {
    place: String,
    state: Mutex<State>,
    /// The pad that was first: a file may have several pictures, and the first is what is analysed.
    pad: OnceLock<gst::glib::WeakRef<gst::Pad>>,
}

struct State {
    pace: EncodePace,
    /// The stream of the caps that came last.
    stream: Option<(EncodedStream, gst::Caps)>,
    /// What is decoded instead, where it cannot be passed on.
    other: Option<String>,
    /// Running time of the first unit of this turn of a loop, in ns.
    first_ns: Option<u64>,
    /// Running time at which this turn begins for those who take the stream.
    offset_ns: u64,
    /// The latest end of a unit, in the same count.
    end_ns: u64,
}

impl Tap {
    pub(super) fn new(pace: EncodePace, place: &str) -> Arc<Self> {
        let state = State { pace, stream: None, other: None, first_ns: None, offset_ns: 0, end_ns: 0 };
        Arc::new(Self { place: place.to_owned(), state: Mutex::new(state), pad: OnceLock::new() })
    }

    /// Whether outputs are waited for is known for good when the video is open.
    pub(super) fn set_pace(&self, pace: EncodePace) {
        let mut state = self.state.lock();
        state.pace = pace;
        if let Some((stream, _)) = &state.stream {
            stream.set_pace(pace);
        }
    }

    /// Looks at every decoder that `bin` has or gets.
    pub(super) fn watch(self: &Arc<Self>, bin: &gst::Bin) {
        for element in bin.iterate_recurse().into_iter().flatten() {
            self.look(&element);
        }
        let weak = Arc::downgrade(self);
        bin.connect_deep_element_added(move |_, _, element| {
            if let Some(tap) = weak.upgrade() {
                tap.look(element);
            }
        });
    }

    fn look(self: &Arc<Self>, element: &gst::Element) {
        let Some(factory) = element.factory() else { return };
        let klass = factory.metadata("klass").unwrap_or_default();
        if factory.name().ends_with("parse") && element.has_property("config-interval") {
            // Byte-stream then has its parameter sets at every key frame: late outputs need them.
            element.set_property("config-interval", -1i32);
        }
        if factory.name() == "h265parse" {
            super::hvcc::strip(element);
        }
        let is_decoder =
            klass.contains("Decoder") && ["Video", "Image"].iter().any(|kind| klass.contains(kind));
        if !is_decoder || element.is::<gst::Bin>() {
            return;
        }
        let Some(pad) = element.static_pad("sink") else { return };
        let weak = Arc::downgrade(self);
        pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::EVENT_FLUSH, move |pad, info| {
            let Some(tap) = weak.upgrade() else { return gst::PadProbeReturn::Remove };
            match &info.data {
                Some(gst::PadProbeData::Buffer(buffer)) => {
                    if tap.pad.get_or_init(|| pad.downgrade()).upgrade().as_ref() != Some(pad) {
                        return gst::PadProbeReturn::Remove;
                    }
                    tap.take(pad, buffer);
                }
                Some(gst::PadProbeData::Event(event)) if event.type_() == gst::EventType::FlushStop => {
                    tap.turned();
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn take(&self, pad: &gst::Pad, buffer: &gst::Buffer) {
        let Some(caps) = pad.current_caps() else { return };
        let Some((stream, unit)) = self.unit(pad, &caps, buffer) else { return };
        // Not under the lock: at pace `fast` it waits for outputs.
        stream.deliver(&unit);
    }

    fn unit(&self, pad: &gst::Pad, caps: &gst::Caps, buffer: &gst::Buffer) -> Option<(EncodedStream, Unit)> {
        let mut state = self.state.lock();
        let stream = state.stream_of(caps, buffer)?;
        if stream.has_ended() {
            return None;
        }
        let segment = pad.sticky_event::<gst::event::Segment>(0)?;
        let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
        let Some(pts) = buffer.pts() else {
            stream.fail(self.without_times());
            return None;
        };
        let running = segment.to_running_time_full(pts)?.positive().map_or(0, gst::ClockTime::nseconds);
        let first = *state.first_ns.get_or_insert(running);
        let time = gst::ClockTime::from_nseconds((state.offset_ns + running).saturating_sub(first)) + ZERO;
        // A copy of what is said about the bytes, not of the bytes.
        let mut buffer = buffer.copy();
        if let Some(writable) = buffer.get_mut() {
            let ahead = writable.dts().map(|dts| pts.nseconds() as i64 - dts.nseconds() as i64);
            writable.set_pts(time);
            writable.set_dts(ahead.and_then(|ahead| {
                time.nseconds().checked_add_signed(-ahead).map(gst::ClockTime::from_nseconds)
            }));
        }
        let sample = gst::Sample::builder().buffer(&buffer).caps(caps).segment(&one_segment()).build();
        let unit = Unit::new(sample)?;
        let duration = buffer.duration().map_or(0, gst::ClockTime::nseconds);
        state.end_ns = state.end_ns.max(unit.time_ns + duration);
        Some((stream, unit))
    }

    /// A file begins again from its start.
    fn turned(&self) {
        let mut state = self.state.lock();
        if state.first_ns.take().is_some() {
            state.offset_ns = state.end_ns;
        }
    }

    /// The stream, once a unit of it has come.
    pub(super) fn stream(&self) -> Option<EncodedStream> {
        self.state.lock().stream.as_ref().map(|(stream, _)| stream.clone())
    }

    /// What the video is, if it is nothing that can be passed on.
    pub(super) fn other(&self) -> Option<String> {
        self.state.lock().other.clone()
    }

    /// Nothing more will come; whoever takes the stream is told.
    pub(super) fn end(&self) {
        if let Some(stream) = self.stream() {
            stream.end();
        }
    }

    /// Lets the decoder's thread go if it waits for an output.
    pub(super) fn release(&self) {
        if let Some(stream) = self.stream() {
            stream.release();
        }
    }

    fn without_times(&self) -> MediaError {
        let message = format!(
            "{}: its frames have no time stamps, so they cannot be passed on as they are: put the video into a \
             container first (ffmpeg -r 25 -i IN -c copy OUT.mp4), or export output-image",
            self.place
        );
        MediaError::new(Kind::BadSetting, message, "")
    }
}

/// Time stamp of stream time zero. Far from 0, because DTS lies before PTS, and before zero at the beginning;
/// encoders do the same.
const ZERO: gst::ClockTime = gst::ClockTime::from_seconds(1000 * 60 * 60);

/// One segment for all that a source sends, however often it begins again: muxers take a second one for an end.
fn one_segment() -> gst::FormattedSegment<gst::ClockTime> {
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(ZERO);
    segment
}

impl State {
    /// The stream that units with these caps belong to.
    fn stream_of(&mut self, caps: &gst::Caps, buffer: &gst::Buffer) -> Option<EncodedStream> {
        if let Some((stream, known)) = &self.stream
            && same_video(known, caps)
        {
            return Some(stream.clone());
        }
        let structure = caps.structure(0)?;
        let Some(codec) = Codec::of_media_type(structure.name()) else {
            self.other = Some(name_of(caps));
            return None;
        };
        let side = |name| structure.get::<i32>(name).ok().and_then(|side| u32::try_from(side).ok());
        let size = side("width").zip(side("height")).map(|(width, height)| Size { width, height });
        // Another size or other parameter sets: outputs that were told one thing must begin anew.
        let keep = match self.stream.take() {
            Some((before, _)) => {
                before.end();
                Keep::SinceKey
            }
            None => Keep::All,
        };
        let by = EncodedBy::Source { has_dts: buffer.dts().is_some() };
        let stream = EncodedStream::new(codec, size, self.pace, by, keep);
        self.stream = Some((stream.clone(), caps.clone()));
        Some(stream)
    }
}

/// Whether an output that was told `known` can go on with `caps`: rates may be found out late, and parsers
/// say more about a stream as they learn it.
fn same_video(known: &gst::Caps, caps: &gst::Caps) -> bool {
    let (Some(known), Some(caps)) = (known.structure(0), caps.structure(0)) else { return false };
    known.name() == caps.name()
        && ["width", "height", "codec_data", "stream-format"].iter().all(|field| {
            match (known.value(*field), caps.value(*field)) {
                (Ok(known), Ok(caps)) => {
                    known.compare(caps) == Some(std::cmp::Ordering::Equal)
                        || known.get::<gst::Buffer>().ok().zip(caps.get::<gst::Buffer>().ok()).is_some_and(
                            |(known, caps)| known.map_readable().ok() == caps.map_readable().ok(),
                        )
                }
                (Err(_), Err(_)) => true,
                _ => false,
            }
        })
}

fn name_of(caps: &gst::Caps) -> String {
    let name = caps.structure(0).map(|structure| structure.name().to_string()).unwrap_or_default();
    name.trim_start_matches("video/").trim_start_matches("x-").trim_start_matches("image/").to_uppercase()
}
