//! docs/formats.md: every format with an example and its settings.

use std::fmt::Write as _;

use anyhow::Context as _;
use serde_json::{Map, Value};
use watchpost_export::{DataKind, FORMATS, Format};

use super::{WRITTEN, cell, settings};

const INTRODUCTION: &str = "\
An export is an entry of `Output.handlers` in an instance file: its name, and `uri`, `sink`, `enabled` and `config`.

* `uri`: its scheme chooses the format. Three slashes are followed by a path below the data folder's `exports/`, four \
by an absolute one. Paths may hold [dynamic strings](dynamic-strings.md).
* `sink`: the [stream](streams.md) to export; empty if `config.schema_events` chooses [records](schemas.md).
* `enabled`: `false` switches it off.
* `config`: the settings below. An unknown key is an error.

Each example below is what stands behind the export's name: `\"handlers\": {\"my export\": { ... }}`.

";

pub fn page() -> anyhow::Result<String> {
    let mut text = format!("# Formats\n\n{WRITTEN}{INTRODUCTION}");
    text.push_str("| format | URI | takes | what one gets |\n|---|---|---|---|\n");
    for format in FORMATS {
        let schemes: Vec<_> = format.schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
        let accepts: Vec<_> = format.accepts.iter().map(|kind| words(*kind)).collect();
        let _infallible = writeln!(
            text,
            "| [{}](#{}) | {} | {} | {} |",
            format.title,
            format.title.to_lowercase(),
            schemes.join(", "),
            accepts.join(", "),
            cell(format.summary)
        );
    }
    let common = common()?;
    for format in FORMATS {
        text.push_str(&section(format, &common)?);
    }
    let takers: Vec<_> = metadata().map(|format| format.title).collect();
    let _infallible = write!(
        text,
        "\n## Settings of all metadata formats\n\n{} share these.\n\n{}",
        takers.join(", "),
        settings::table(&common)
    );
    Ok(text)
}

fn section(format: &Format, common: &Map<String, Value>) -> anyhow::Result<String> {
    let example: Value = serde_json::from_str(format.example).with_context(|| format.name)?;
    let mut own = properties(format)?;
    own.retain(|key, _| !common.contains_key(key) || !is_metadata(format));
    let besides = if is_metadata(format) {
        "\nBesides these: [settings of all metadata formats](#settings-of-all-metadata-formats).\n"
    } else {
        ""
    };
    Ok(format!(
        "\n## {}\n\n{}.\n\n```json\n{example:#}\n```\n\n{}{besides}",
        format.title,
        format.summary.trim_end_matches('.'),
        settings::table(&own)
    ))
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
    format.accepts.contains(&DataKind::Records)
}

fn properties(format: &Format) -> anyhow::Result<Map<String, Value>> {
    let schema = serde_json::to_value((format.settings)())?;
    Ok(schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default())
}

const fn words(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Records => "records",
        DataKind::Objects => "stream objects",
        DataKind::Table => "rows of either",
        DataKind::Pictures => "pictures",
    }
}
