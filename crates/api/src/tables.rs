//! The tables of what there is: formats, sources, streams. Forms are made of them, so that a new format appears by
//! itself.

use axum::Json;
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::Value;
use watchpost_export::{DataKind, FORMATS, Format};
use watchpost_schema::{
    streams::{StreamKind, StreamName},
    tables::Table,
};
use watchpost_source::{SOURCES, Yields};

/// Ways out.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"formats": []}]))]
pub(crate) struct Formats {
    formats: Vec<OneFormat>,
}

/// One way out.
#[derive(Serialize, JsonSchema)]
struct OneFormat {
    /// Short and stable: `json`.
    name: &'static str,
    /// For people: `JSON`.
    title: &'static str,
    /// What one gets.
    summary: &'static str,
    /// Beginnings of addresses that mean it, without `://`.
    schemes: &'static [&'static str],
    /// What it takes: `records`, `objects`, `boxes`, `table`, `pictures`.
    accepts: Vec<&'static str>,
    /// The streams that it takes, by the name for `sink`; `records` for records.
    fits: Vec<&'static str>,
    /// Somebody may be watching.
    viewers: bool,
    /// An entry of `Output.handlers` that works.
    #[schemars(schema_with = "object")]
    example: Value,
    /// JSON Schema of `config`.
    #[schemars(schema_with = "object")]
    settings: Value,
}

fn object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"type": "object"})
}

/// Ways in.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"sources": []}]))]
pub(crate) struct Sources {
    sources: Vec<OneSource>,
}

/// One way in.
#[derive(Serialize, JsonSchema)]
struct OneSource {
    /// Short and stable: `rtsp`.
    name: &'static str,
    /// For people.
    title: &'static str,
    /// What it is.
    summary: &'static str,
    /// Beginnings of addresses that mean it, without `://`; an empty one stands for a path.
    schemes: &'static [&'static str],
    /// `pictures` or `detections`.
    yields: &'static str,
    /// An address of it.
    example: &'static str,
}

/// Flows of objects.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"streams": []}]))]
pub(crate) struct Streams {
    streams: Vec<OneStream>,
}

/// One flow of objects.
#[derive(Serialize, JsonSchema)]
struct OneStream {
    /// As exports write it for `sink`.
    name: &'static str,
    /// For people.
    title: &'static str,
    /// What it holds.
    summary: &'static str,
    /// `picture` or `metadata`.
    kind: &'static str,
    /// It has a shape of rows with fixed columns.
    tabular: bool,
}

pub(crate) async fn formats() -> Json<Formats> {
    Json(Formats { formats: FORMATS.iter().copied().map(one).collect() })
}

fn one(format: &'static Format) -> OneFormat {
    let streams = StreamName::ALL.into_iter().filter(|stream| format.takes_stream(*stream));
    let name = |kind: &DataKind| match kind {
        DataKind::Records => "records",
        DataKind::Objects => "objects",
        DataKind::Boxes => "boxes",
        DataKind::Table => "table",
        DataKind::Pictures => "pictures",
    };
    OneFormat {
        name: format.name,
        title: format.title,
        summary: format.summary,
        schemes: format.schemes,
        accepts: format.accepts.iter().map(name).collect(),
        fits: format
            .takes_records()
            .then_some("records")
            .into_iter()
            .chain(streams.map(StreamName::as_str))
            .collect(),
        viewers: format.viewers,
        example: serde_json::from_str(format.example).unwrap_or_default(),
        settings: (format.settings)().to_value(),
    }
}

pub(crate) async fn sources() -> Json<Sources> {
    let sources = SOURCES.iter().map(|source| OneSource {
        name: source.name,
        title: source.title,
        summary: source.summary,
        schemes: source.schemes,
        yields: match source.yields {
            Yields::Pictures => "pictures",
            Yields::Detections => "detections",
        },
        example: source.example,
    });
    Json(Sources { sources: sources.collect() })
}

pub(crate) async fn streams() -> Json<Streams> {
    let streams = StreamName::ALL.into_iter().map(|stream| OneStream {
        name: stream.as_str(),
        title: stream.title(),
        summary: stream.summary(),
        kind: match stream.kind() {
            StreamKind::Picture => "picture",
            StreamKind::Metadata => "metadata",
        },
        tabular: Table::of_stream(stream).is_some(),
    });
    Json(Streams { streams: streams.collect() })
}
