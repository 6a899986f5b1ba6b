//! One file per command; its doc comment is its help.

mod exporter;
mod reference;
mod run;
mod schema;
mod summary;
mod validate;

use clap::Subcommand;

use crate::{Global, exit::Exit};

#[derive(Subcommand)]
pub(crate) enum Command {
    Run(run::Run),
    Validate(validate::Validate),
    #[command(subcommand)]
    Schema(schema::Schema),
    #[command(subcommand)]
    Exporter(exporter::Exporter),
    Reference(reference::Reference),
}

impl Command {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::Run(command) => command.run(global),
            Self::Validate(command) => command.run(global),
            Self::Schema(command) => command.run(global),
            Self::Exporter(command) => command.run(global),
            Self::Reference(command) => command.run(),
        }
    }
}
