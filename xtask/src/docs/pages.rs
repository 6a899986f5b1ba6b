//! docs/sources.md, docs/streams.md, and the table of ids in docs/schemas.md.

use std::{fmt::Write as _, fs};

use anyhow::Context as _;
use watchpost_schema::{
    SCHEMAS,
    streams::{StreamKind, StreamName},
    tables::Table,
};
use watchpost_source::{SOURCES, Yields};

use super::{BEGIN, END, WRITTEN, cell};

const SOURCES_INTRODUCTION: &str = "\
`Input.uri` of an instance file names its source. Those that give detections may have a video beside them in \
`Input.video_uri`: detections and frames are then matched by `frame_id` or time.

";

const STREAMS_INTRODUCTION: &str = "\
A stream is a flow of pictures, or of one JSON object per analysed frame or per second of stream time. An export names it in `sink`. With `\"shape\": \"tabular\"` each object \
is one or more flat rows of the columns below; with `\"shape\": \"objects\"` it is one JSON object.

";

pub fn sources() -> String {
    let mut text = format!("# Sources\n\n{WRITTEN}{SOURCES_INTRODUCTION}");
    text.push_str("| source | what it is | gives | example of the URI |\n|---|---|---|---|\n");
    for kind in SOURCES {
        let gives = match kind.yields {
            Yields::Pictures => "pictures",
            Yields::Detections => "detections",
        };
        let _infallible = writeln!(
            text,
            "| {} | {} | {gives} | `{}` |",
            kind.title,
            cell(kind.summary),
            cell(kind.example)
        );
    }
    text
}

pub fn streams() -> String {
    let mut text = format!("# Streams\n\n{WRITTEN}{STREAMS_INTRODUCTION}");
    text.push_str("| `sink` | name | content |\n|---|---|---|\n");
    for stream in StreamName::ALL {
        let summary = cell(stream.summary());
        let _infallible = writeln!(text, "| `{stream}` | {} | {summary} |", stream.title());
    }
    text.push_str("\n## Columns\n\n");
    for stream in StreamName::ALL.into_iter().filter(|stream| stream.kind() == StreamKind::Metadata) {
        if let Some(table) = Table::of_stream(stream) {
            let _infallible = writeln!(text, "* `{stream}`: `{}`", table.columns().join(", "));
        }
    }
    text
}

/// The page at `path` with its table of ids made anew; the rest is written by hand.
pub fn with_schema_ids(path: &str) -> anyhow::Result<String> {
    let page = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let missing = || format!("{path} needs the lines `{}` and `{}`", BEGIN.trim_end(), END.trim_end());
    let (before, rest) = page.split_once(BEGIN).with_context(missing)?;
    let (_, after) = rest.split_once(END).with_context(missing)?;
    let mut ids = String::from("| id | says | JSON Schema |\n|---|---|---|\n");
    for schema in &SCHEMAS {
        let versions = schema.versions.iter().map(|version| {
            let number = version.version;
            let draft = if version.draft { " (draft)" } else { "" };
            format!("[{number}](../schemas/{}-v{number}.json){draft}", schema.id)
        });
        let versions = versions.collect::<Vec<_>>().join(", ");
        let _infallible = writeln!(ids, "| `{}` | {} | {versions} |", schema.id, cell(schema.summary));
    }
    Ok(format!("{before}{BEGIN}{ids}{END}{after}"))
}
