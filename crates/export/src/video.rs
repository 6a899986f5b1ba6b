//! What all video formats have in common: the keys `resolution`, `fps` and `codec`, and what makes outputs
//! share one encoder.
//!
//! A video format (MP4, RTSP, RTMP, HLS) reads its `config` with [`crate::settings::read_both`] as
//! [`VideoSettings`] and keys of its own, turns the first into [`Video`] with [`VideoSettings::check`], and
//! plans an [`Output::Video`](crate::Output): the runtime finds or starts the encoder (or passes on the
//! `source` stream) and gives it to the [`VideoSink`](crate::VideoSink). Outputs whose [`Video`] asks for the
//! same of the same pictures share an encoder, whatever their formats.

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::{Handler, Problem};
use watchpost_media::{Codec, EncodePace, EncoderSettings, Preset, Rate};
use watchpost_model::Size;

use crate::settings::problem;

/// Keys of `config` that every video format has.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct VideoSettings {
    /// Size of the video: that of the source, or width and height in pixels.
    #[garde(skip)]
    resolution: Resolution,
    /// Frames per second: those of the source, or a number.
    #[garde(skip)]
    fps: Fps,
    /// How it is encoded.
    #[garde(dive)]
    codec: CodecSettings,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"source\" or {\"width\": pixels, \"height\": pixels}")]
enum Resolution {
    Source(SourceWord),
    Fixed { width: u32, height: u32 },
}

impl Default for Resolution {
    fn default() -> Self {
        Self::Source(SourceWord::Source)
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"source\" or frames per second")]
enum Fps {
    Source(SourceWord),
    Fixed(f64),
}

impl Default for Fps {
    fn default() -> Self {
        Self::Source(SourceWord::Source)
    }
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SourceWord {
    Source,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct CodecSettings {
    /// The video codec; `h264` is the only one that is encoded, and the default.
    #[garde(skip)]
    name: Option<String>,
    /// Mean rate in kbit/s, 10 to 200 000. Absent: constant quality.
    #[garde(inner(range(min = 10, max = 200_000)))]
    bitrate_kbps: Option<u32>,
    /// Speed against size, by x264's names, `ultrafast` to `slow`. Absent: `veryfast`.
    #[garde(skip)]
    preset: Option<String>,
    /// Seconds from one key frame to the next at most, 0.04 to 60. Absent: 2.
    #[garde(inner(range(min = 0.04, max = 60.0)))]
    keyframe_s: Option<f64>,
    /// Whether a hardware encoder (VA, NVENC, V4L2) may be used where GStreamer offers one. Absent: yes.
    #[garde(skip)]
    hardware: Option<bool>,
}

/// What an output asks of the video it takes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Video {
    /// `None`: the source's.
    pub resolution: Option<Size>,
    /// `None`: the source's.
    pub fps: Option<Rate>,
    /// Codec, preset, rate and key frames; its size, rate and pace are stand-ins.
    codec: EncoderSettings,
}

impl VideoSettings {
    /// Holds the values against what encoders take.
    pub fn check(&self, handler: &Handler, problems: &mut Vec<Problem>) -> Option<Video> {
        let before = problems.len();
        let mut refuse = |key: &str, message: String| {
            problems.push(problem(handler, &format!("/config/{key}"), message, ""));
        };
        let stand_in = Size { width: 640, height: 480 };
        let mut codec = EncoderSettings::new(stand_in, Rate::DEFAULT, EncodePace::Fast);
        if let Some(name) = &self.codec.name {
            match name.parse::<Codec>() {
                Ok(known) => codec.codec = known,
                Err(message) => refuse("codec/name", message),
            }
        }
        if let Some(name) = &self.codec.preset {
            match name.parse::<Preset>() {
                Ok(preset) => codec.preset = preset,
                Err(message) => refuse("codec/preset", message),
            }
        }
        codec.bitrate_kbps = self.codec.bitrate_kbps;
        codec.hardware = self.codec.hardware.unwrap_or(true);
        if let Some(seconds) = self.codec.keyframe_s {
            codec.keyframe_ms = (seconds * 1000.0).round() as u32;
        }
        let resolution = match self.resolution {
            Resolution::Source(_) => None,
            Resolution::Fixed { width, height } => Some(Size { width, height }),
        };
        let with_size = EncoderSettings { size: resolution.unwrap_or(stand_in), ..codec.clone() };
        if let Err(error) = with_size.check() {
            refuse("resolution", error.message);
        }
        let fps = match self.fps {
            Fps::Source(_) => None,
            Fps::Fixed(fps) => {
                let rate = Rate::from_f64(fps);
                if rate.is_none() {
                    refuse("fps", format!("{fps} frames per second: expected 0.001 to 1000, or \"source\""));
                }
                rate
            }
        };
        (problems.len() == before).then_some(Video { resolution, fps, codec })
    }
}

impl Video {
    /// The source's size and rate, in constant quality.
    pub fn like_the_source() -> Self {
        let codec = EncoderSettings::new(Size { width: 640, height: 480 }, Rate::DEFAULT, EncodePace::Fast);
        Self { resolution: None, fps: None, codec }
    }

    /// Whether video can be passed on as it is: nothing of it is to be changed.
    pub fn is_as_it_comes(&self) -> bool {
        self.resolution.is_none() && self.fps.is_none()
    }

    /// The encoder it needs for pictures of this size and rate. Equal settings share one.
    pub fn encoder(&self, size: Size, fps: Option<Rate>, pace: EncodePace) -> EncoderSettings {
        let rate = self.fps.or(fps).unwrap_or(Rate::DEFAULT);
        let even = EncoderSettings::new(self.resolution.unwrap_or(size), rate, pace).size;
        EncoderSettings { size: even, fps: rate, resample: self.fps.is_some(), pace, ..self.codec.clone() }
    }
}
