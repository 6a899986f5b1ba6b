//! Which element encodes: hardware where GStreamer offers some and the user does not refuse it, else software.
//!
//! GStreamer registers hardware encoders only where their device is there (VA: one for each render node; NVENC:
//! where CUDA finds a card; V4L2: one for each memory-to-memory device), so what is registered is what can be used.

use super::{EncodePace, EncoderSettings, Preset};

/// An element that encodes H.264.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `vah264enc`, `vah264lpenc`: Intel and AMD by VA-API.
    Va(&'static str),
    /// `nvh264enc`: NVIDIA.
    Nvenc,
    /// `v4l2h264enc`: boards such as the Raspberry Pi.
    V4l2,
    /// `x264enc`.
    X264,
    /// `openh264enc`.
    OpenH264,
}

/// In the order in which they are preferred: cards of their own first, x264 before openh264 for its quality.
const ALL: [Kind; 6] =
    [Kind::Nvenc, Kind::Va("vah264enc"), Kind::Va("vah264lpenc"), Kind::V4l2, Kind::X264, Kind::OpenH264];

impl Kind {
    /// The name of its factory.
    pub(super) const fn factory(self) -> &'static str {
        match self {
            Self::Va(factory) => factory,
            Self::Nvenc => "nvh264enc",
            Self::V4l2 => "v4l2h264enc",
            Self::X264 => "x264enc",
            Self::OpenH264 => "openh264enc",
        }
    }

    pub(super) const fn is_hardware(self) -> bool {
        matches!(self, Self::Va(_) | Self::Nvenc | Self::V4l2)
    }
}

/// What may be tried, best first. `is_there`: whether a factory is registered.
pub(super) fn candidates(hardware: bool, is_there: impl Fn(&str) -> bool) -> Vec<Kind> {
    let may = |kind: &Kind| (hardware || !kind.is_hardware()) && is_there(kind.factory());
    ALL.into_iter().filter(may).collect()
}

/// Properties of a hardware encoder as `gst-launch` takes them; those that an element's version lacks are left out.
pub(super) fn properties(
    kind: Kind,
    settings: &EncoderSettings,
    quality: u32,
) -> Vec<(&'static str, String)> {
    let keyframe_frames = settings.fps.as_f64() * f64::from(settings.keyframe_ms) / 1000.0;
    let frames = (keyframe_frames * 2.0).ceil().max(1.0).to_string();
    let (kbps, quality) = (settings.max_kbps().to_string(), quality.to_string());
    let constant = settings.bitrate_kbps.is_none();
    let text = |text: &str| text.to_owned();
    match kind {
        Kind::Va(_) => vec![
            ("b-frames", text("0")),
            ("key-int-max", frames),
            ("rate-control", text(if constant { "cqp" } else { "vbr" })),
            ("qpi", quality.clone()),
            ("qpp", quality),
            ("bitrate", kbps),
            ("target-usage", usage(settings.preset).to_string()),
        ],
        Kind::Nvenc => vec![
            ("bframes", text("0")),
            ("gop-size", frames),
            ("rc-mode", text(if constant { "constqp" } else { "vbr" })),
            ("qp-const", quality),
            ("bitrate", kbps.clone()),
            ("max-bitrate", kbps),
            ("zerolatency", (settings.pace == EncodePace::Live).to_string()),
        ],
        Kind::V4l2 => vec![(
            "extra-controls",
            format!(
                "controls,video_bitrate={},h264_i_frame_period={frames},repeat_sequence_header=1",
                settings.max_kbps().saturating_mul(1000)
            ),
        )],
        Kind::X264 | Kind::OpenH264 => Vec::new(),
    }
}

/// VA's scale: 1 is best, 7 is fastest.
const fn usage(preset: Preset) -> u32 {
    match preset {
        Preset::Ultrafast | Preset::Superfast => 7,
        Preset::Veryfast => 6,
        Preset::Faster => 5,
        Preset::Fast => 4,
        Preset::Medium => 3,
        Preset::Slow => 2,
    }
}

#[cfg(test)]
mod tests {
    use watchpost_model::Size;

    use super::*;
    use crate::Rate;

    fn names(hardware: bool, registered: &[&str]) -> Vec<&'static str> {
        let there = |factory: &str| registered.contains(&factory);
        candidates(hardware, there).into_iter().map(Kind::factory).collect()
    }

    #[test]
    fn hardware_comes_first_unless_it_is_refused_or_not_there() {
        let software = ["x264enc", "openh264enc"];
        assert_eq!(names(true, &software), software);
        let intel = ["vah264enc", "vah264lpenc", "x264enc", "openh264enc"];
        assert_eq!(names(true, &intel), intel);
        assert_eq!(names(false, &intel), software);
        let both = ["x264enc", "v4l2h264enc", "vah264enc", "nvh264enc"];
        assert_eq!(names(true, &both), ["nvh264enc", "vah264enc", "v4l2h264enc", "x264enc"]);
        assert_eq!(names(true, &["v4l2h264enc"]), ["v4l2h264enc"]);
        assert!(names(false, &["v4l2h264enc"]).is_empty());
    }

    #[test]
    fn settings_become_the_element_s_own() {
        let size = Size { width: 1280, height: 720 };
        let settings = EncoderSettings::new(size, Rate::DEFAULT, EncodePace::Live);
        let of = |kind, settings: &EncoderSettings, name: &str| {
            let found = properties(kind, settings, 23).into_iter().find(|(property, _)| *property == name);
            found.map(|(_, value)| value).unwrap_or_default()
        };
        let va = Kind::Va("vah264enc");
        assert_eq!(
            (of(va, &settings, "rate-control"), of(va, &settings, "qpi")),
            ("cqp".into(), "23".into())
        );
        assert_eq!(of(va, &settings, "key-int-max"), "100");
        assert_eq!(of(Kind::Nvenc, &settings, "zerolatency"), "true");
        let settings = EncoderSettings { bitrate_kbps: Some(2000), pace: EncodePace::Fast, ..settings };
        assert_eq!(
            (of(va, &settings, "rate-control"), of(va, &settings, "bitrate")),
            ("vbr".into(), "2000".into())
        );
        assert_eq!(of(Kind::Nvenc, &settings, "zerolatency"), "false");
        assert!(of(Kind::V4l2, &settings, "extra-controls").contains("video_bitrate=2000000"));
    }
}
