//! Where pieces and parts begin, and how they come out of the muxer.

use std::sync::Arc;

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::Mutex;

use super::{
    HlsOptions, HlsStream, Phase, Shared,
    pieces::{Begun, Place},
};
use crate::{EncodedStream, MediaError, MediaErrorKind as Kind};

/// How long a part is to be, in ns. A player stays three parts behind (PART-HOLD-BACK), and asks and is answered
/// twice for each.
const PART_NS: u64 = 200_000_000;
/// A frame's length where nothing says it.
const FRAME_NS: u64 = 40_000_000;

/// Decides with every frame whether something begins with it.
struct Cutter {
    segment_ns: u64,
    /// What comes later than this is cut, key frame or not.
    longest_ns: u64,
    with_parts: bool,
    begun: Option<Since>,
}

/// What the present piece and part are since.
#[derive(Clone, Copy)]
struct Since {
    /// Running time of the piece's first frame, by PTS and by DTS.
    pts_ns: u64,
    dts_ns: u64,
    /// The same of the part, by DTS.
    part_ns: u64,
    /// A whole number of frames, for a part should be no shorter than 85 % of what the playlist announces
    /// (draft-pantos-hls-rfc8216bis section 4.4.4.9).
    part_length_ns: u64,
}

/// A frame, in ns of running time.
struct Seen {
    pts_ns: u64,
    dts_ns: u64,
    length_ns: u64,
    is_key: bool,
}

enum Cut {
    /// A piece begins.
    Piece,
    /// A part of the same piece begins.
    Part,
    Nothing {
        /// The next frame should be a key frame.
        wants_key: bool,
    },
}

impl Cutter {
    /// What begins with this frame, and where.
    fn see(&mut self, frame: &Seen) -> (Cut, Option<Begun>) {
        let Seen { pts_ns, dts_ns, length_ns, is_key } = *frame;
        let frames = (PART_NS + length_ns / 2) / length_ns.max(1);
        let part_length_ns = frames.max(1) * length_ns;
        let since = Since { pts_ns, dts_ns, part_ns: dts_ns, part_length_ns };
        let piece = Begun { at_ns: pts_ns, is_piece: true, is_key };
        let Some(begun) = &mut self.begun else {
            self.begun = Some(since);
            return (Cut::Nothing { wants_key: false }, Some(piece));
        };
        let length = pts_ns.saturating_sub(begun.pts_ns);
        // A key frame that was asked for comes with one of the next two frames; a second one would be late.
        let is_enough = length + length_ns + length_ns / 2 >= self.segment_ns;
        if is_key && is_enough || length + length_ns > self.longest_ns {
            self.begun = Some(since);
            return (Cut::Piece, Some(piece));
        }
        if self.with_parts && dts_ns.saturating_sub(begun.part_ns) + length_ns / 2 >= begun.part_length_ns {
            begun.part_ns = dts_ns;
            // In the order in which frames are sent: that of PTS may be another.
            let at_ns = begun.pts_ns + dts_ns.saturating_sub(begun.dts_ns);
            return (Cut::Part, Some(Begun { at_ns, is_piece: false, is_key }));
        }
        (Cut::Nothing { wants_key: length + 2 * length_ns >= self.segment_ns }, None)
    }
}

/// Tells the muxer where pieces and parts begin, and asks for the key frames that pieces should begin with.
pub(super) fn cut(
    before: Option<&gst::Element>,
    options: &HlsOptions,
    stream: &EncodedStream,
    output: &Arc<HlsStream>,
) {
    let Some(pad) = before.and_then(|element| element.static_pad("src")) else { return };
    let cutter = Mutex::new(Cutter {
        segment_ns: u64::from(options.segment_ms) * 1_000_000,
        longest_ns: output.longest_ns(),
        with_parts: output.is_low_latency(),
        begun: None,
    });
    let (stream, output) = (stream.clone(), Arc::clone(output));
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(frame) = info.buffer().and_then(|buffer| seen(pad, buffer)) else {
            return gst::PadProbeReturn::Ok;
        };
        let mut cutter = cutter.lock();
        let (cut, begun) = cutter.see(&frame);
        if let Some(since) = cutter.begun.filter(|_| cutter.with_parts) {
            // Timestamps are rounded, and frames a little late: a part may be a tenth longer than it should.
            let longest_ms = (since.part_length_ns + since.part_length_ns / 10).div_ceil(1_000_000);
            output.parts_last(u32::try_from(longest_ms).unwrap_or(u32::MAX));
        }
        if let Some(begun) = begun {
            output.begins(begun);
        }
        match cut {
            Cut::Piece | Cut::Part => {
                let is_part = matches!(cut, Cut::Part);
                let split = gst::Structure::builder("FMP4MuxSplitNow").field("chunk", is_part).build();
                // Refused only while the pipeline goes down.
                pad.push_event(gst::event::CustomDownstream::new(split));
            }
            Cut::Nothing { wants_key: true } => stream.request_key(),
            Cut::Nothing { wants_key: false } => {}
        }
        output.reaches(frame.pts_ns + frame.length_ns);
        gst::PadProbeReturn::Ok
    });
}

