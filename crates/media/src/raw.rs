//! Drawn or clean pictures on their way into a pipeline of the user's own.

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use watchpost_model::{Image, PixelFormat, Size, StreamTime};

use crate::{
    EncodePace, MediaError, MediaErrorKind as Kind, Pushed, Rate,
    encode::{raw_buffer, raw_caps},
};

/// Raw frames that may wait before a pipeline; more only adds memory (3 MB each at 1080p) and delay.
const MAX_WAITING: u64 = 3;

/// The `appsrc` of a user's pipeline, with what the last frame was.
pub(crate) struct RawFeed {
    appsrc: gst_app::AppSrc,
    pace: EncodePace,
    format: Option<(PixelFormat, Size, Rate)>,
    caps: Option<gst::Caps>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    last: Option<StreamTime>,
}

impl RawFeed {
    /// Takes charge of `appsrc`: whatever its text in the pipeline says of times and waiting gives way.
    pub(crate) fn new(appsrc: gst_app::AppSrc, pace: EncodePace) -> Self {
        appsrc.set_format(gst::Format::Time);
        appsrc.set_is_live(pace == EncodePace::Live);
        appsrc.set_do_timestamp(false);
        appsrc.set_property("handle-segment-change", true);
        appsrc.set_max_bytes(0);
        appsrc.set_max_time(None::<gst::ClockTime>);
        appsrc.set_max_buffers(MAX_WAITING);
        appsrc.set_property("block", pace == EncodePace::Fast);
        let segment = gst::FormattedSegment::new();
        Self { appsrc, pace, format: None, caps: None, segment, last: None }
    }

    /// The `appsrc`.
    pub(crate) const fn appsrc(&self) -> &gst_app::AppSrc {
        &self.appsrc
    }

    /// Hands a picture in, without copying it. `pts` must grow from call to call. Live, a picture that finds
    /// the pipeline behind is skipped; else this waits for room.
    ///
    /// # Errors
    /// The pipeline takes nothing any more; its bus says why.
    pub(crate) fn push(&mut self, image: &Image, pts: StreamTime, fps: Rate) -> Result<Pushed, MediaError> {
        let behind = self.pace == EncodePace::Live && self.appsrc.current_level_buffers() >= MAX_WAITING;
        if behind || self.last.is_some_and(|last| pts <= last) {
            return Ok(Pushed::Skipped);
        }
        let format = Some((image.format, image.size, fps));
        if self.format != format {
            self.caps = raw_caps(image.format, image.size, fps);
            self.format = format;
        }
        let mut buffer = raw_buffer(image)?;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(gst::ClockTime::from_nseconds(pts.as_nanos()));
            buffer.set_duration(gst::ClockTime::from_nseconds(fps.frame_duration().as_nanos()));
        }
        self.last = Some(pts);
        let mut sample = gst::Sample::builder().buffer(&buffer).segment(&self.segment);
        if let Some(caps) = &self.caps {
            sample = sample.caps(caps);
        }
        let sample = sample.build();
        drop(buffer);
        self.appsrc.push_sample(&sample).map(|_| Pushed::Taken).map_err(|error| {
            MediaError::new(Kind::Disconnected, "the pipeline takes no more frames", format!("{error:?}"))
        })
    }

    /// Wakes whoever waits in `push` for a pipeline that no longer takes anything.
    pub(crate) fn release(appsrc: &gst_app::AppSrc) {
        appsrc.set_property("block", false);
        appsrc.set_max_buffers(0);
    }
}

/// Chooses which frames go out where fewer are wanted than come.
#[derive(Debug)]
pub struct Thinner {
    step: StreamTime,
    next: StreamTime,
    last_seen: StreamTime,
}

impl Thinner {
    /// At most `fps` frames a second.
    pub fn new(fps: Rate) -> Self {
        Self { step: fps.frame_duration(), next: StreamTime::ZERO, last_seen: StreamTime::ZERO }
    }

    /// Whether the frame of this time goes out. Frames that jitter around their places all do, if no more of
    /// them come than are wanted.
    pub fn takes(&mut self, at: StreamTime) -> bool {
        // Never so early that the frame after it would be nearer to its place.
        let gap = at.as_nanos().saturating_sub(self.last_seen.as_nanos());
        self.last_seen = at;
        let early = StreamTime::from_nanos((self.step.as_nanos() / 4).min(gap / 2));
        if at + early < self.next {
            return false;
        }
        // A gap does not earn a burst after it.
        self.next = if at > self.next + self.step { at } else { self.next } + self.step;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(fps: u32, times_ms: impl Iterator<Item = u64>) -> Vec<u64> {
        let mut thinner = Thinner::new(Rate::new(fps, 1).unwrap());
        times_ms.filter(|ms| thinner.takes(StreamTime::from_nanos(ms * 1_000_000))).collect()
    }

    #[test]
    fn fewer_frames_than_come() {
        assert_eq!(taken(10, (0..50).map(|n| n * 40)).len(), 20);
        assert_eq!(taken(5, (0..50).map(|n| n * 40)), [0, 200, 400, 600, 800, 1000, 1200, 1400, 1600, 1800]);
        // Not more than wanted come: all go out, even unevenly.
        assert_eq!(taken(25, (0..50).map(|n| n * 40 + (n * 7) % 9)).len(), 50);
        // A pause of a minute earns nothing.
        assert_eq!(taken(10, (0..10).map(|n| n * 40).chain((0..50).map(|n| 60_000 + n * 40))).len(), 4 + 20);
    }
}
