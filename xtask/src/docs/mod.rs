//! `cargo xtask docs`: the reference pages, written from the code's own tables and doc comments.

mod formats;
mod pages;
mod settings;

use std::fs;

use anyhow::{Context as _, bail};
use clap::Args;

use crate::process::{cargo, output};

/// Writes the reference pages in docs/: formats, sources, streams, schema ids and the command line.
#[derive(Args)]
pub struct Docs {
    /// Write nothing; fail if a page is out of date.
    #[arg(long)]
    check: bool,
}

/// Stands at the head of every page that is written whole.
const WRITTEN: &str =
    "<!-- Written by `cargo xtask docs`; change the doc comments in the code instead. -->\n\n";

impl Docs {
    pub fn run(&self) -> anyhow::Result<()> {
        let pages = [
            ("docs/formats.md", formats::page()?),
            ("docs/sources.md", pages::sources()),
            ("docs/streams.md", pages::streams()),
            ("docs/schemas.md", pages::with_schema_ids("docs/schemas.md")?),
            ("docs/cli.md", command_line()?),
        ];
        let mut stale = Vec::new();
        for (path, text) in pages {
            if fs::read_to_string(path).is_ok_and(|there| there == text) {
                continue;
            }
            if !self.check {
                fs::write(path, &text).with_context(|| format!("cannot write {path}"))?;
                println!("wrote {path}");
            }
            stale.push(path);
        }
        if self.check && !stale.is_empty() {
            bail!("out of date, run `cargo xtask docs`: {}", stale.join(", "));
        }
        Ok(())
    }
}

/// The command tells of itself: its arguments are known to nobody else.
fn command_line() -> anyhow::Result<String> {
    output(&mut cargo(&["run", "--quiet", "--locked", "--package", "watchpost-cli", "--", "reference"]))
        .context("asking the command for its reference")
}

/// Text for a cell of a Markdown table: on one line, its bars no borders.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
