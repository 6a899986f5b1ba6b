//! The user's own detections: one JSON object a frame, from wherever they come.

mod follow;
mod lines;
mod parse;
mod posted;
mod reader;
mod refusals;
mod replay;
mod socket;
mod timeline;

use std::path::PathBuf;

pub use lines::MAX_LINE_BYTES;
pub use parse::{Line, LineError, parse_line};
pub use posted::{Body, Inlet, NotTaking, Posted};
pub(crate) use reader::{Read, Reader, Setup, open_file};
pub(crate) use refusals::Refusals;
pub(crate) use timeline::UNIX_FROM_MS;
use watchpost_config::{Follow, Root};
use watchpost_model::Size;

use crate::{Request, Source, SourceError, recorded};

/// Where the lines come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// `ndjson://-`.
    Stdin,
    /// `ndjson:///path`, once.
    File(PathBuf),
    /// The same with `Input.follow`.
    Follow(PathBuf, Follow),
    /// `ndjson+unix:///path`.
    Socket(PathBuf),
    /// `ndjson+post://`.
    Posted,
    /// `mot:///path`, `coco:///path`.
    Recorded(recorded::Kind, PathBuf),
}

impl Origin {
    /// What the URI of `request` means.
    pub fn of(request: &Request<'_>) -> Result<Self, SourceError> {
        let path = |example: &str| {
            let resolved = request.paths.own(request.uri, Root::Data);
            resolved
                .map(|resolved| resolved.path)
                .map_err(|error| SourceError::new(request.path, format!("{error}{example}")))
        };
        let follow = request.input.follow;
        let origin = match request.kind.name {
            "post" => Self::Posted,
            "unix" => Self::Socket(path("")?),
            "mot" => Self::Recorded(recorded::Kind::Mot, path("")?),
            "coco" => Self::Recorded(recorded::Kind::Coco, path("")?),
            _ if request.uri.trim_end_matches('/').ends_with("://-") => Self::Stdin,
            _ => match follow {
                Some(from) => Self::Follow(path("; or ndjson://- for STDIN")?, from),
                None => Self::File(path("; or ndjson://- for STDIN")?),
            },
        };
        if follow.is_some() && !matches!(origin, Self::Follow(..)) {
            let message = "only a file of JSON lines (ndjson:///path) can be followed: remove Input.follow";
            return Err(SourceError::new("/Input/follow", message));
        }
        if request.input.looping && !origin.begins_again() {
            let message = format!("{} has no end to begin again at: remove Input.loop", origin.name());
            return Err(SourceError::new("/Input/loop", message));
        }
        Ok(origin)
    }

    /// Whether it could be read, as far as can be said without taking anything out of it.
    pub fn check(&self, pointer: &'static str) -> Result<(), SourceError> {
        match self {
            Self::Stdin | Self::Posted => Ok(()),
            Self::Follow(path, _) if !path.exists() => Ok(()),
            Self::File(path) | Self::Follow(path, _) | Self::Recorded(_, path) => {
                reader::check_file(path, pointer)
            }
            // One that runs already may be this very instance: said when it is opened.
            Self::Socket(_) => Ok(()),
        }
    }

    /// Whether it can be read once more from its start.
    pub fn begins_again(&self) -> bool {
        matches!(self, Self::File(_) | Self::Recorded(..) | Self::Stdin)
    }

    /// Whether a producer writes it now, so that what has no time of its own was seen as it came.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Follow(_, Follow::End) | Self::Socket(_) | Self::Posted)
    }

    /// For messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "STDIN".to_owned(),
            Self::Posted => "posted detections".to_owned(),
            Self::File(path) | Self::Follow(path, _) | Self::Socket(path) | Self::Recorded(_, path) => {
                path.display().to_string()
            }
        }
    }
}

/// What reading the origin of `request` needs; `video` is the size and rate of the video beside it.
pub(crate) fn setup(request: &Request<'_>, video: (Option<Size>, Option<f64>)) -> Setup {
    Setup {
        labels: request.input.labels.clone(),
        size: request.input.frame_size.or(video.0),
        rate: request.input.frame_rate.or(video.1),
        inlet: request.host.inlet.clone(),
        pointer: request.path,
    }
}

/// Opens detections that stand alone.
pub(crate) fn open(request: &Request<'_>, origin: Origin) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(replay::Replay::open(request, origin)?))
}
