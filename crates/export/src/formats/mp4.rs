//! MP4 files: one video per run, playable up to its last second however the run ends.

use std::path::PathBuf;

use garde::Validate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_media::{Codec, EncodedStream, Mp4Summary, Mp4Writer, Overwrite};
use watchpost_model::StreamTime;
use watchpost_template::Counts;

use crate::{
    format::{DataKind, Format, Plan, Request, VideoOutput},
    picture::{Moment, PictureError, VideoSink, Written},
    pictures, settings,
    video::VideoSettings,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "mp4",
    title: "MP4",
    summary: "A video file that plays up to its last second, whatever happens",
    schemes: &["mp4"],
    accepts: &[DataKind::Pictures],
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
    let settings = settings::read_both::<VideoSettings, Settings>(request.handler, &mut problems);
    let target = pictures::target(&FORMAT, request, false, &mut problems);
    let video = settings.as_ref().and_then(|(video, _)| video.check(request.handler, &mut problems));
    let (Some((selection, target)), Some(video), Some((_, settings)), true) =
        (target, video, settings, problems.is_empty())
    else {
        return Err(problems);
    };
    let path = target.names.path(&target.names.name(b"null", 0, &mut Counts::default()).text);
    let overwrite = match settings.overwrite {
        OverwriteWord::Number => Overwrite::Number,
        OverwriteWord::Time => Overwrite::Time,
        OverwriteWord::Replace => Overwrite::Replace,
    };
    let output = VideoOutput {
        video,
        carries: &[Codec::H264, Codec::H265],
        make: Box::new(move || {
            Box::new(Mp4Sink {
                path: path.clone(),
                overwrite,
                writing: None,
                last: StreamTime::ZERO,
                done: Vec::new(),
            })
        }),
    };
    Ok(pictures::video_plan(&FORMAT, request, selection, output))
}

struct Mp4Sink {
    path: PathBuf,
    overwrite: Overwrite,
    writing: Option<(EncodedStream, Mp4Writer)>,
    /// The last frame that was looked at.
    last: StreamTime,
    done: Vec<Written>,
}

impl VideoSink for Mp4Sink {
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError> {
        self.complete()?;
        self.writing = Some((video.clone(), Mp4Writer::start(&self.path, self.overwrite, video)?));
        Ok(())
    }

    fn look(&mut self, moment: &Moment) -> Result<(), PictureError> {
        self.last = moment.time;
        match self.writing.as_ref().and_then(|(stream, writer)| writer.error().or_else(|| stream.error())) {
            Some(error) => Err(error.into()),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.complete()?;
        Ok(self.done)
    }
}

impl Mp4Sink {
    fn complete(&mut self) -> Result<(), PictureError> {
        let Some((stream, writer)) = self.writing.take() else { return Ok(()) };
        writer.end_after(self.last.since(stream.origin()));
        let Mp4Summary { path, frames, bytes, .. } = writer.finish()?;
        if frames > 0 {
            self.done.push(Written { path, count: frames, bytes });
        }
        Ok(())
    }
}
