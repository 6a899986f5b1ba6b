//! The `watchpost` command: reads arguments, calls the rooms below, prints, and says how it went by its
//! exit code. The only room with a terminal, an environment and exit codes.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that prints")]

mod commands;
mod exit;
mod load;
mod logging;
mod output;

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::{commands::Command, exit::Exit, logging::LogFormat};

/// Runs video through analytics and delivers what comes out: frames, detections, tracks, events.
#[derive(Parser)]
#[command(name = "watchpost", version, arg_required_else_help = true)]
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
    #[arg(long, global = true, value_name = "DIR", env = "WATCHPOST_EXPORTERS")]
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
    cli.command.run(&cli.global).unwrap_or_else(|error| {
        eprintln!("watchpost: {error:#}");
        Exit::Failed
    })
    .into()
}
