//! The project's own chores, run as `cargo xtask COMMAND`. One file per command; nothing here ships.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod schemas;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", arg_required_else_help = true)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Schemas(schemas::Schemas),
}

fn main() -> anyhow::Result<()> {
    // All paths below are relative to the repository, wherever the command was typed.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))?;
    match Xtask::parse().command {
        Command::Schemas(schemas) => schemas.run(),
    }
}
