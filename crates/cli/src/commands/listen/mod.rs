//! Throw-away receivers to try an export against, one file each.

mod connections;
mod flv;
mod http;
mod mqtt;
mod rtmp;

use clap::Subcommand;

use crate::{Global, exit::Exit};

/// A throw-away receiver that prints what arrives, to try an export against
#[derive(Subcommand)]
pub(crate) enum Listen {
    Http(http::Http),
    Mqtt(mqtt::Mqtt),
    Rtmp(rtmp::Rtmp),
}

impl Listen {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        match self {
            Self::Http(command) => command.run(global),
            Self::Mqtt(command) => command.run(global),
            Self::Rtmp(command) => command.run(global),
        }
    }
}

/// Without what would steer a terminal: what arrives may be anybody's.
fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}
