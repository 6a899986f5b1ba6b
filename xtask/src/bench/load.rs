//! Runs `watchpost-load`: what a solution could find, put in without a source and a solution.

use std::{fs, path::PathBuf, process::Command};

use anyhow::ensure;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bed;
use crate::process::output;

/// What a load has said of itself.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Load {
    /// Put in, over all instances.
    pub records: u64,
    /// Until the last receiver had the last of it, in seconds.
    pub out_s: f64,
    /// User and system time of Watchpost itself, in seconds.
    pub cpu_s: f64,
}

impl Load {
    /// Records (or objects) a second, from the first put in to the last delivered.
    pub fn per_second(&self) -> f64 {
        self.records as f64 / self.out_s
    }

    /// CPU time of one record, in µs.
    pub fn cpu_us(&self) -> f64 {
        self.cpu_s * 1e6 / self.records as f64
    }
}

/// Puts `frames` into an instance with this `Output`; `more` are further arguments. The data folder is emptied
/// first, but for the exporter that [`exporter`] has made.
pub fn run(bed: &Bed, output_of: &Value, frames: u64, more: &[&str]) -> anyhow::Result<Load> {
    let data = data(bed)?;
    for made in ["journal", "exports"] {
        if data.join(made).exists() {
            fs::remove_dir_all(data.join(made))?;
        }
    }
    let instance = json!({
        "DisplayName": "load",
        "Solution": "securt",
        "Input": {"uri": "ndjson:///dev/null"},
        "Output": output_of,
    });
    let file = data.join("load.json");
    fs::write(&file, instance.to_string())?;
    let mut command = Command::new(&bed.load);
    command.arg(&file).arg(&data).arg("--frames").arg(frames.to_string()).args(more);
    let load: Load = serde_json::from_str(&output(&mut command)?)?;
    ensure!(load.records >= frames, "{} of {frames} records were put in", load.records);
    Ok(load)
}

/// The data folder of loads.
pub fn data(bed: &Bed) -> anyhow::Result<PathBuf> {
    let data = bed.work.join("load");
    fs::create_dir_all(&data)?;
    Ok(data)
}
