//! `cargo xtask ci`: everything that must hold before a change goes in.

use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::bail;
use clap::Args;

use crate::{
    docs::Docs,
    process::{cargo, run, target_dir},
    schemas::Schemas,
};

/// Format, lints, build, tests, doc tests, schemas, Python's view of them.
#[derive(Args)]
pub struct Ci {
    /// Run only this step (repeatable).
    #[arg(long, value_name = "STEP", value_parser = NAMES)]
    only: Vec<String>,
    /// Go on after a step that fails; the end tells which failed.
    #[arg(long)]
    keep_going: bool,
}

struct Step {
    name: &'static str,
    run: fn() -> anyhow::Result<Outcome>,
}

enum Outcome {
    Done,
    /// Not possible here, and why; said aloud so that nobody takes it for a pass.
    Skipped(&'static str),
}

/// In order: what is quick to fail comes first.
const STEPS: [Step; 11] = [
    Step { name: "fmt", run: || all(&[&["fmt", "--all", "--check"]]) },
    Step { name: "clippy", run: clippy },
    Step { name: "build", run: || all(&[&["build", "--workspace", "--all-targets", "--locked", "--quiet"]]) },
    Step { name: "fuzz", run: fuzz },
    Step { name: "tests", run: || all(&[&["nextest", "run", "--workspace", "--profile", "ci", "--locked"]]) },
    Step { name: "doctests", run: || all(&[&["test", "--doc", "--workspace", "--locked", "--quiet"]]) },
    Step { name: "schemas", run: schemas },
    Step { name: "docs", run: docs },
    Step { name: "python", run: python },
    Step { name: "page", run: page },
    Step { name: "deny", run: deny },
];

const NAMES: [&str; STEPS.len()] = {
    let mut names = [""; STEPS.len()];
    let mut at = 0;
    while at < STEPS.len() {
        names[at] = STEPS[at].name;
        at += 1;
    }
    names
};

impl Ci {
    pub fn run(&self) -> anyhow::Result<()> {
        let mut report = Vec::new();
        let mut failed = Vec::new();
        for step in
            STEPS.iter().filter(|step| self.only.is_empty() || self.only.iter().any(|only| only == step.name))
        {
            println!("── {}", step.name);
            let start = Instant::now();
            let text = match (step.run)() {
                Ok(Outcome::Done) => "ok".to_owned(),
                Ok(Outcome::Skipped(why)) => format!("SKIPPED: {why}"),
                Err(error) => {
                    failed.push(step.name);
                    format!("FAILED: {error:#}")
                }
            };
            report.push((step.name, start.elapsed(), text));
            if !failed.is_empty() && !self.keep_going {
                break;
            }
        }
        print(&report);
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

fn print(report: &[(&str, Duration, String)]) {
    println!("── summary");
    for (name, took, text) in report {
        println!("{name:10} {:6.1} s  {text}", took.as_secs_f64());
    }
}

fn all(commands: &[&[&str]]) -> anyhow::Result<Outcome> {
    for arguments in commands {
        // What speeds up the next build of an edited file is a third of the disk this takes.
        run(cargo(arguments).env("CARGO_INCREMENTAL", "0"))?;
    }
    Ok(Outcome::Done)
}

fn clippy() -> anyhow::Result<Outcome> {
    all(&[&["clippy", "--workspace", "--all-targets", "--locked", "--quiet", "--", "-D", "warnings"]])
}

/// Fuzz targets are a workspace of their own. Checked, so that they cannot rot; their corpora replay as plain tests.
fn fuzz() -> anyhow::Result<Outcome> {
    if !Path::new("fuzz/Cargo.toml").exists() {
        return Ok(Outcome::Skipped("no fuzz/Cargo.toml"));
    }
    all(&[&["check", "--manifest-path", "fuzz/Cargo.toml", "--quiet"]])
}

fn schemas() -> anyhow::Result<Outcome> {
    Schemas { check: true }.run()?;
    Ok(Outcome::Done)
}

/// The reference pages say what the code says. The command that the tests have used is asked: built by itself, with
/// the features that it alone needs, it would take minutes.
fn docs() -> anyhow::Result<Outcome> {
    let built = target_dir().join("debug/watchpost");
    Docs { check: true, program: built.exists().then_some(built) }.run()?;
    Ok(Outcome::Done)
}

/// Other people's tools must agree with what is published: Python's `jsonschema` on schemas and samples.
fn python() -> anyhow::Result<Outcome> {
    let python = ".cache/venv/bin/python";
    if !Path::new(python).exists() {
        bail!("{python} is missing: run scripts/setup.sh test");
    }
    run(Command::new(python).args(["-m", "unittest", "discover", "--quiet", "-s", "tests/python"]))?;
    Ok(Outcome::Done)
}

/// The page: its types, and every promise of it in a real browser against the command that the tests have used.
fn page() -> anyhow::Result<Outcome> {
    let compiler = "page/node_modules/typescript/bin/tsc";
    if !Path::new(compiler).exists() {
        bail!("{compiler} is missing: run scripts/page.sh");
    }
    run(Command::new("node").args([compiler, "--noEmit", "--project", "page"]))?;
    let program = std::path::absolute(target_dir().join("debug/watchpost"))?;
    run(Command::new("node").args(["--test", "page/tests/run.mjs"]).env("WATCHPOST", program))?;
    Ok(Outcome::Done)
}

fn deny() -> anyhow::Result<Outcome> {
    let there = cargo(&["deny", "--version"]).output().is_ok_and(|output| output.status.success());
    if !there {
        return Ok(Outcome::Skipped("cargo-deny is not installed: cargo install --locked cargo-deny"));
    }
    all(&[&["deny", "--log-level", "warn", "check"]])
}
