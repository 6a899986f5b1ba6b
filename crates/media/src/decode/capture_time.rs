//! When the camera took a frame, from the sender reports of RTSP.

use std::sync::LazyLock;

use gstreamer as gst;
use watchpost_model::Timestamp;

/// From the NTP epoch (1900-01-01) to the Unix epoch, in ms. RFC 5905, section 6.
const NTP_TO_UNIX_MS: i64 = 2_208_988_800_000;

/// What `rtpjitterbuffer` writes once a sender report has come (RFC 3550, section 6.4.1).
static NTP: LazyLock<gst::Caps> = LazyLock::new(|| gst::Caps::new_empty_simple("timestamp/x-ntp"));
static UNIX: LazyLock<gst::Caps> = LazyLock::new(|| gst::Caps::new_empty_simple("timestamp/x-unix"));

/// The wall clock of `buffer`, if a reference timestamp says it.
pub(super) fn of(buffer: &gst::BufferRef) -> Option<Timestamp> {
    buffer.iter_meta::<gst::ReferenceTimestampMeta>().find_map(|meta| {
        let ms = i64::try_from(meta.timestamp().mseconds()).ok()?;
        let reference = meta.reference();
        let unix = if reference.can_intersect(&NTP) {
            ms - NTP_TO_UNIX_MS
        } else if reference.can_intersect(&UNIX) {
            ms
        } else {
            return None;
        };
        // A camera that never had its clock set counts from 1900, 1970 or 2000; that is no date.
        (unix > YEAR_2001_MS).then_some(Timestamp(unix))
    })
}

/// Notes when `buffer` was taken; decoders hand it on.
pub(super) fn write(buffer: &mut gst::BufferRef, captured: Option<Timestamp>) {
    if let Some(ms) = captured.and_then(|Timestamp(ms)| u64::try_from(ms).ok()) {
        gst::ReferenceTimestampMeta::add(buffer, &UNIX, gst::ClockTime::from_mseconds(ms), None);
    }
}

/// 2001-01-01T00:00:00Z.
const YEAR_2001_MS: i64 = 978_307_200_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(reference: &gst::Caps, ms: u64) -> Option<Timestamp> {
        let mut buffer = gst::Buffer::new();
        let time = gst::ClockTime::from_mseconds(ms);
        gst::ReferenceTimestampMeta::add(buffer.get_mut()?, reference, time, None);
        of(&buffer)
    }

    #[test]
    fn ntp_becomes_unix() {
        crate::init().unwrap();
        let now = 1_785_161_453_812;
        assert_eq!(captured(&NTP, now + NTP_TO_UNIX_MS as u64), Some(Timestamp(now as i64)));
        assert_eq!(captured(&UNIX, now), Some(Timestamp(now as i64)));
        assert_eq!(captured(&UNIX, 5000), None);
        assert_eq!(captured(&gst::Caps::new_empty_simple("timestamp/x-other"), now), None);
    }
}
