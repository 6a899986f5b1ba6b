//! Which Debian package has which GStreamer element, to name the fix when one is missing.

/// Elements whose package does not follow from a prefix. Debian 12 and later.
const BY_NAME: &[(&str, &str)] = &[
    ("appsink", BASE),
    ("appsrc", BASE),
    ("decodebin", BASE),
    ("decodebin3", BASE),
    ("playbin", BASE),
    ("uridecodebin", BASE),
    ("uridecodebin3", BASE),
    ("urisourcebin", BASE),
    ("videoconvert", BASE),
    ("videoconvertscale", BASE),
    ("videorate", BASE),
    ("videoscale", BASE),
    ("videotestsrc", BASE),
    ("tcpclientsrc", BASE),
    ("tcpserversink", BASE),
    ("textoverlay", PANGO),
    ("timeoverlay", PANGO),
    ("clockoverlay", PANGO),
    ("x264enc", UGLY),
    ("rtspsrc", GOOD),
    ("udpsrc", GOOD),
    ("udpsink", GOOD),
    ("souphttpsrc", GOOD),
    ("multipartdemux", GOOD),
    ("avidemux", GOOD),
    ("avimux", GOOD),
    ("flvdemux", GOOD),
    ("flvmux", GOOD),
    ("eflvmux", GOOD),
    ("jpegdec", GOOD),
    ("jpegenc", GOOD),
    ("matroskademux", GOOD),
    ("matroskamux", GOOD),
    ("mp4mux", GOOD),
    ("qtdemux", GOOD),
    ("qtmux", GOOD),
    ("multifilesink", GOOD),
    ("splitmuxsink", GOOD),
    ("pngdec", GOOD),
    ("pngenc", GOOD),
    ("v4l2src", GOOD),
    ("v4l2sink", GOOD),
    ("deinterlace", GOOD),
    ("videocrop", GOOD),
    ("videobox", GOOD),
    ("videoflip", GOOD),
    ("videomixer", GOOD),
    ("compositor", BASE),
    ("h264parse", BAD),
    ("h265parse", BAD),
    ("av1parse", BAD),
    ("jpegparse", BAD),
    ("h264timestamper", BAD),
    ("h265timestamper", BAD),
    ("hlssink", BAD),
    ("hlssink2", BAD),
    ("hlsdemux", BAD),
    ("dashdemux", BAD),
    ("mpegtsmux", BAD),
    ("tsdemux", BAD),
    ("tsparse", BAD),
    ("rtmpsrc", BAD),
    ("rtmpsink", BAD),
    ("rtmp2src", BAD),
    ("rtmp2sink", BAD),
    ("openh264enc", BAD),
    ("openh264dec", BAD),
    ("libde265dec", BAD),
    ("x265enc", BAD),
    ("srtsrc", BAD),
    ("srtsink", BAD),
    ("webrtcbin", BAD),
    ("clockselect", BAD),
    ("kmssink", BAD),
    ("rtspclientsink", "gstreamer1.0-rtsp"),
    ("h264depay", GOOD),
    ("ximagesink", "gstreamer1.0-x"),
    ("xvimagesink", "gstreamer1.0-x"),
    ("glimagesink", "gstreamer1.0-gl"),
    ("pulsesink", "gstreamer1.0-pulseaudio"),
    ("alsasrc", "gstreamer1.0-alsa"),
    ("libcamerasrc", "gstreamer1.0-libcamera"),
    ("pipewiresrc", "gstreamer1.0-pipewire"),
    ("nicesrc", "gstreamer1.0-nice"),
    ("nicesink", "gstreamer1.0-nice"),
];

/// Families, longest prefix first where one begins like another.
const BY_PREFIX: &[(&str, &str)] = &[
    ("avdec_", LIBAV),
    ("avenc_", LIBAV),
    ("avdemux_", LIBAV),
    ("avmux_", LIBAV),
    ("vaapi", "gstreamer1.0-vaapi"),
    ("va", BAD),
    ("nv", BAD),
    ("msdk", BAD),
    ("v4l2", GOOD),
    ("vp8", GOOD),
    ("vp9", GOOD),
    ("rtp", GOOD),
    ("gl", "gstreamer1.0-gl"),
    ("qml", "gstreamer1.0-qt5"),
    ("mpeg2", UGLY),
    ("asf", UGLY),
];

const BASE: &str = "gstreamer1.0-plugins-base";
const PANGO: &str = "gstreamer1.0-plugins-base";
const GOOD: &str = "gstreamer1.0-plugins-good";
const BAD: &str = "gstreamer1.0-plugins-bad";
const UGLY: &str = "gstreamer1.0-plugins-ugly";
const LIBAV: &str = "gstreamer1.0-libav";

/// The Debian package that has the element, where known.
pub fn debian_package(element: &str) -> Option<&'static str> {
    let exact = BY_NAME.iter().find(|(name, _)| *name == element);
    let family = || BY_PREFIX.iter().find(|(prefix, _)| element.starts_with(prefix));
    exact.or_else(family).map(|(_, package)| *package)
}

/// The fix for a missing element, as the end of a sentence.
pub(crate) fn remedy(element: &str) -> String {
    match debian_package(element) {
        Some(package) => format!("install the Debian package {package} (apt-get install {package})"),
        None => {
            format!(
                "find it with `apt-file search {element}`, or check its spelling with `gst-inspect-1.0 {element}`"
            )
        }
    }
}

/// The package with a decoder, demuxer or parser for a media type of GStreamer's.
pub(crate) fn package_for_media_type(media_type: &str) -> &'static str {
    match media_type {
        "video/x-vp8" | "video/x-vp9" | "image/png" | "video/x-matroska" | "video/webm"
        | "video/x-msvideo" | "video/quicktime" | "video/x-flv" => GOOD,
        "video/x-av1" | "video/mpegts" | "application/x-hls" | "application/dash+xml" => BAD,
        "video/x-ms-asf" => UGLY,
        _ => LIBAV,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_families() {
        for (element, package) in [
            ("x264enc", UGLY),
            ("avdec_h264", LIBAV),
            ("rtspsrc", GOOD),
            ("h264parse", BAD),
            ("rtph264depay", GOOD),
            ("vah264dec", BAD),
            ("vaapih264dec", "gstreamer1.0-vaapi"),
        ] {
            assert_eq!(debian_package(element), Some(package), "{element}");
        }
        assert_eq!(debian_package("frobnicate"), None);
    }
}
