//! One file per command; its doc comment is its help.

mod completions;
mod dead;
mod doctor;
mod export;
mod exporter;
mod instance;
mod listen;
mod password;
mod reference;
mod replay;
mod run;
mod schema;
mod serve;
mod summary;
mod tap;
mod validate;

use clap::Subcommand;

use crate::{Global, exit::Exit};

#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Run(run::Run),
    Validate(validate::Validate),
    #[command(subcommand)]
    Schema(schema::Schema),
    #[command(subcommand)]
    Exporter(exporter::Exporter),
    #[command(subcommand)]
    Instance(instance::Instance),
    #[command(subcommand)]
    Export(export::Export),
    Tap(tap::Tap),
    Replay(replay::Replay),
    #[command(subcommand)]
    Dead(dead::Dead),
    #[command(subcommand)]
    Listen(listen::Listen),
    Doctor(doctor::Doctor),
    Completions(completions::Completions),
    Password(password::Password),
    Reference(reference::Reference),
}

impl Command {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::Serve(command) => command.run(global),
            Self::Run(command) => command.run(global),
            Self::Validate(command) => command.run(global),
            Self::Schema(command) => command.run(global),
            Self::Exporter(command) => command.run(global),
            Self::Instance(command) => command.run(global),
            Self::Export(command) => command.run(global),
            Self::Tap(command) => command.run(global),
            Self::Replay(command) => command.run(global),
            Self::Dead(command) => command.run(global),
            Self::Listen(command) => command.run(global),
            Self::Doctor(command) => command.run(global),
            Self::Completions(command) => command.run(),
            Self::Password(command) => command.run(global),
            Self::Reference(command) => command.run(),
        }
    }
}
