//! `cargo xtask bench`: how fast and how small, each figure beside a peer that does the same work on the same machine
//! in the same minute. Prints a table and writes `docs/benchmarks.md`.

mod analysis;
mod api;
mod demo;
mod exporters;
mod formatting;
mod glass;
mod load;
mod machine;
mod mqtt;
mod peers;
mod report;
mod rows;
mod rsyslog;
mod video;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::Args;

use crate::process::{cargo, output, run, target_dir};
use report::{Figure, Report};

/// Analysis, the demo's path, rows to files, records to children and to a broker; each against a peer that does the same.
#[derive(Args)]
pub struct Bench {
    /// Fewer repetitions and rows: to see whether it runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Run only this one (repeatable).
    #[arg(long, value_name = "NAME", value_parser = ["analysis", "demo", "video", "glass", "rows", "exporters", "mqtt", "api"])]
    only: Vec<String>,
    /// Set by the command itself once everything is built in release.
    #[arg(long, hide = true)]
    built: bool,
}

/// What every benchmark is given.
struct Bed {
    /// Fewer repetitions and rows.
    quick: bool,
    /// The pedestrian clip.
    clip: PathBuf,
    /// The `watchpost` to measure.
    watchpost: PathBuf,
    /// `watchpost-load`: an instance without source and solution.
    load: PathBuf,
    /// `watchpost-child`: reads, and answers where it is to.
    child: PathBuf,
    /// Python with the peers.
    python: PathBuf,
    /// Emptied at the start.
    work: PathBuf,
}

impl Bed {
    /// How often each side runs; odd, so that the median is one of the runs.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 3 }
    }

    /// An empty folder for one run.
    fn fresh(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.work.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}

type Benchmark = (&'static str, fn(&Bed) -> anyhow::Result<Vec<Figure>>);

const BENCHMARKS: [Benchmark; 8] = [
    ("analysis", analysis::run),
    ("demo", demo::run),
    ("video", video::run),
    ("glass", glass::run),
    ("rows", rows::run),
    ("exporters", exporters::run),
    ("mqtt", mqtt::run),
    ("api", api::run),
];

impl Bench {
    pub fn run(&self) -> anyhow::Result<()> {
        if !self.built {
            return self.build_and_go_on();
        }
        let bed = self.prepare()?;
        let mut report = Report::new(self.quick)?;
        for (name, benchmark) in BENCHMARKS {
            if self.only.is_empty() || self.only.iter().any(|only| only == name) {
                eprintln!("bench: {name}");
                let figures = benchmark(&bed).with_context(|| name.to_owned())?;
                for figure in &figures {
                    eprintln!("  {figure}");
                }
                report.figures.extend(figures);
            }
        }
        print!("{}", report.table());
        // A partial or hurried run must not replace a whole one.
        if self.only.is_empty() && !self.quick {
            fs::write("docs/benchmarks.md", report.document())?;
            eprintln!("bench: wrote docs/benchmarks.md");
        }
        Ok(())
    }

    /// The analysis is measured inside this program, so this program too must be the release build.
    fn build_and_go_on(&self) -> anyhow::Result<()> {
        run(Command::new("scripts/setup.sh").arg("bench"))?;
        eprintln!("bench: building in release");
        run(&mut cargo(&[
            "build",
            "--release",
            "--quiet",
            "--package",
            "watchpost-cli",
            "--package",
            "watchpost-benches",
            "--package",
            "xtask",
        ]))?;
        let mut again = Command::new(target_dir().join("release/xtask"));
        // Where it looks for the others.
        again.env("CARGO_TARGET_DIR", target_dir());
        again.args(["bench", "--built"]);
        if self.quick {
            again.arg("--quick");
        }
        for only in &self.only {
            again.args(["--only", only]);
        }
        run(&mut again)
    }

    fn prepare(&self) -> anyhow::Result<Bed> {
        let clip = output(&mut Command::new("scripts/clip.sh"))?;
        let work = target_dir().join("bench");
        fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        Ok(Bed {
            quick: self.quick,
            clip: clip.trim().into(),
            watchpost: release("watchpost")?,
            load: release("watchpost-load")?,
            child: release("watchpost-child")?,
            python: peers::python(&work)?,
            work,
        })
    }
}

/// A program of the release build.
fn release(name: &str) -> anyhow::Result<PathBuf> {
    let path = target_dir().join("release").join(name);
    path.canonicalize().with_context(|| format!("{} is not built", path.display()))
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Another program starts, or ends, within this.
const PATIENCE: Duration = Duration::from_secs(60);

#[allow(clippy::disallowed_methods, reason = "another program is waited for, which tells of nothing")]
fn within<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(found) = ready() {
            return Ok(found);
        }
        thread::sleep(Duration::from_millis(20));
    }
    bail!("waited {PATIENCE:?} for {what}")
}
