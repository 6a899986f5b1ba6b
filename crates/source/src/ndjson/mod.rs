//! The user's own detections: one JSON object a frame, from a file or from STDIN.

mod parse;
mod reader;
mod refusals;
mod replay;
mod timeline;

use std::path::PathBuf;

pub use parse::{Line, LineError, parse_line};
pub use reader::MAX_LINE_BYTES;
pub(crate) use reader::{Read, Reader};
pub(crate) use refusals::Refusals;
pub(crate) use timeline::UNIX_FROM_MS;
use watchpost_config::Root;

use crate::{Request, Source, SourceError};

/// Where the lines come from.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// `ndjson://-`.
    Stdin,
    /// `ndjson:///path`.
    File(PathBuf),
}

impl Origin {
    /// What the URI of `request` means.
    pub fn of(request: &Request<'_>) -> Result<Self, SourceError> {
        if request.uri.trim_end_matches('/').ends_with("://-") {
            return Ok(Self::Stdin);
        }
        let resolved = request.paths.own(request.uri, Root::Data);
        resolved
            .map(|resolved| Self::File(resolved.path))
            .map_err(|error| SourceError::new(request.path, format!("{error}; or ndjson://- for STDIN")))
    }

    /// Whether it could be read, as far as can be said without taking anything out of it.
    pub fn check(&self, pointer: &'static str) -> Result<(), SourceError> {
        match self {
            Self::Stdin => Ok(()),
            Self::File(path) => reader::check_file(path, pointer),
        }
    }

    /// For messages.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "STDIN".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Opens detections that stand alone.
pub(crate) fn open(request: &Request<'_>, origin: Origin) -> Result<Box<dyn Source>, SourceError> {
    Ok(Box::new(replay::Replay::open(request, origin)?))
}
