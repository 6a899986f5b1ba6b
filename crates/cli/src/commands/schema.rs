use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use watchpost_schema::{SCHEMAS, SchemaId, UnknownId, Version};

use crate::{Global, exit::Exit, output::Table, records};

/// The published schemas of records
#[derive(Subcommand)]
pub(crate) enum Schema {
    List(List),
    Show(Show),
    Check(Check),
}

/// List all schema ids with their versions
#[derive(Args)]
pub(crate) struct List {}

/// Print a schema: JSON Schema 2020-12
#[derive(Args)]
pub(crate) struct Show {
    /// Which, for example `event-intrusion` (its newest version) or `event-intrusion:1`.
    #[arg(value_name = "ID[:VERSION]")]
    which: String,
}

/// Validate records against their schemas
///
/// The file holds JSON objects, or arrays of them, one after another in any layout (JSON lines,
/// indented, a single object). Each is checked against the schema that it names.
#[derive(Args)]
pub(crate) struct Check {
    /// The file of records.
    file: PathBuf,
}

impl Schema {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::List(_) => list(global),
            Self::Show(show) => show.run(),
            Self::Check(check) => check.run(global),
        }
    }
}

fn list(global: &Global) -> anyhow::Result<Exit> {
    if global.json {
        let rows: Vec<_> = SCHEMAS
            .iter()
            .map(|schema| {
                let versions: Vec<_> = schema
                    .versions
                    .iter()
                    .map(|v| json!({"version": v.version.number(), "draft": v.draft}))
                    .collect();
                json!({"id": schema.id.as_str(), "title": schema.title, "summary": schema.summary, "versions": versions})
            })
            .collect();
        println!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Exit::Done);
    }
    let mut table = Table::new(&["id", "versions", "summary"]);
    for schema in &SCHEMAS {
        let versions: Vec<_> = schema
            .versions
            .iter()
            .map(|v| format!("{}{}", v.version.number(), if v.draft { " (draft)" } else { "" }))
            .collect();
        table.row([schema.id.as_str().to_owned(), versions.join(", "), schema.summary.to_owned()]);
    }
    print!("{}", table.render());
    Ok(Exit::Done)
}

impl Show {
    fn run(self) -> anyhow::Result<Exit> {
        match named(&self.which) {
            Ok((id, version)) => {
                println!("{:#}", watchpost_schema::json_schema(id, version));
                Ok(Exit::Done)
            }
            Err(wrong) => {
                eprintln!("watchpost: {wrong}");
                Ok(Exit::Usage)
            }
        }
    }
}

/// The schema that is meant; of one without a version the newest.
fn named(which: &str) -> Result<(SchemaId, Version), String> {
    let (id, version) = match which.split_once(':') {
        Some((id, version)) => (id, Some(version)),
        None => (which, None),
    };
    let id: SchemaId = id.parse().map_err(|unknown: UnknownId| unknown.to_string())?;
    let found = match version {
        None => id.versions().next_back(),
        Some(text) => id.versions().find(|known| known.to_string() == text),
    };
    let version = found.ok_or_else(|| {
        let known: Vec<_> = id.versions().map(|known| known.to_string()).collect();
        format!("`{id}` has no version `{}`: expected {}", version.unwrap_or_default(), known.join(" or "))
    })?;
    Ok((id, version))
}

impl Check {
    fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let finding = records::check_records(&self.file);
        if global.json {
            println!("{}", serde_json::to_string_pretty(&finding)?);
        } else {
            print!("{}", finding.text());
        }
        Ok(if finding.errors.is_empty() { Exit::Done } else { Exit::Refused })
    }
}
