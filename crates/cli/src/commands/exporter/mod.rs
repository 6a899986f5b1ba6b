//! Commands for exporters, one file each.

mod list;
mod new;
mod test;

use clap::Subcommand;

use crate::{Global, exit::Exit};

/// Exporters: third-party programs that are fed records
#[derive(Subcommand)]
pub(crate) enum Exporter {
    List(list::List),
    New(new::New),
    Test(test::Test),
}

impl Exporter {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::List(command) => command.run(global),
            Self::New(command) => command.run(global),
            Self::Test(command) => command.run(global),
        }
    }
}
