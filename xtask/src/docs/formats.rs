//! docs/formats.md, the index, and docs/formats/NAME.md, a page for each format of the table.

use std::{fmt::Write as _, fs};

use anyhow::Context as _;
use serde_json::{Map, Value};
use watchpost_export::{DataKind, FORMATS, Format};

use super::{BEGIN, END, WRITTEN, cell, example, settings};

const INTRODUCTION: &str = "\
An export is an entry of `Output.handlers` in an instance file: its name, and `uri`, `sink`, `enabled` and `config`.

* `uri`: its scheme chooses the format. Three slashes are followed by a path below the data folder's `exports/`, four \
by an absolute one. Paths may hold [dynamic strings](dynamic-strings.md).
* `sink`: the [stream](streams.md) to export; empty if `config.schema_events` chooses [records](schemas.md).
* `enabled`: `false` switches it off.
* `config`: the settings of the format, and for metadata those [below](#settings-of-all-metadata-formats). An unknown key \
is an error.

Two exports to one file are refused, also those of two instances. Rotation, compression, retention and what a crash leaves: \
[files of exports](files.md).

";

/// The index.
pub fn index() -> anyhow::Result<String> {
    let mut text = format!("# Formats\n\n{WRITTEN}{INTRODUCTION}");
    text.push_str("| format | URI | takes | what one gets |\n|---|---|---|---|\n");
    for format in FORMATS {
        let _infallible = writeln!(
            text,
            "| [{}](formats/{}.md) | {} | {} | {} |",
            format.title,
            format.name,
            schemes(format),
            accepts(format),
            cell(format.summary)
        );
    }
    let takers: Vec<_> = metadata().map(|format| format.title).collect();
    let _infallible = write!(
        text,
        "\n## Settings of all metadata formats\n\n{} share these.\n\n{}",
        takers.join(", "),
        settings::table(&common()?)
    );
    Ok(text)
}

/// The page of each format: its path, and what stands there.
pub fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let common = common()?;
    FORMATS
        .iter()
        .map(|format| {
            let path = format!("docs/formats/{}.md", format.name);
            let text = page(format, &common, &path).with_context(|| path.clone())?;
            Ok((path, text))
        })
        .collect()
}

/// What is known of itself, written anew; what somebody wrote behind it stays.
fn page(format: &Format, common: &Map<String, Value>, path: &str) -> anyhow::Result<String> {
    let by_hand = fs::read_to_string(path).unwrap_or_default();
    let by_hand = by_hand.split_once(END).map_or("", |(_, by_hand)| by_hand);
    let handler: Value = serde_json::from_str(format.example)?;
    let mut own = properties(format)?;
    own.retain(|key, _| !common.contains_key(key) || !is_metadata(format));
    let besides = if is_metadata(format) {
        "\nBesides these: [settings of all metadata formats](../formats.md#settings-of-all-metadata-formats).\n"
    } else {
        ""
    };
    let output = example::output(format)?;
    let output = if output.is_empty() { output } else { format!("\n## Output of the example\n\n{output}") };
    let mut text = format!("# {}\n\n{BEGIN}{}.\n\n", format.title, format.summary.trim_end_matches('.'));
    let _infallible = write!(
        text,
        "* URI: {}\n* takes: {}\n\n## Example\n\n```json\n\"my export\": {handler:#}\n```\n\n## Settings\n\n{}{besides}{}\n",
        schemes(format),
        accepts(format),
        settings::table(&own),
        output.trim_end(),
    );
    Ok(format!("{}\n{END}{by_hand}", text.trim_end()))
}

fn schemes(format: &Format) -> String {
    format.schemes.iter().map(|scheme| format!("`{scheme}://`")).collect::<Vec<_>>().join(", ")
}

fn accepts(format: &Format) -> String {
    format.accepts.iter().map(|kind| words(*kind)).collect::<Vec<_>>().join(", ")
}

/// The settings that all formats for records and stream objects share.
fn common() -> anyhow::Result<Map<String, Value>> {
    let mut all = metadata().map(properties);
    let mut common = all.next().context("there is no metadata format")??;
    for other in all {
        let other = other?;
        common.retain(|key, setting| other.get(key) == Some(setting));
    }
    Ok(common)
}

fn metadata() -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().copied().filter(|format| is_metadata(format))
}

fn is_metadata(format: &Format) -> bool {
    format.takes_records()
}

fn properties(format: &Format) -> anyhow::Result<Map<String, Value>> {
    let schema = serde_json::to_value((format.settings)())?;
    Ok(schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default())
}

const fn words(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Records => "records",
        DataKind::Objects => "stream objects",
        DataKind::Boxes => "boxes of tracks or detections",
        DataKind::Table => "rows of either",
        DataKind::Pictures => "pictures",
    }
}
