//! Stream time onto the clock of a pipeline that is watched live.

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::Mutex;

/// A frame that is this much older than the last ones were is no late frame: the source stood still.
const RESYNC_NS: i64 = 1_000_000_000;

/// Gives each frame its place on a live pipeline's clock: spaced as the source spaced them, and never in the
/// future, so that no sink waits.
///
/// Frames come unevenly (analysis, encoder); stamping them on arrival would hand that unevenness to every
/// viewer. Instead all have one offset, that of the quickest frame so far.
#[derive(Debug, Default)]
pub(crate) struct LiveClock {
    /// Running time of the pipeline minus stream time, in ns.
    offset_ns: Option<i64>,
    /// What was placed last, and where.
    last_stream_ns: u64,
    last_ns: i64,
}

impl LiveClock {
    /// Where a frame of stream time `stream_ns` belongs that arrives at `now_ns`. Never goes backwards if
    /// neither argument does.
    pub(crate) fn place(&mut self, stream_ns: u64, now_ns: u64) -> u64 {
        let signed = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let newest = signed(now_ns).saturating_sub(signed(stream_ns));
        let began_anew = stream_ns < self.last_stream_ns;
        self.last_stream_ns = stream_ns;
        let offset = match self.offset_ns {
            Some(offset) if began_anew || newest < offset || newest - offset > RESYNC_NS => newest,
            Some(offset) => offset,
            None => newest,
        };
        self.offset_ns = Some(offset);
        let placed = signed(stream_ns).saturating_add(offset).max(self.last_ns).max(0);
        self.last_ns = placed;
        placed.unsigned_abs()
    }

    /// Moves the times of a buffer of `segment` that arrives at `now`. x264enc's segments begin at 1000 hours, so
    /// only running times can be compared.
    fn stamp(&mut self, buffer: &mut gst::BufferRef, segment: &gst::Segment, now: gst::ClockTime) {
        let Some(segment) = segment.downcast_ref::<gst::ClockTime>() else { return };
        let Some(pts) = buffer.pts() else { return };
        // Where pictures are sent in another order than they are shown in, only DTS goes on evenly.
        let in_order = buffer.dts().unwrap_or(pts);
        let running = segment.to_running_time(in_order).or_else(|| segment.to_running_time(pts));
        let Some(running) = running else { return };
        let placed = gst::ClockTime::from_nseconds(self.place(running.nseconds(), now.nseconds()));
        let moved =
            |time: gst::ClockTime| (time + placed).checked_sub(running).unwrap_or(gst::ClockTime::ZERO);
        let dts = buffer.dts().map(moved);
        buffer.set_pts(moved(pts));
        buffer.set_dts(dts);
    }
}

/// Puts what `appsrc` gives onto its pipeline's clock.
pub(crate) fn stamp_live(appsrc: &gst_app::AppSrc) {
    let Some(pad) = appsrc.static_pad("src") else { return };
    let (clock, element) = (Mutex::new(LiveClock::default()), appsrc.downgrade());
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let now = element.upgrade().and_then(|element| element.current_running_time());
        if let (Some(segment), Some(now), Some(buffer)) = (segment, now, info.buffer_mut()) {
            // Other outputs share the frame: only its head is copied, not its bytes.
            clock.lock().stamp(buffer.make_mut(), segment.segment(), now);
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn frames_are_evenly_spaced_and_never_in_the_future() {
        let mut clock = LiveClock::default();
        // 25 frames a second from stream time 100 s on; each takes 5 to 19 ms to get here.
        let mut last = None;
        for n in 0..500_u64 {
            let delay = 5 + (n * 7) % 15;
            let now = 50 * MS + n * 40 * MS + delay * MS;
            let placed = clock.place(100_000 * MS + n * 40 * MS, now);
            assert!(placed <= now && now - placed <= 15 * MS, "{n}: {placed} at {now}");
            if let Some(last) = last.filter(|_| n > 20) {
                assert_eq!(placed - last, 40 * MS, "{n}");
            }
            last = Some(placed);
        }
    }

    #[test]
    fn a_pause_of_the_source_and_a_restart_of_its_count_are_passed_over() {
        let mut clock = LiveClock::default();
        assert_eq!(clock.place(0, 1000 * MS), 1000 * MS);
        // Stood still for 10 s, then went on counting where it was.
        assert_eq!(clock.place(40 * MS, 11_000 * MS), 11_000 * MS);
        assert_eq!(clock.place(80 * MS, 11_040 * MS), 11_040 * MS);
        // Began to count anew.
        assert_eq!(clock.place(0, 11_080 * MS), 11_080 * MS);
        assert_eq!(clock.place(40 * MS, 11_125 * MS), 11_120 * MS);
        // Came in a burst: the newest is now, and order holds.
        let burst: Vec<_> = (2..5).map(|n| clock.place(n * 40 * MS, 11_130 * MS)).collect();
        assert_eq!(burst, [11_130 * MS; 3]);
    }
}
