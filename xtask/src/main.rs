//! The project's own chores, run as `cargo xtask COMMAND`. One file per command; nothing here ships.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]
#![allow(clippy::disallowed_methods, reason = "reads the environment that cargo gives it")]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(test)]
mod arrows;
mod bench;
mod ci;
mod docs;
mod process;
mod schemas;
mod soak;
#[cfg(test)]
mod targets;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", arg_required_else_help = true)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ci(ci::Ci),
    Bench(bench::Bench),
    Docs(docs::Docs),
    Schemas(schemas::Schemas),
    Soak(soak::Soak),
}

/// An error is one line at the very end: whoever sees only the last lines of a log sees what failed, and
/// no backtrace of this tool, whatever the environment asks of the tests.
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    // All paths below are relative to the repository, wherever the command was typed.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    match Xtask::parse().command {
        Command::Ci(ci) => ci.run(),
        Command::Bench(bench) => bench.run(),
        Command::Docs(docs) => docs.run(),
        Command::Schemas(schemas) => schemas.run(),
        Command::Soak(soak) => soak.run(),
    }
}
