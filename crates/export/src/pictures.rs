//! What the plans of all picture formats have in common.

use watchpost_config::Problem;
use watchpost_media::{MediaError, MediaErrorKind};

use crate::{
    common::Common,
    files::{Names, Retention, key_of},
    format::{Format, Output, Plan, Request, Selection, VideoOutput},
    metadata::path_template,
    picture::{PictureError, PictureSink},
    receiver::ReceiverError,
    selection,
    settings::problem,
};

/// Where pictures go, and under which key their temporary names are made.
pub(crate) struct Target {
    pub names: Names,
    pub key: u64,
}

/// The plan of a video export.
pub(crate) fn video_plan(
    format: &'static Format,
    request: &Request<'_>,
    selection: Selection,
    output: VideoOutput,
) -> Plan {
    Plan {
        format,
        name: request.handler.name.clone(),
        selection,
        common: Common::default(),
        output: Output::Video(output),
        dynamic: None,
        warnings: Vec::new(),
    }
}

/// Checks stream and path. `dynamic`: the name must have a dynamic part, or must have none.
pub(crate) fn target(
    format: &'static Format,
    request: &Request<'_>,
    dynamic: bool,
    problems: &mut Vec<Problem>,
) -> Option<(Selection, Target)> {
    let handler = request.handler;
    let selection = selection::select(handler, format, problems);
    let template = path_template(request, problems)?;
    if template.is_constant() == dynamic {
        let (message, fix) = if dynamic {
            let message = format!(
                "{} needs a dynamic string in the name, or each picture replaces the last",
                format.title
            );
            (message, "for example {sys.count|pad:6} or {sys.time %F_%H%M%S_%3f}")
        } else {
            let message = format!("{} takes no dynamic strings in the name", format.title);
            (message, "give the file one name; `overwrite` says what happens if it is there")
        };
        problems.push(problem(handler, "/uri", message, fix));
    }
    let base = request.paths.exports.clone();
    let (instance, name) = (request.instance.id.as_bytes(), handler.name.as_bytes());
    let key = key_of(&[base.as_os_str().as_encoded_bytes(), instance, name]);
    let names = Names::new(template, base, request.instance);
    Some((selection?, Target { names, key }))
}

/// `retention` without a bound would keep everything and look as if it did not.
pub(crate) fn check_retention(
    request: &Request<'_>,
    retention: Option<Retention>,
    problems: &mut Vec<Problem>,
) {
    if retention.is_some_and(|retention| retention.is_empty()) {
        let fix = "set `age_days`, `bytes` or `files`";
        problems.push(problem(request.handler, "/config/retention", "has no bound", fix));
    }
}

/// The plan of a picture export.
pub(crate) fn plan(
    format: &'static Format,
    request: &Request<'_>,
    selection: Selection,
    make: impl Fn() -> Box<dyn PictureSink> + Send + Sync + 'static,
) -> Plan {
    Plan {
        format,
        name: request.handler.name.clone(),
        selection,
        common: Common::default(),
        output: Output::Pictures(Box::new(make)),
        dynamic: None,
        warnings: Vec::new(),
    }
}

impl From<MediaError> for PictureError {
    fn from(error: MediaError) -> Self {
        tracing::debug!(detail = error.detail, "{}", error.message);
        match error.kind {
            MediaErrorKind::DiskFull | MediaErrorKind::Permission => Self::Blocked(error.message),
            kind if kind.is_transient() => Self::Retry(error.message),
            _ => Self::Failed(error.message),
        }
    }
}

impl From<ReceiverError> for PictureError {
    fn from(error: ReceiverError) -> Self {
        match error {
            ReceiverError::Retry(text)
            | ReceiverError::Died(text)
            | ReceiverError::Later { reason: text, .. } => Self::Retry(text),
            ReceiverError::Blocked(text) => Self::Blocked(text),
            ReceiverError::Failed(text) => Self::Failed(text),
        }
    }
}
