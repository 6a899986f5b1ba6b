use std::{fmt::Write as _, path::PathBuf};

use anyhow::Context;
use clap::{Args, Command, CommandFactory};

use crate::{Cli, exit::Exit};

/// Print the help of all commands as Markdown: docs/cli.md is made of it
#[derive(Args)]
#[command(hide = true)]
pub(crate) struct Reference {
    /// Write manual pages into this folder instead, one for each command.
    #[arg(long, value_name = "DIR")]
    man: Option<PathBuf>,
    /// Print the description of the API (OpenAPI 3.1) instead: docs/openapi.json is made of it
    #[arg(long)]
    openapi: bool,
}

/// Columns; wide enough that tables in the help stay whole, narrow enough for a page.
const WIDTH: usize = 100;

impl Reference {
    pub fn run(self) -> anyhow::Result<Exit> {
        if let Some(folder) = self.man {
            // The environment is that of whoever writes the pages, and no part of them.
            let command = hide_values(Cli::command());
            clap_mangen::generate_to(command, &folder)
                .with_context(|| format!("writing manual pages into {}", folder.display()))?;
            return Ok(Exit::Done);
        }
        if self.openapi {
            println!("{:#}", watchpost_api::openapi());
            return Ok(Exit::Done);
        }
        let mut page = String::from(
            "# Command line\n\n<!-- Written by `cargo xtask docs`; change the doc comments in crates/cli instead. -->\n\n\
             Logs go to standard error, everything else to standard output.\n\n\
             | exit code | meaning |\n|---|---|\n",
        );
        for (exit, meaning) in Exit::ALL {
            writeln!(page, "| {} | {meaning} |", exit as u8)?;
        }
        section(Cli::command(), "watchpost", &mut page)?;
        print!("{page}");
        Ok(Exit::Done)
    }
}

fn hide_values(command: Command) -> Command {
    command.mut_args(|one| one.hide_env_values(true)).mut_subcommands(hide_values)
}

/// A command and those below it. Options of every command are told once, with the first.
fn section(command: Command, name: &str, page: &mut String) -> std::fmt::Result {
    // The environment is that of whoever writes the page, and no part of it.
    let told = command.clone().bin_name(name).term_width(WIDTH).mut_args(|one| one.hide_env_values(true));
    let help = { told }.render_long_help().to_string();
    write!(page, "\n## `{name}`\n\n```text\n")?;
    for line in help.trim_end().lines() {
        writeln!(page, "{}", line.trim_end())?;
    }
    writeln!(page, "```")?;
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        section(below.clone(), &format!("{name} {}", below.get_name()), page)?;
    }
    Ok(())
}
