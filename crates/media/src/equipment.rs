//! What this machine's GStreamer can do for Watchpost: what `watchpost doctor` reports of it.

use gstreamer as gst;
use gstreamer_rtsp_server::gio::{self, prelude::*};

use crate::{MediaError, encode, packages, render};

/// What is there and what is not.
#[derive(Clone, Debug)]
pub struct Equipment {
    /// `1.22.0`.
    pub gstreamer: String,
    /// In the order of [`NEEDS`].
    pub needs: Vec<Need>,
    /// Factories of H.264 encoders, in the order in which they are tried; the first is used.
    pub encoders: Vec<&'static str>,
    /// How many of them, from the first, are hardware.
    pub hardware_encoders: usize,
    /// `rtsps://` and `rtmps://` work.
    pub has_tls: bool,
    /// Labels can be drawn.
    pub has_font: bool,
}

/// Something that people do with Watchpost, and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// What for: `RTSP cameras`.
    pub what: &'static str,
    /// Missing elements, each with the Debian package that has it where known.
    pub missing: Vec<(&'static str, Option<&'static str>)>,
}

/// What it is for; elements that must all be there, where of those within one entry any will do.
const NEEDS: &[(&str, &[&[&str]])] = &[
    ("video files", &[&["decodebin3"], &["qtdemux"], &["avidemux"], &["matroskademux"], &["h264parse"]]),
    ("H.264 decoding", &[&["avdec_h264", "openh264dec", "vah264dec", "nvh264dec", "v4l2h264dec"]]),
    ("H.265 decoding", &[&["avdec_h265", "libde265dec", "vah265dec", "nvh265dec", "v4l2h265dec"]]),
    ("RTSP cameras", &[&["rtspsrc"], &["rtph264depay"], &["rtph265depay"], &["rtpjpegdepay"]]),
    ("HTTP cameras", &[&["souphttpsrc"], &["multipartdemux"], &["jpegdec"]]),
    ("local cameras", &[&["v4l2src"]]),
    ("RTSP exports", &[&["rtph264pay"], &["rtph265pay"]]),
    ("RTMP exports", &[&["rtmp2sink"], &["flvmux"]]),
];

impl Equipment {
    /// Looks; takes as long as GStreamer's first start, and some 100 ms for fonts.
    ///
    /// # Errors
    /// GStreamer itself is missing or too old.
    pub fn look() -> Result<Self, MediaError> {
        crate::init()?;
        let is_there = |name: &str| gst::ElementFactory::find(name).is_some();
        let (encoders, hardware_encoders) = encode::on_this_machine();
        let (major, minor, micro, _) = gst::version();
        Ok(Self {
            gstreamer: format!("{major}.{minor}.{micro}"),
            needs: NEEDS.iter().map(|(what, all)| need(what, all, is_there)).collect(),
            encoders,
            hardware_encoders,
            has_tls: gio::TlsBackend::default().supports_tls(),
            has_font: render::has_font(),
        })
    }
}

fn need(what: &'static str, all: &[&[&'static str]], is_there: impl Fn(&str) -> bool) -> Need {
    let lacking = all.iter().filter(|any| !any.iter().any(|name| is_there(name)));
    // Of those that would do the first is the one to install.
    let missing = lacking.filter_map(|any| any.first()).map(|name| (*name, packages::debian_package(name)));
    Need { what, missing: missing.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_those_that_do_the_same_is_enough() {
        let all: &[&[&str]] = &[&["rtspsrc"], &["avdec_h264", "openh264dec"]];
        assert_eq!(need("x", all, |name| name != "avdec_h264").missing, []);
        let missing = need("x", all, |name| name == "rtspsrc").missing;
        assert_eq!(missing, [("avdec_h264", Some("gstreamer1.0-libav"))]);
    }

    #[test]
    fn everything_that_is_looked_for_has_a_package() {
        for name in NEEDS.iter().flat_map(|(_, all)| all.iter()).flat_map(|any| any.iter()) {
            assert!(packages::debian_package(name).is_some(), "{name}");
        }
    }

    #[test]
    fn this_machine_is_equipped() {
        let found = Equipment::look().unwrap();
        assert!(found.gstreamer.starts_with("1."), "{}", found.gstreamer);
        assert!(!found.encoders.is_empty() && found.has_font && found.has_tls);
        assert_eq!(found.needs.iter().map(|need| need.missing.len()).sum::<usize>(), 0, "{:?}", found.needs);
    }
}
