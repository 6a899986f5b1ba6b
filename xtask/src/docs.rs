//! `cargo xtask docs`: the reference pages, written from the tables of formats and schemas.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;
use watchpost_export::{DataKind, FORMATS, Format};
use watchpost_schema::SCHEMAS;

/// Writes docs/formats.md and docs/schemas.md from the code's own tables.
#[derive(Args)]
pub struct Docs {
    /// Write nothing; fail if a page is out of date.
    #[arg(long)]
    check: bool,
}

const WRITTEN: &str =
    "<!-- Written by `cargo xtask docs`; change the doc comments in the code instead. -->\n\n";

impl Docs {
    pub fn run(&self) -> anyhow::Result<()> {
        let mut stale = Vec::new();
        for (path, text) in [("docs/formats.md", formats()?), ("docs/schemas.md", schemas())] {
            if fs::read_to_string(path).is_ok_and(|there| there == text) {
                continue;
            }
            if !self.check {
                fs::create_dir_all("docs")?;
                fs::write(Path::new(path), &text).with_context(|| format!("cannot write {path}"))?;
                println!("wrote {path}");
            }
            stale.push(path);
        }
        if self.check && !stale.is_empty() {
            bail!("out of date, run `cargo xtask docs`: {}", stale.join(", "));
        }
        Ok(())
    }
}

fn formats() -> anyhow::Result<String> {
    let mut text = format!("# Formats\n\n{WRITTEN}");
    text.push_str(
        "What `Output.handlers.<name>` of an instance file may be: `uri`, `sink`, `enabled`, `config`.\n",
    );
    for format in FORMATS {
        text.push_str(&one_format(format)?);
    }
    Ok(text)
}

fn one_format(format: &Format) -> anyhow::Result<String> {
    let example: Value = serde_json::from_str(format.example).with_context(|| format.name)?;
    let schemes: Vec<_> = format.schemes.iter().map(|scheme| format!("`{scheme}://`")).collect();
    let accepts: Vec<_> = format.accepts.iter().map(|kind| kind_words(*kind)).collect();
    let mut text = format!(
        "\n## {}\n\n{}. URI {}; takes {}.\n\n```json\n{example:#}\n```\n\n",
        format.title,
        format.summary.trim_end_matches('.'),
        schemes.join(", "),
        accepts.join(", ")
    );
    let schema = serde_json::to_value((format.settings)())?;
    let Some(settings) =
        schema.get("properties").and_then(Value::as_object).filter(|settings| !settings.is_empty())
    else {
        return Ok(text);
    };
    text.push_str("| `config` key | values | default | meaning |\n|---|---|---|---|\n");
    for (name, setting) in settings {
        let default = setting.get("default").filter(|default| !default.is_null());
        let default = default.map_or(String::from("—"), |default| format!("`{default}`"));
        let meaning = setting.get("description").and_then(Value::as_str).unwrap_or("").replace('\n', " ");
        let _infallible =
            writeln!(text, "| `{name}` | {} | {default} | {meaning} |", values(setting, &schema));
    }
    Ok(text)
}

const fn kind_words(kind: DataKind) -> &'static str {
    match kind {
        DataKind::Records => "records",
        DataKind::Objects => "stream objects",
        DataKind::Table => "tables",
        DataKind::Pictures => "pictures",
    }
}

/// What a setting may be, in a few words.
fn values(setting: &Value, root: &Value) -> String {
    if let Some(reference) = setting.get("$ref").and_then(Value::as_str) {
        let target = reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
        return target.map_or(String::from("object"), |target| values(target, root));
    }
    if let Some(choices) = setting.get("enum").and_then(Value::as_array) {
        return choices.iter().map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    }
    if let Some(choice) = setting.get("const") {
        return format!("`{choice}`");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(choices) = setting.get(key).and_then(Value::as_array) {
            let mut words: Vec<_> =
                choices.iter().map(|choice| values(choice, root)).filter(|word| word != "null").collect();
            words.dedup();
            return words.join(" or ");
        }
    }
    match setting.get("type") {
        Some(Value::String(name)) => name.clone(),
        Some(Value::Array(names)) => names
            .iter()
            .filter_map(Value::as_str)
            .filter(|name| *name != "null")
            .collect::<Vec<_>>()
            .join(" or "),
        _ => "any".to_owned(),
    }
}

fn schemas() -> String {
    let mut text = format!("# Schemas\n\n{WRITTEN}");
    text.push_str(
        "Subscriptions are written `\"id:version\"`. Version 1 is the reference system's record, version 2 ours.\n\n\
         | id | what | versions |\n|---|---|---|\n",
    );
    for schema in &SCHEMAS {
        let versions: Vec<_> = schema
            .versions
            .iter()
            .map(|version| {
                let number = version.version;
                let draft = if version.draft { " (draft)" } else { "" };
                format!("[{number}](../schemas/{}-v{number}.json){draft}", schema.id)
            })
            .collect();
        let _infallible =
            writeln!(text, "| `{}` | {} | {} |", schema.id, schema.summary, versions.join(", "));
    }
    text
}
