//! What a format is, and the table of all of them.
//!
//! A format is one file under `formats/` and one line in [`FORMATS`]. From the table come validation,
//! the page's forms, the generated docs, the API's list and the conformance test.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::Schema;
use watchpost_config::{Handler, Paths, Problem, Root, split_scheme};
use watchpost_media::Codec;
use watchpost_schema::{
    SchemaId, Version,
    streams::{StreamKind, StreamName},
};

use crate::{
    common::Common,
    crop_files::Pictures,
    dynamic::Dynamic,
    formats,
    picture::{PictureSink, VideoSink},
    receiver::Receiver,
    schedule,
    settings::problem,
    video::Video,
};

/// Every format, in the order they are shown.
pub static FORMATS: &[&Format] = &[
    &formats::json::FORMAT,
    &formats::csv::FORMAT,
    &formats::txt::FORMAT,
    &formats::mqtt::FORMAT,
    &formats::mot::FORMAT,
    &formats::coco::FORMAT,
    &formats::mp4::FORMAT,
    &formats::jpg::FORMAT,
    &formats::png::FORMAT,
    &formats::hls::FORMAT,
    &formats::rtmp::FORMAT,
    &formats::rtsp::FORMAT,
];

/// One way out, as users choose it.
pub struct Format {
    /// Short name, lower case, stable: `json`.
    pub name: &'static str,
    /// As shown to people: `JSON`.
    pub title: &'static str,
    /// One line: what one gets.
    pub summary: &'static str,
    /// URI schemes that mean it, without `:`.
    pub schemes: &'static [&'static str],
    /// What can be exported by it.
    pub accepts: &'static [DataKind],
    /// Somebody may be watching: while the source is away, it goes on with a picture that says so. Others rest.
    pub viewers: bool,
    /// A complete handler, as JSON, that parses.
    pub example: &'static str,
    /// JSON Schema of `config`, common keys included.
    pub settings: fn() -> Schema,
    /// Checks a handler and makes a plan of it. Touches neither disk nor network.
    pub plan: fn(&Request<'_>) -> Result<Plan, Vec<Problem>>,
}

impl Format {
    /// Whether records can be exported by it.
    pub fn takes_records(&self) -> bool {
        self.accepts.contains(&DataKind::Records)
    }

    /// Whether `stream` can be exported by it.
    pub fn takes_stream(&self, stream: StreamName) -> bool {
        let takes = |kind| self.accepts.contains(&kind);
        match stream {
            _ if stream.kind() == StreamKind::Picture => takes(DataKind::Pictures),
            StreamName::Tracks | StreamName::Detections => takes(DataKind::Objects) || takes(DataKind::Boxes),
            _ => takes(DataKind::Objects),
        }
    }
}

/// The format that a URI's scheme means.
pub fn format_for(uri: &str) -> Option<&'static Format> {
    let (scheme, _) = split_scheme(uri)?;
    FORMATS.iter().copied().find(|format| format.schemes.contains(&scheme.as_str()))
}

/// Checks a handler and makes a plan of it, by the format that its URI means.
///
/// # Errors
/// Every problem, each at its place below the handler; file and line are for the caller to add.
pub fn plan(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let handler = request.handler;
    let Some(format) = format_for(&handler.uri) else {
        let schemes: Vec<_> =
            FORMATS.iter().flat_map(|format| format.schemes).map(|s| format!("{s}://")).collect();
        let scheme =
            split_scheme(&handler.uri).map_or(handler.uri.clone(), |(scheme, _)| format!("{scheme}://"));
        let fix = format!("expected one of {}", schemes.join(", "));
        return Err(vec![problem(handler, "/uri", format!("no format for `{scheme}`"), fix)]);
    };
    let mut problems = Vec::new();
    let schedule = schedule::read(request, &mut problems);
    match (format.plan)(request) {
        Ok(mut plan) => {
            plan.common.schedule = schedule;
            plan.common.check(handler, &plan.selection, &mut problems, &mut plan.warnings);
            if problems.is_empty() { Ok(with_pictures(plan, request)) } else { Err(problems) }
        }
        Err(mut found) => {
            found.append(&mut problems);
            Err(found)
        }
    }
}