fn seen(pad: &gst::Pad, buffer: &gst::BufferRef) -> Option<Seen> {
    let segment = pad.sticky_event::<gst::event::Segment>(0)?;
    let segment = segment.segment().downcast_ref::<gst::ClockTime>()?;
    let running = |time| segment.to_running_time(time).map(gst::ClockTime::nseconds);
    let pts_ns = running(buffer.pts()?)?;
    let dts_ns = buffer.dts().and_then(running).unwrap_or(pts_ns);
    let length_ns = buffer.duration().map_or(FRAME_NS, gst::ClockTime::nseconds).max(1);
    let is_key = !buffer.flags().contains(gst::BufferFlags::DELTA_UNIT);
    Some(Seen { pts_ns, dts_ns, length_ns, is_key })
}

/// Takes what is cut out of the muxer.
pub(super) fn collect(sink: &gst_app::AppSink, output: &Arc<HlsStream>, shared: &Arc<Shared>) {
    let (output, taken) = (Arc::clone(output), Arc::clone(shared));
    let ended = Arc::clone(shared);
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let (mut header, mut media, mut is_piece) = (Vec::new(), Vec::new(), false);
                let mut add = |buffer: &gst::BufferRef| {
                    let flags = buffer.flags();
                    let is_header = flags.contains(gst::BufferFlags::DISCONT | gst::BufferFlags::HEADER);
                    // A piece's first `moof`: those within it are marked as deltas.
                    is_piece |= !is_header
                        && flags.contains(gst::BufferFlags::HEADER)
                        && !flags.contains(gst::BufferFlags::DELTA_UNIT);
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
                    .and_then(|()| output.take(Place::Media { is_piece }, media));
                stored.map(|()| gst::FlowSuccess::Ok).map_err(|error| {
                    taken.enter(Phase::Failed(error));
                    gst::FlowError::Error
                })
            })
            .eos(move |_| ended.enter(Phase::Ended))
            .build(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Where pieces and parts begin, in ms, of frames `length_ms` long with a key frame every `key_ms`.
    fn cuts(length_ms: u64, key_ms: u64, count: u64) -> (Vec<u64>, Vec<u64>) {
        let mut cutter =
            Cutter { segment_ns: 1000 * MS, longest_ns: 2000 * MS, with_parts: true, begun: None };
        let (mut pieces, mut parts) = (Vec::new(), Vec::new());
        for n in 0..count {
            let at = n * length_ms * MS;
            let is_key = (n * length_ms).is_multiple_of(key_ms);
            let frame = Seen { pts_ns: at, dts_ns: at, length_ns: length_ms * MS, is_key };
            match cutter.see(&frame).1 {
                Some(Begun { is_piece: true, at_ns, .. }) => pieces.push(at_ns / MS),
                Some(Begun { is_piece: false, at_ns, .. }) => parts.push(at_ns / MS),
                None => {}
            }
        }
        (pieces, parts)
    }

    #[test]
    fn parts_are_a_whole_number_of_frames_and_pieces_begin_with_key_frames() {
        assert_eq!(
            cuts(40, 1000, 51),
            (vec![0, 1000, 2000], vec![200, 400, 600, 800, 1200, 1400, 1600, 1800])
        );
        assert_eq!(cuts(100, 1000, 11), (vec![0, 1000], vec![200, 400, 600, 800]));
        // A key frame that comes a frame early is the one that was asked for.
        assert_eq!(cuts(40, 960, 25).0, [0, 960]);
        // Longer frames than parts, and a camera that sends no key frames.
        assert_eq!(cuts(500, 9000, 5), (vec![0, 2000], vec![500, 1000, 1500]));
    }
}
