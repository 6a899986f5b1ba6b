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
    files::{Content, FileReceiver, Mode, Names, key_of},
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
    for (key, message, fix) in own.problems() {
        problems.push(problem(handler, &format!("/config/{key}"), message, fix));
    }
    let data = match common.shape.unwrap_or(T::SHAPE) {
        Shape::Objects => Some(Data::Objects),
        Shape::Tabular => selection::table(handler, &selection, &mut problems).map(Data::Table),
    };
    let Some(data) = data.filter(|_| problems.is_empty()) else { return Err(problems) };

    let mode = if own.appends(template.is_constant()) { Mode::Append } else { Mode::Each };
    if common.crops == Crops::Disk {
        let message = "crops are not written as files yet: they are inside the objects";
        warnings.push(problem(handler, "/config/crops", message, "set `crops` to \"inline\" or \"none\""));
    }
    if common.output_image {
        let message = "objects do not carry the rendered picture yet";
        warnings.push(problem(
            handler,
            "/config/output_image",
            message,
            "export `output-image` as jpg instead",
        ));
    }

    let base = request.paths.exports.clone();
    let key = key_of(&[
        base.as_os_str().as_encoded_bytes(),
        request.instance.id.as_bytes(),
        handler.name.as_bytes(),
    ]);
    let names = Names::new(template, base, request.instance);
    let strips_pictures = common.crops == Crops::None;
    let (own, instance) = (Arc::new(own), request.instance.clone());
    let receiver = move || -> Box<dyn crate::receiver::Receiver> {
        Box::new(FileReceiver::new(names.clone(), own.content(data, &instance), mode, strips_pictures, key))
    };
    Ok(Plan {
        format,
        name: handler.name.clone(),
        selection,
        common,
        output: Output::Receiver(Box::new(receiver)),
        warnings,
    })
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
