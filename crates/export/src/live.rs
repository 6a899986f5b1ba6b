//! What RTSP, RTMP and pipelines of the user's own have in common.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_config::Problem;
use watchpost_media::{MediaError, MediaErrorKind, Rate, Thinner};
use watchpost_model::StreamTime;

use crate::{
    format::Request,
    picture::{Picture, PictureError},
    settings::problem,
    video::Video,
};

/// GStreamer's debug level, as the reference writes it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected \"0\" to \"9\"")]
pub(crate) enum Level {
    /// `"4"`
    Text(String),
    /// `4`
    Number(u8),
}

impl Default for Level {
    fn default() -> Self {
        Self::Text("0".to_owned())
    }
}

impl Level {
    /// 0 to 9; anything else is a problem.
    pub fn check(&self, request: &Request<'_>, problems: &mut Vec<Problem>) -> u8 {
        let level = match self {
            Self::Text(text) => text.trim().parse().ok(),
            Self::Number(number) => Some(*number),
        };
        level.filter(|level| *level <= 9).unwrap_or_else(|| {
            let message = "is no debug level";
            problems.push(problem(
                request.handler,
                "/config/debug",
                message,
                "expected \"0\" (nothing) to \"9\"",
            ));
            0
        })
    }
}

/// A problem where a file passes faster than time: nobody can watch that live.
pub(crate) fn refuse_fast(request: &Request<'_>, title: &str, problems: &mut Vec<Problem>) {
    if request.instance.lossless {
        let message = format!("{title} shows what passes in real time, and this file plays at pace `fast`");
        let fix = "set `Input.pace` to \"realtime\", or export to mp4 or hls";
        problems.push(problem(request.handler, "/uri", message, fix));
    }
}

/// A pipeline of the user's own gets frames as they are: what it should do with them is in its text.
pub(crate) fn refuse_conversion(video: &Video, request: &Request<'_>, problems: &mut Vec<Problem>) {
    for (key, is_there) in
        [("resolution", video.resolution.is_some()), ("codec", request.handler.config.contains_key("codec"))]
    {
        if is_there {
            let message = format!("a pipeline of your own says itself what becomes of the {key}");
            let fix = match key {
                "resolution" => {
                    "put `videoscale ! video/x-raw,width=...,height=...` into the pipeline instead"
                }
                _ => "set the properties of its encoder instead",
            };
            problems.push(problem(request.handler, &format!("/config/{key}"), message, fix));
        }
    }
}

/// Which pictures go into a pipeline of the user's own, and at what rate they come.
pub(crate) struct Cadence {
    wanted: Option<Rate>,
    thinner: Option<Thinner>,
    last: Option<StreamTime>,
    measured: Option<Rate>,
}

impl Cadence {
    /// At most `wanted` frames a second; `None`: all.
    pub fn new(wanted: Option<Rate>) -> Self {
        Self { wanted, thinner: wanted.map(Thinner::new), last: None, measured: None }
    }

    /// The rate to announce for this picture; `None`: it is left out. The first picture always is: only the
    /// second tells how fast they come.
    pub fn takes(&mut self, picture: &Picture) -> Option<Rate> {
        let time = picture.frame.time;
        if picture.again {
            return None;
        }
        let since = self.last.replace(time).map(|last| time.since(last).as_secs());
        if self.measured.is_none() {
            self.measured = since.and_then(|span| Rate::from_f64(1.0 / span));
        }
        let source = self.measured?;
        let takes = self.thinner.as_mut().is_none_or(|thinner| thinner.takes(time));
        let rate = self.wanted.filter(|wanted| wanted.as_f64() < source.as_f64()).unwrap_or(source);
        takes.then_some(rate)
    }
}

/// A pipeline's failure may pass by itself, unless it is one of its text: what is made of it is torn down, and
/// made anew with growing pauses.
pub(crate) fn retried(error: MediaError) -> PictureError {
    match error.kind {
        MediaErrorKind::MissingElement | MediaErrorKind::BadSetting => error.into(),
        MediaErrorKind::Permission | MediaErrorKind::DiskFull => PictureError::Blocked(error.message),
        _ => PictureError::Retry(error.message),
    }
}
