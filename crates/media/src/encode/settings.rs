//! What an encode costs and looks like. Equal settings share one encoder.

use watchpost_model::Size;

use crate::{MediaError, MediaErrorKind, Rate};

/// Largest side of an encoded picture: level 5.2 of H.264 ends there, and so do players.
const MAX_SIDE: u32 = 8192;

/// Settings of one encoder. Two outputs whose settings are equal cost one encode: keep encoders in
/// a map by this.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EncoderSettings {
    /// Of the encoded picture; frames of another size are scaled. Both sides even.
    pub size: Size,
    /// Frames per second: what the frames come at, or with `resample` what they are brought to.
    pub fps: Rate,
    /// Drop and repeat frames to hold `fps` exactly.
    pub resample: bool,
    /// Which codec.
    pub codec: Codec,
    /// Mean rate in kbit/s; `None`: constant quality, bounded by a rate that follows from the size.
    pub bitrate_kbps: Option<u32>,
    /// Speed against size.
    pub preset: Preset,
    /// Whether a hardware encoder may be used where there is one.
    pub hardware: bool,
    /// At most this long from one key frame to the next, in ms.
    pub keyframe_ms: u32,
    /// Who waits when the encoder is behind.
    pub pace: EncodePace,
}

impl EncoderSettings {
    /// Good for any output: H.264 of constant quality, a key frame every 2 s.
    pub const fn new(size: Size, fps: Rate, pace: EncodePace) -> Self {
        Self {
            size: Size { width: even(size.width), height: even(size.height) },
            fps,
            resample: false,
            codec: Codec::H264,
            bitrate_kbps: None,
            preset: Preset::Veryfast,
            hardware: true,
            keyframe_ms: 2000,
            pace,
        }
    }

    /// Refuses what no encoder takes.
    ///
    /// # Errors
    /// A side that is odd, 0 or beyond 8192; a rate or key-frame distance out of range.
    pub fn check(&self) -> Result<(), MediaError> {
        let sides = [self.size.width, self.size.height];
        let wrong = if sides.iter().any(|side| !(16..=MAX_SIDE).contains(side) || side % 2 == 1) {
            format!(
                "resolution {}x{}: both sides must be even and 16 to {MAX_SIDE}",
                self.size.width, self.size.height
            )
        } else if self.bitrate_kbps.is_some_and(|kbps| !(10..=200_000).contains(&kbps)) {
            format!("bitrate_kbps {}: expected 10 to 200000", self.bitrate_kbps.unwrap_or_default())
        } else if !(40..=60_000).contains(&self.keyframe_ms) {
            format!("key frames every {} ms: expected 40 to 60000", self.keyframe_ms)
        } else if self.codec != Codec::H264 {
            format!("{} is passed on, not encoded: expected h264", self.codec.title())
        } else {
            return Ok(());
        };
        Err(MediaError::new(MediaErrorKind::BadSetting, wrong, ""))
    }

    /// The rate in kbit/s that the encoder may not exceed for long.
    pub fn max_kbps(&self) -> u32 {
        self.bitrate_kbps.unwrap_or_else(|| {
            // 0.15 bits for each pixel, and no less than 15 frames' worth: 1080p30 gets 9.3 Mbit/s.
            let pixels = f64::from(self.size.width) * f64::from(self.size.height);
            (pixels * self.fps.as_f64().max(15.0) * 0.15 / 1000.0).clamp(200.0, 60_000.0) as u32
        })
    }
}

/// The nearest even number that is not larger; encoders take 4:2:0 in whole chroma samples.
const fn even(side: u32) -> u32 {
    side & !1
}

/// Codecs that outputs can carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Codec {
    /// H.264 (ITU-T H.264): every output takes it.
    #[default]
    H264,
    /// H.265 (ITU-T H.265): comes from cameras and is passed on; nothing here encodes it.
    H265,
}

impl Codec {
    /// As people write it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::H264 => "H.264",
            Self::H265 => "H.265",
        }
    }

    /// The codec of such caps; `None` for others.
    pub(crate) fn of_media_type(name: &str) -> Option<Self> {
        match name {
            "video/x-h264" => Some(Self::H264),
            "video/x-h265" => Some(Self::H265),
            _ => None,
        }
    }
}

impl std::str::FromStr for Codec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "h264" | "h.264" | "avc" | "x264" => Ok(Self::H264),
            _ => Err(format!("unknown codec `{text}`: expected h264")),
        }
    }
}

/// x264's names for speed against size; openh264 knows three steps and takes the nearest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Preset {
    /// Fastest, largest.
    Ultrafast,
    /// Very fast.
    Superfast,
    /// The default: half the size of `ultrafast` for little more work.
    #[default]
    Veryfast,
    /// Faster than medium.
    Faster,
    /// Fast.
    Fast,
    /// x264's own default.
    Medium,
    /// Slow.
    Slow,
}

impl Preset {
    /// Every preset, fastest first.
    pub const ALL: [Self; 7] = [
        Self::Ultrafast,
        Self::Superfast,
        Self::Veryfast,
        Self::Faster,
        Self::Fast,
        Self::Medium,
        Self::Slow,
    ];

    /// x264's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
            Self::Slow => "slow",
        }
    }
}

impl std::str::FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|preset| preset.name() == text).ok_or_else(|| {
            format!("unknown preset `{text}`: expected one of {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// What happens when frames come faster than they are encoded and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncodePace {
    /// [`super::Encoder::push`] waits; nothing is ever dropped. The encoder may look ahead.
    Fast,
    /// Frames are skipped and counted; the encoder gives out each frame at once.
    Live,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_names() {
        let size = Size { width: 1921, height: 1080 };
        let settings = EncoderSettings::new(size, Rate::DEFAULT, EncodePace::Fast);
        assert_eq!(settings.size.width, 1920);
        settings.check().unwrap();
        assert!((7000..8000).contains(&settings.max_kbps()), "{}", settings.max_kbps());
        for wrong in [
            EncoderSettings { size: Size { width: 0, height: 100 }, ..settings.clone() },
            EncoderSettings { bitrate_kbps: Some(1), ..settings.clone() },
            EncoderSettings { keyframe_ms: 0, ..settings.clone() },
        ] {
            assert_eq!(wrong.check().unwrap_err().kind, MediaErrorKind::BadSetting);
        }
        assert_eq!("veryfast".parse(), Ok(Preset::Veryfast));
        assert!("warp".parse::<Preset>().unwrap_err().contains("ultrafast, superfast"));
        assert!("vp9".parse::<Codec>().is_err());
    }
}