/// What the objects of a stream keep of their pictures is the same in every format.
fn with_pictures(mut plan: Plan, request: &Request<'_>) -> Plan {
    let Selection::Stream(stream) = plan.selection else { return plan };
    let Some(pictures) = Pictures::new(&plan.common, stream, request) else { return plan };
    plan.output = match plan.output {
        Output::Receiver(make) => Output::Receiver(Box::new(move || pictures.before(make()))),
        output => output,
    };
    plan
}

/// The file that an export writes to, dynamic strings as they are written, but for those of its instance; `None`
/// where it leads elsewhere. No two exports may have one.
pub fn file_of(request: &Request<'_>) -> Option<PathBuf> {
    let uri = &request.handler.uri;
    let format = format_for(uri)?;
    // Our own schemes have three slashes, and lead to one file or many.
    split_scheme(uri).filter(|(scheme, rest)| scheme == format.name && rest.starts_with('/'))?;
    let resolved = request.paths.own(uri, Root::Exports).ok()?;
    let text = resolved.path.into_os_string().into_string().ok()?;
    let id = request.instance.id.to_string();
    Some(text.replace("{instance.id}", &id).replace("{instance.name}", &request.instance.name).into())
}

/// What flows into an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataKind {
    /// Records of schema versions, one JSON object each.
    Records,
    /// Objects of a metadata stream, one JSON object each.
    Objects,
    /// Of those, the ones that are lists of boxes: tracks and detections.
    Boxes,
    /// Flat rows with fixed columns, made of either.
    Table,
    /// Pictures of a stream.
    Pictures,
}

/// A handler of an instance file together with what is needed to judge it.
pub struct Request<'a> {
    /// As written by the user.
    pub handler: &'a Handler,
    /// Where relative paths lead.
    pub paths: &'a Paths,
    /// The instance it belongs to.
    pub instance: &'a InstanceInfo,
}

/// What exports may know of their instance.
#[derive(Clone, Debug, PartialEq)]
pub struct InstanceInfo {
    /// `{instance.id}`.
    pub id: watchpost_model::Id,
    /// `{instance.name}`.
    pub name: String,
    /// IANA name for text that shows local time; `UTC` when the instance says nothing.
    pub time_zone: String,
    /// Whether frames must not be dropped (a file at pace `fast`).
    pub lossless: bool,
}

/// A checked handler, ready to run.
pub struct Plan {
    /// Which format.
    pub format: &'static Format,
    /// The handler's name: also the receiver's, under which its cursor is kept.
    pub name: String,
    /// What it takes.
    pub selection: Selection,
    /// Keys that all metadata formats share, and `schedule`, which picture formats have too.
    pub common: Common,
    /// How to start it.
    pub output: Output,
    /// Where each object leads, where that is a file or a topic of its own.
    pub dynamic: Option<Dynamic>,
    /// What is legal but probably not meant.
    pub warnings: Vec<Problem>,
}

/// Which part of what an instance produces an export takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// These schema ids, each in this version. Never empty.
    Records(BTreeMap<SchemaId, Version>),
    /// One stream.
    Stream(StreamName),
}

/// How a [`Plan`] is carried out.
pub enum Output {
    /// Fed from the log.
    Receiver(Box<dyn Fn() -> Box<dyn Receiver> + Send + Sync>),
    /// Fed with pictures, outside the delivery promise.
    Pictures(Box<dyn Fn() -> Box<dyn PictureSink> + Send + Sync>),
    /// Subscribed to encoded video, outside the delivery promise.
    Video(VideoOutput),
}

/// An output that takes encoded video.
pub struct VideoOutput {
    /// What is to be encoded.
    pub video: Video,
    /// Codecs that it carries: the `source` stream is passed on in these, and encoded anew in others.
    pub carries: &'static [Codec],
    /// Makes the sink, again after a failure.
    pub make: Box<dyn Fn() -> Box<dyn VideoSink> + Send + Sync>,
    /// Called when the export is taken out or switched off, not when only its source ends: whoever watches it is
    /// to see it go at once.
    pub gone: Option<Box<dyn Fn() + Send + Sync>>,
}
