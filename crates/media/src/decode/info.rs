//! What can be said of a video once its first frame is there.

use gst::prelude::*;
use gstreamer as gst;
use watchpost_model::{Size, StreamTime, Timestamp};

use super::Decoder;
use crate::Rate;

/// What was found out about a video.
#[derive(Clone, Debug, PartialEq)]
pub struct VideoInfo {
    /// Of the first frame; later ones may differ where a camera changes its settings.
    pub size: Size,
    /// Nominal frames per second; `None` where they come at varying intervals.
    pub fps: Option<Rate>,
    /// The codec's name for people; empty where the pipeline does not say.
    pub codec: String,
    /// Pixel format the decoder gives, by its GStreamer name (`I420`, `NV12`, ...).
    pub format: String,
    /// Of files.
    pub duration: Option<StreamTime>,
    /// Creation time in the file.
    pub created: Option<Timestamp>,
    /// Whether [`super::Decoder::rewind`] works.
    pub seekable: bool,
    /// A camera or another source that does not wait.
    pub live: bool,
}

impl VideoInfo {
    /// Before the first frame.
    pub(super) const fn unknown(live: bool) -> Self {
        Self {
            size: Size { width: 0, height: 0 },
            fps: None,
            codec: String::new(),
            format: String::new(),
            duration: None,
            created: None,
            seekable: false,
            live,
        }
    }
}

pub(super) fn gather(decoder: &Decoder) -> VideoInfo {
    let seen = decoder.shared.seen();
    let video = seen.video.as_ref();
    let live = decoder.info.live || {
        // Above the sink: one that keeps time calls itself live whatever feeds it.
        let mut latency = gst::query::Latency::new();
        let pad = decoder.sink.static_pad("sink");
        pad.is_some_and(|pad| pad.peer_query(&mut latency)) && latency.result().0
    };
    // The sink's pad first: it knows the picture's own duration, not that of the sound beside it.
    let duration = decoder
        .sink
        .static_pad("sink")
        .and_then(|pad| pad.peer_query_duration::<gst::ClockTime>())
        .or_else(|| decoder.pipeline.query_duration::<gst::ClockTime>())
        .filter(|duration| !live && *duration > gst::ClockTime::ZERO);
    let mut seeking = gst::query::Seeking::new(gst::Format::Time);
    let seekable = !live && decoder.pipeline.query(&mut seeking) && seeking.result().0;
    // A web camera's stream (MJPEG, live HLS): what has no length and no beginning to go back to has no end either.
    let endless = decoder.place.starts_with("http") && duration.is_none() && !seekable;
    let codec = seen.tags.get::<gst::tags::VideoCodec>().map(|codec| codec.get().to_owned());
    VideoInfo {
        size: Size { width: video.map_or(0, |v| v.width()), height: video.map_or(0, |v| v.height()) },
        fps: seen.rate,
        codec: codec.unwrap_or_default(),
        format: video.map(|v| v.format().to_str().to_string()).unwrap_or_default(),
        duration: duration.map(|duration| StreamTime::from_nanos(duration.nseconds())),
        created: seen.tags.get::<gst::tags::DateTime>().and_then(|tag| unix_ms(&tag.get())),
        seekable,
        live: live || endless,
    }
}

/// A tag's moment; `None` if it lacks the time of day or lies before 1970 (an unset field).
fn unix_ms(tag: &gst::DateTime) -> Option<Timestamp> {
    if !tag.has_second() {
        return None;
    }
    let seconds = tag.clone().to_g_date_time().ok()?.to_unix();
    (seconds > 0).then(|| Timestamp(seconds * 1000 + i64::from(tag.microsecond().unwrap_or(0)) / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creation_tags() {
        crate::init().unwrap();
        let tag =
            gst::DateTime::new(Some(0.0), 2026, Some(7), Some(1), Some(12), Some(0), Some(1.5)).unwrap();
        assert_eq!(unix_ms(&tag), Some(Timestamp(1_782_907_201_500)));
        assert_eq!(unix_ms(&gst::DateTime::from_iso8601_string("2026-07-01").unwrap()), None);
    }
}
