//! The `watchpost` command: reads arguments, calls the rooms below, prints, and says how it went by its
//! exit code. The only room with a terminal, an environment and exit codes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that prints")]

#[macro_use]
mod output;

mod ask;
mod commands;
mod exit;
mod interrupts;
mod load;
mod logging;
mod records;
mod systemd;
mod traces;

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{commands::Command, exit::Exit, logging::LogFormat};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed or incomplete, 2 bad usage, \
                          78 the input is what `watchpost validate` would refuse";

/// Runs video through analytics and delivers what comes out: frames, detections, tracks, events.
#[derive(Parser)]
#[command(name = "watchpost", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args)]
struct Global {
    /// The data folder: settings, instances, exports, journal.
    #[arg(long, global = true, value_name = "DIR", default_value = "./watchpost-data")]
    data: PathBuf,
    /// Where the exporters that come with Watchpost are; found by itself in an installation or a checkout.
    #[arg(long, global = true, value_name = "DIR", env = "WATCHPOST_EXPORTERS", hide_env_values = true)]
    exporters: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    json: bool,
    /// How to write the log, which goes to standard error.
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log: LogFormat,
    /// Log more: once for what is done, twice for everything.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

fn main() -> std::process::ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come as errors too, with an exit code of 0.
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            let _broken_pipe = error.print();
            return exit.into();
        }
    };
    cli.command
        .run(&cli.global)
        .unwrap_or_else(|error| {
            eprintln!("watchpost: {}", reason(&error));
            Exit::Failed
        })
        .into()
}

/// An error and its causes. Some errors repeat their cause in their own text: nothing is said twice.
fn reason(error: &anyhow::Error) -> String {
    error.chain().skip(1).map(ToString::to_string).fold(error.to_string(), |said, cause| {
        if said.contains(&cause) { said } else { format!("{said}: {cause}") }
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn no_cause_is_said_twice() {
        let error = anyhow::Error::msg("no such file").context("opening a: no such file");
        assert_eq!(reason(&error), "opening a: no such file");
        let error = Err::<(), _>(error).context("starting").map_err(|error| reason(&error));
        assert_eq!(error, Err("starting: opening a: no such file".to_owned()));
    }
}
