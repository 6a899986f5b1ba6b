//! Throw-away receivers to try an export against, one file each.

mod http;

use clap::Subcommand;

use crate::{Global, exit::Exit};

/// A throw-away receiver that prints what arrives, to try an export against
#[derive(Subcommand)]
pub(crate) enum Listen {
    Http(http::Http),
}

impl Listen {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::Http(command) => command.run(global),
        }
    }
}
