//! What the plans of all file formats have in common.

use std::sync::Arc;

use garde::Validate;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use watchpost_config::{Problem, Root, split_scheme};
use watchpost_schema::tables::Table;
use watchpost_template::Template;

use crate::{
    common::{Crops, Shape},
    dynamic::{Dynamic, SpeaksOf},
    files::{Content, FileReceiver, FileSetup, Mode, Names, Rolling, key_of},
    format::{Format, InstanceInfo, Output, Plan, Request},
    selection,
    settings::{self, problem},
};

/// A file format's own settings.
pub(crate) trait FileSettings:
    DeserializeOwned + JsonSchema + Validate<Context = ()> + Clone + Send + Sync + 'static
{
    /// What an export is when `shape` does not say.
    const SHAPE: Shape = Shape::Objects;

    /// Whether objects go behind what a file holds; `constant`: all have the same name.
    fn appends(&self, constant: bool) -> bool;

    /// What happens to a file that has had enough.
    fn rolling(&self) -> Rolling;

    /// Problems that the types alone do not show: the key, what is wrong, the fix.
    fn problems(&self) -> Vec<(&'static str, String, String)> {
        Vec::new()
    }

    /// Bytes for items, for one receiver.
    fn content(&self, data: Data, instance: &InstanceInfo) -> Box<dyn Content>;
}

/// What a file is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Data {
    /// Records or stream objects as they are.
    Objects,
    /// Rows of a table.
    Table(Table),
}

/// Checks a handler of a file format and makes a plan of it.
pub(crate) fn plan<T: FileSettings>(
    format: &'static Format,
    request: &Request<'_>,
) -> Result<Plan, Vec<Problem>> {
    let handler = request.handler;
    let (mut problems, mut warnings) = (Vec::new(), Vec::new());
    let read = settings::read::<T>(handler, &mut problems);
    let selected = selection::select(handler, format, &mut problems);
    let template = path_template(request, &mut problems);
    let (Some((common, own)), Some(selection), Some(template)) = (read, selected, template) else {
        return Err(problems);
    };
    let mode = if own.appends(template.is_constant()) { Mode::Append } else { Mode::Each };
    for (key, message, fix) in own.problems().into_iter().chain(own.rolling().problems(mode == Mode::Append))
    {
        problems.push(problem(handler, &format!("/config/{key}"), message, fix));
    }
    let data = match common.shape.unwrap_or(T::SHAPE) {
        Shape::Objects => Some(Data::Objects),
        Shape::Tabular => selection::table(handler, &selection, &mut problems).map(Data::Table),
    };
    let Some(data) = data.filter(|_| problems.is_empty()) else { return Err(problems) };

    let base = request.paths.exports.clone();
    let key = key_of_path(request, &template);
    let is_one_file = mode == Mode::Append && template.is_constant() && own.rolling().rotate.is_none();
    if common.retention.is_some() && common.crops != Crops::Disk && is_one_file {
        let message = "deletes nothing: there is one file only, and it is being written";
        let fix = "add `rotate`, or a dynamic string to the name";
        warnings.push(problem(handler, "/config/retention", message, fix));
    }
    let names = Names::new(template, base, request.instance);
    let dynamic = Some(Dynamic::file(names.clone(), SpeaksOf::Item));
    let (own, instance, retention) = (Arc::new(own), request.instance.clone(), common.retention);
    let receiver = move || -> Box<dyn crate::receiver::Receiver> {
        Box::new(FileReceiver::new(FileSetup {
            names: names.clone(),
            content: own.content(data, &instance),
            mode,
            key,
            rolling: own.rolling(),
            retention,
        }))
    };
    Ok(Plan {
        format,
        name: handler.name.clone(),
        selection,
        common,
        output: Output::Receiver(Box::new(receiver)),
        dynamic,
        warnings,
    })
}

/// Tells the files of this export from those of all others, over restarts and renaming: no two exports have one path.
pub(crate) fn key_of_path(request: &Request<'_>, template: &Template) -> u64 {
    let base = request.paths.exports.as_os_str().as_encoded_bytes();
    key_of(&[base, request.instance.id.as_bytes(), template.source().as_bytes()])
}

/// The template in a URI of our own schemes: `json:///out/{sys.time}.json`. Relative to the exports
/// folder with three slashes, absolute with four.
pub(crate) fn path_template(request: &Request<'_>, problems: &mut Vec<Problem>) -> Option<Template> {
    let handler = request.handler;
    if let Err(error) = request.paths.own(&handler.uri, Root::Exports) {
        problems.push(problem(handler, "/uri", error.to_string(), ""));
        return None;
    }
    let (scheme, rest) = split_scheme(&handler.uri)?;
    let text = rest.strip_prefix('/')?;
    match Template::parse_path(text) {
        Ok(template) => Some(template),
        Err(mut error) => {
            // Counted from the beginning of the URI, which is what the user sees.
            error.position += scheme.chars().count() + ":///".len();
            problems.push(problem(handler, "/uri", format!("bad dynamic string {error}"), ""));
            None
        }
    }
}
