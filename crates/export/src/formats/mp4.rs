//! MP4 files: one video per run, playable up to its last second however the run ends.

use std::path::PathBuf;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_media::{Codec, EncodePace, Encoder, EncoderSettings, Mp4Writer, Overwrite, Preset, Rate};
use watchpost_model::Size;
use watchpost_template::Counts;

use crate::{
    format::{DataKind, Format, Plan, Request},
    picture::{Picture, PictureError, PictureSink, Written},
    pictures,
    settings::{self, problem},
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "mp4",
    title: "MP4",
    summary: "A video file that plays up to its last second, whatever happens",
    schemes: &["mp4"],
    accepts: &[DataKind::Pictures],
    example: r#"{"uri": "mp4:///video.mp4", "sink": "output-image", "config": {"fps": 10, "resolution": {"width": 640, "height": 360}}}"#,
    settings: settings::own_schema::<Settings>,
    plan,
};

/// Keys of `config`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// Size of the video: that of the source, or width and height in pixels.
    #[garde(skip)]
    resolution: Resolution,
    /// Frames per second: those of the source, or a number.
    #[garde(skip)]
    fps: Fps,
    /// How it is encoded.
    #[garde(dive)]
    codec: CodecSettings,
    /// What to do if the file is there already.
    #[garde(skip)]
    overwrite: OverwriteWord,
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
    /// The video codec; `h264` is the only one yet, and the default.
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
}

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum OverwriteWord {
    /// The new one has a number behind its name.
    #[default]
    Number,
    /// The new one has the time behind its name.
    Time,
    /// The new one takes its place.
    Replace,
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let settings = settings::read_own::<Settings>(request.handler, &mut problems);
    let target = pictures::target(&FORMAT, request, false, &mut problems);
    let recipe = settings.and_then(|settings| recipe(&settings, request, &mut problems));
    let (Some((selection, target)), Some(recipe), true) = (target, recipe, problems.is_empty()) else {
        return Err(problems);
    };
    let path = target.names.path(&target.names.name(b"null", 0, &mut Counts::default()).text);
    Ok(pictures::plan(&FORMAT, request, selection, move || {
        Box::new(Mp4Sink { path: path.clone(), recipe: recipe.clone(), state: State::Empty })
    }))
}

/// Everything an encoder needs but what the first pictures tell.
#[derive(Clone, Debug)]
struct Recipe {
    /// With a stand-in where `size` or `fps` are the source's.
    encoder: EncoderSettings,
    source_size: bool,
    source_fps: bool,
    overwrite: Overwrite,
}

fn recipe(settings: &Settings, request: &Request<'_>, problems: &mut Vec<Problem>) -> Option<Recipe> {
    let before = problems.len();
    let mut refuse = |key: &str, message: String| {
        problems.push(problem(request.handler, &format!("/config/{key}"), message, ""));
    };
    let pace = if request.instance.lossless { EncodePace::Fast } else { EncodePace::Live };
    let mut encoder = EncoderSettings::new(Size { width: 640, height: 480 }, Rate::DEFAULT, pace);
    if let Resolution::Fixed { width, height } = settings.resolution {
        encoder.size = Size { width, height };
    }
    if let Fps::Fixed(fps) = settings.fps {
        encoder.resample = true;
        match Rate::from_f64(fps) {
            Some(rate) => encoder.fps = rate,
            None => refuse("fps", format!("{fps} frames per second: expected 0.001 to 1000, or \"source\"")),
        }
    }
    if let Some(name) = &settings.codec.name {
        match name.parse::<Codec>() {
            Ok(codec) => encoder.codec = codec,
            Err(message) => refuse("codec/name", message),
        }
    }
    if let Some(name) = &settings.codec.preset {
        match name.parse::<Preset>() {
            Ok(preset) => encoder.preset = preset,
            Err(message) => refuse("codec/preset", message),
        }
    }
    encoder.bitrate_kbps = settings.codec.bitrate_kbps;
    if let Some(seconds) = settings.codec.keyframe_s {
        encoder.keyframe_ms = (seconds * 1000.0).round() as u32;
    }
    if let Err(error) = encoder.check() {
        refuse("resolution", error.message);
    }
    let overwrite = match settings.overwrite {
        OverwriteWord::Number => Overwrite::Number,
        OverwriteWord::Time => Overwrite::Time,
        OverwriteWord::Replace => Overwrite::Replace,
    };
    let source_size = matches!(settings.resolution, Resolution::Source(_));
    let source_fps = matches!(settings.fps, Fps::Source(_));
    (problems.len() == before).then_some(Recipe { encoder, source_size, source_fps, overwrite })
}

struct Mp4Sink {
    path: PathBuf,
    recipe: Recipe,
    state: State,
}

enum State {
    /// No picture yet: no file either.
    Empty,
    /// One picture: the second tells the rate.
    First(Picture),
    /// The file is open.
    Writing { encoder: Encoder, writer: Mp4Writer },
}

impl PictureSink for Mp4Sink {
    fn push(&mut self, picture: &Picture) -> Result<(), PictureError> {
        if picture.again {
            return Ok(());
        }
        match &self.state {
            State::Empty => self.state = State::First(picture.clone()),
            State::First(first) => {
                let first = first.clone();
                let span = picture.frame.time.since(first.frame.time).as_secs();
                self.state = self.start(&first, Rate::from_f64(1.0 / span))?;
                self.push(picture)?;
            }
            State::Writing { encoder, writer } => {
                if let Some(error) = writer.error() {
                    return Err(error.into());
                }
                encoder.push(&picture.shown, picture.frame.time)?;
            }
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        let state = match &self.state {
            State::First(first) => self.start(first, None)?,
            _ => self.state,
        };
        let State::Writing { encoder, writer } = state else { return Ok(Vec::new()) };
        encoder.finish()?;
        let file = writer.finish()?;
        Ok(vec![Written { path: file.path, count: file.frames, bytes: file.bytes }])
    }
}

impl Mp4Sink {
    fn start(&self, first: &Picture, rate: Option<Rate>) -> Result<State, PictureError> {
        let mut settings = self.recipe.encoder.clone();
        if self.recipe.source_size {
            settings.size = EncoderSettings::new(first.shown.size, settings.fps, settings.pace).size;
        }
        if let Some(rate) = rate.filter(|_| self.recipe.source_fps) {
            settings.fps = rate;
        }
        let encoder = Encoder::start(settings)?;
        let writer = Mp4Writer::start(&self.path, self.recipe.overwrite, &encoder)?;
        encoder.push(&first.shown, first.frame.time)?;
        Ok(State::Writing { encoder, writer })
    }
}
