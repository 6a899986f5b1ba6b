//! MP4 files: a video of all there is, in one piece or in segments, or clips around events; playable up to
//! their last second however a run ends.

mod kept;
mod sink;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_media::{Codec, Overwrite};
use watchpost_model::StreamTime;
use watchpost_template::Counts;

use self::sink::{Files, Mp4Sink, Shape};
use crate::{
    files::Retention,
    format::{DataKind, Format, Plan, Request, VideoOutput},
    pictures,
    settings::{self, problem},
    video::VideoSettings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "mp4",
    title: "MP4",
    summary: "A video file that plays up to its last second, whatever happens",
    schemes: &["mp4"],
    accepts: &[DataKind::Pictures],
    viewers: false,
    example: r#"{"uri": "mp4:///video.mp4", "sink": "output-image", "config": {"fps": 10, "resolution": {"width": 640, "height": 360}}}"#,
    settings: settings::schema_of_both::<VideoSettings, Settings>,
    plan,
};

/// Keys of `config` beside those of all video formats.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Settings {
    /// What to do if the file is there already.
    #[garde(skip)]
    overwrite: OverwriteWord,
    /// A new file from time to time, each beginning with a key frame; none lacks or repeats a frame. Absent: one
    /// file.
    #[garde(dive)]
    segment: Option<Segment>,
    /// Only clips around events, a file each; events that follow one another share one. Absent: everything.
    #[garde(dive)]
    clip: Option<Clip>,
    /// How many of its files stay, those of earlier runs counted. Absent: all.
    #[garde(dive)]
    retention: Option<Retention>,
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

#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Segment {
    /// A new file with the first key frame after so many seconds, 1 to 86 400.
    #[garde(inner(range(min = 1.0, max = 86_400.0)))]
    seconds: Option<f64>,
    /// A new file with the first key frame after so many bytes, from 100 000 on.
    #[garde(inner(range(min = 100_000)))]
    bytes: Option<u64>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
struct Clip {
    /// Seconds before the event, 0 to 60; it begins with the key frame before that.
    #[garde(range(min = 0.0, max = 60.0))]
    before_s: f64,
    /// Seconds after the event, 0 to 3600.
    #[garde(range(min = 0.0, max = 3600.0))]
    after_s: f64,
}

impl Default for Clip {
    fn default() -> Self {
        Self { before_s: 5.0, after_s: 5.0 }
    }
}

fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let settings = settings::read_both::<VideoSettings, Settings>(request.handler, &mut problems);
    let target = pictures::target(&FORMAT, request, false, &mut problems);
    let video = settings.as_ref().and_then(|(video, _)| video.check(request.handler, &mut problems));
    let shape = settings.as_ref().and_then(|(_, settings)| shape(settings, request, &mut problems));
    let retention = settings.as_ref().and_then(|(_, settings)| settings.retention);
    pictures::check_retention(request, retention, &mut problems);
    let (Some((selection, target)), Some(video), Some((_, settings)), Some(shape), true) =
        (target, video, settings, shape, problems.is_empty())
    else {
        return Err(problems);
    };
    let path = target.names.path(&target.names.name(b"null", 0, &mut Counts::default()).text);
    let overwrite = match settings.overwrite {
        OverwriteWord::Number => Overwrite::Number,
        OverwriteWord::Time => Overwrite::Time,
        OverwriteWord::Replace => Overwrite::Replace,
    };
    let files = Files::new(path, overwrite, target.key, retention);
    let output = VideoOutput {
        video,
        carries: &[Codec::H264, Codec::H265],
        make: Box::new(move || Box::new(Mp4Sink::new(files.clone(), shape))),
        gone: None,
    };
    Ok(pictures::video_plan(&FORMAT, request, selection, output))
}

fn shape(settings: &Settings, request: &Request<'_>, problems: &mut Vec<Problem>) -> Option<Shape> {
    let mut refuse = |key: &str, message: &str, fix: &str| {
        problems.push(problem(request.handler, &format!("/config/{key}"), message, fix));
        None
    };
    match (settings.segment, settings.clip) {
        (None, None) => Some(Shape::Whole),
        (Some(_), Some(_)) => refuse("clip", "clips are files of their own", "remove `segment` or `clip`"),
        (Some(Segment { seconds: None, bytes: None }), None) => {
            refuse("segment", "says neither how long nor how large", "expected `seconds`, `bytes` or both")
        }
        (Some(Segment { seconds, bytes }), None) => {
            Some(Shape::Segments { after: seconds.map(StreamTime::from_secs), bytes })
        }
        (None, Some(Clip { before_s, after_s })) => Some(Shape::Clips {
            before: StreamTime::from_secs(before_s),
            after: StreamTime::from_secs(after_s),
        }),
    }
}
