//! Commands for exporters, one file each.

mod list;
mod new;
mod one;
mod set;
mod test;

use clap::Subcommand;
use serde_json::Value;
use watchpost_config::{Manifest, SettingKind};

use crate::{Global, exit::Exit};

/// Exporters: third-party programs that are fed records
#[derive(Subcommand)]
pub(crate) enum Exporter {
    List(list::List),
    New(new::New),
    Test(test::Test),
    Set(set::Set),
    Output(one::Output),
    Restart(one::Restart),
}

impl Exporter {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(global),
            Self::New(command) => command.run(global),
            Self::Test(command) => command.run(global),
            Self::Set(command) => command.run(global),
            Self::Output(command) => command.run(global),
            Self::Restart(command) => command.run(global),
        }
    }
}

/// A value from the command line: numbers and switches are JSON, texts are not.
fn value(manifest: &Manifest, name: &str, text: &str) -> Value {
    match manifest.setting(name).map(|setting| &setting.kind) {
        Some(SettingKind::Checkbox | SettingKind::IntRange { .. } | SettingKind::FloatRange { .. }) => {
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        }
        _ => text.into(),
    }
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}
