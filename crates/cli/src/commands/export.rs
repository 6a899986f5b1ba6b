use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use watchpost_runtime::{Operation, SwitchTo};

use crate::{Global, ask, commands::instance::print_changed, exit::Exit};

/// Exports and exporters of a running instance: add, change, pause, switch; nothing else is touched
#[derive(Subcommand)]
pub(crate) enum Export {
    /// Add a custom export, or change it
    Set {
        #[command(flatten)]
        one: One,
        /// `{"uri": ..., "sink": ..., "config": ...}`, as in an instance file; `-` reads it from STDIN.
        #[arg(value_name = "JSON")]
        export: String,
    },
    /// Switch it on: from its place in the log if it was paused, from the log's end if it was off
    On(One),
    /// Pause it: its place in the log stays, and what comes waits
    Pause(One),
    /// Switch it off: its place in the log goes
    Off(One),
    /// Give a custom export another name; what waits moves along
    Rename {
        #[command(flatten)]
        one: One,
        /// The new name.
        to: String,
    },
    /// Delete it, with what waits
    Delete(One),
}

#[derive(Args)]
pub(crate) struct One {
    /// The instance's id, name, or file.
    instance: String,
    /// The export's or exporter's name.
    name: String,
}

impl Export {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let operation = match self {
            Self::Set { one, export } => Operation::SetExport {
                instance: ask::instance(&one.instance),
                name: one.name,
                export: read(&export)?,
            },
            Self::On(one) => one.switch(SwitchTo::On),
            Self::Pause(one) => one.switch(SwitchTo::Paused),
            Self::Off(one) => one.switch(SwitchTo::Off),
            Self::Rename { one, to } => {
                Operation::RenameExport { instance: ask::instance(&one.instance), name: one.name, to }
            }
            Self::Delete(one) => {
                Operation::DeleteExport { instance: ask::instance(&one.instance), name: one.name }
            }
        };
        ask::report(global, operation, print_changed)
    }
}

impl One {
    fn switch(self, to: SwitchTo) -> Operation {
        Operation::SwitchExport { instance: ask::instance(&self.instance), name: self.name, to }
    }
}

fn read(export: &str) -> anyhow::Result<Map<String, Value>> {
    let text = if export == "-" { std::io::read_to_string(std::io::stdin())? } else { export.to_owned() };
    serde_json::from_str(&text).context("the export: expected a JSON object {\"uri\": ...}")
}
