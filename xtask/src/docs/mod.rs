//! `cargo xtask docs`: the reference pages, written from the code's own tables and doc comments.

mod example;
mod formats;
mod pages;
mod settings;

use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::process::{cargo, output};

/// Writes the reference pages in docs/: formats with a page each, sources, streams, schema ids and the command line.
#[derive(Args)]
pub struct Docs {
    /// Write nothing; fail if a page is out of date.
    #[arg(long)]
    pub check: bool,
    /// The `watchpost` to ask for its reference; built where absent.
    #[arg(long, value_name = "PATH")]
    pub program: Option<PathBuf>,
}

/// Stands at the head of every page that is written whole.
const WRITTEN: &str =
    "<!-- Written by `cargo xtask docs`; change the doc comments in the code instead. -->\n\n";

impl Docs {
    pub fn run(&self) -> anyhow::Result<()> {
        let named = |path: &str, text| (path.to_owned(), text);
        let mut pages = vec![
            named("docs/formats.md", formats::index()?),
            named("docs/sources.md", pages::sources()),
            named("docs/streams.md", pages::streams()),
            named("docs/schemas.md", pages::with_schema_ids("docs/schemas.md")?),
            named("docs/cli.md", self.command(&["reference"])?),
            named("docs/openapi.json", self.command(&["reference", "--openapi"])?),
        ];
        pages.extend(formats::pages()?);
        let mut stale = Vec::new();
        for (path, text) in pages {
            if fs::read_to_string(&path).is_ok_and(|there| there == text) {
                continue;
            }
            if !self.check {
                fs::create_dir_all("docs/formats")?;
                fs::write(&path, &text).with_context(|| format!("cannot write {path}"))?;
                println!("wrote {path}");
            }
            stale.push(path);
        }
        if self.check && !stale.is_empty() {
            bail!("out of date, run `cargo xtask docs`: {}", stale.join(", "));
        }
        Ok(())
    }

    /// The command tells of itself: its arguments and routes are known to nobody else.
    fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut asked = match &self.program {
            Some(program) => {
                let mut command = Command::new(program);
                command.args(arguments);
                command
            }
            None => {
                let mut command = cargo(&["run", "--quiet", "--locked", "--package", "watchpost-cli", "--"]);
                command.args(arguments);
                command
            }
        };
        output(&mut asked).context("asking the command for its reference")
    }
}

/// A part of a page that is written by this command; what stands outside is written by hand.
const BEGIN: &str = "<!-- Begin: written by `cargo xtask docs` -->\n";
const END: &str = "<!-- End -->\n";

/// Text for a cell of a Markdown table: on one line, its bars no borders.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
