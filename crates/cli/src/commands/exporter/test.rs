use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use serde_json::{Map, json};
use watchpost_config::{MANIFEST_FILE, Manifest, Problem, System};
use watchpost_export::exporter::kit::{self, Kit, Progress, Row, Verdict};
use watchpost_runtime::Guardian;

use super::{pair, value};
use crate::{
    Global,
    exit::Exit,
    load, logging,
    output::{BARS, Table},
};

/// Test an exporter: everything it must be able to take, against the real thing
///
/// Starts the program as an instance would and sends it recorded records of every id and version that its
/// manifest asks for, large crops, bursts, all kinds of text, unknown keys; pauses, kills it and starts it
/// again, and ends its input. Prints a table of what it passed and why it failed. Settings are those of the
/// data folder's config.json, else the defaults. Exit code 0: it passed everything. 78: its manifest is wrong.
#[derive(Args)]
pub(crate) struct Test {
    /// The exporter's folder, the one with manifest.json; or the name of one that is installed.
    #[arg(value_name = "DIR|NAME")]
    exporter: String,
    /// Give a setting another value (repeatable).
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Where it writes what it makes of the test's records; a temporary folder that is removed if not given.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// How long to send nothing in the check `pause`, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    pause: f64,
}

/// Longest pause: an hour.
const MAX_PAUSE_S: f64 = 3600.0;

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.0..=MAX_PAUSE_S).contains(seconds));
    seconds.ok_or_else(|| format!("expected 0 to {MAX_PAUSE_S} seconds"))
}

impl Test {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
        let guardian = Guardian::start().context("starting the guardian of child processes")?;
        logging::start(global.log, global.verbose, "error", None);
        let dir = std::path::absolute(folder(&self.exporter, global))?;
        let (manifest, settings) = match self.read(&dir, global) {
            Ok(read) => read,
            Err(problems) => return Ok(refused(&problems)),
        };
        let temporary = tempfile::tempdir().context("making a folder for its output")?;
        let exports_dir = match &self.output {
            Some(folder) => std::path::absolute(folder)?,
            None => temporary.path().to_owned(),
        };
        std::fs::create_dir_all(&exports_dir).with_context(|| format!("making {}", exports_dir.display()))?;
        let kit = Kit {
            manifest: &manifest,
            dir: &dir,
            settings: &settings,
            exports_dir: &exports_dir,
            guardian: &guardian,
            pause: std::time::Duration::from_secs_f64(self.pause),
        };
        let bar = BARS.add(ProgressBar::new_spinner());
        let tokio = tokio::runtime::Runtime::new().context("starting the tasks that deliver")?;
        let told = |progress: Progress<'_>| {
            if let Progress::Begins(check) = progress {
                bar.set_message(format!("{}: {check}", manifest.name));
            }
        };
        let rows = tokio.block_on(kit::run(&kit, told));
        bar.finish_and_clear();
        match rows {
            Ok(rows) => print(&manifest, &rows, global),
            Err(problem) => Ok(refused(&[problem])),
        }
    }

    fn read(&self, dir: &Path, global: &Global) -> Result<(Manifest, Settings), Vec<Problem>> {
        let (manifest, warnings) = watchpost_config::load_manifest(&dir.join(MANIFEST_FILE))?;
        for warning in warnings {
            eprintln!("warning: {warning}");
        }
        let config = global.data.join("config.json");
        let mut values = System::load(&config)?.values(&manifest.name);
        values.extend(self.set.iter().map(|(name, text)| (name.clone(), value(&manifest, name, text))));
        let settings = manifest.settings_from(&values, Path::new("settings"), "")?;
        Ok((manifest, settings))
    }
}

/// A folder as it is, else that of the installed exporter of this name.
fn folder(exporter: &str, global: &Global) -> PathBuf {
    let dir = PathBuf::from(exporter);
    if dir.is_dir() {
        return dir;
    }
    let installed = load::exporters(global).into_iter().find(|found| found.named(exporter).is_some());
    installed.map_or(dir, |found| found.dir)
}

type Settings = std::collections::BTreeMap<String, watchpost_config::SettingValue>;

fn refused(problems: &[Problem]) -> Exit {
    for problem in problems {
        eprintln!("error: {problem}");
    }
    Exit::Refused
}

fn print(manifest: &Manifest, rows: &[Row], global: &Global) -> anyhow::Result<Exit> {
    let count = |verdict| rows.iter().filter(|row| row.result == verdict).count();
    let (passed, failed, skipped) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::Skipped));
    if global.json {
        let mut report = Map::new();
        report.insert("exporter".to_owned(), manifest.name.clone().into());
        for (name, number) in [("passed", passed), ("failed", failed), ("skipped", skipped)] {
            report.insert(name.to_owned(), number.into());
        }
        report.insert("checks".to_owned(), json!(rows));
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        let mut table = Table::new(&["check", "result", "ms>", "detail"]);
        for row in rows {
            let result = match row.result {
                Verdict::Pass => "pass",
                Verdict::Fail => "FAIL",
                Verdict::Skipped => "skipped",
            };
            table.row([row.check.clone(), result.to_owned(), row.took_ms.to_string(), row.detail.clone()]);
        }
        print!("{}", table.render());
        println!("\n{}: {passed} passed, {failed} failed, {skipped} skipped", manifest.name);
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}
