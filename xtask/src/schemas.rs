//! `cargo xtask schemas`: writes the files under `schemas/`, or checks them.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, bail};
use clap::Args;
use watchpost_schema::{Frozen, generate};

/// Where the published schemas and their samples are.
const FOLDER: &str = "schemas";

/// Writes the JSON Schema and the sample of every id and version under `schemas/`.
#[derive(Args)]
pub struct Schemas {
    /// Write nothing; fail if a file differs, is missing, or belongs to no schema version.
    #[arg(long)]
    pub check: bool,
}

impl Schemas {
    pub fn run(&self) -> anyhow::Result<()> {
        let folder = Path::new(FOLDER);
        frozen_versions(folder, self.check)?;
        let made = generate();
        let known: BTreeSet<_> = made.iter().map(|(path, _)| folder.join(path)).collect();
        let mut stale = Vec::new();
        for (path, text) in &made {
            let path = folder.join(path);
            if fs::read_to_string(&path).is_ok_and(|committed| committed == *text) {
                continue;
            }
            if !self.check {
                fs::create_dir_all(path.parent().unwrap_or(folder))?;
                fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
                println!("wrote {}", path.display());
            }
            stale.push(path.display().to_string());
        }
        for path in leftovers(folder, &known)? {
            if !self.check {
                fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
                println!("removed {}", path.display());
            }
            stale.push(path.display().to_string());
        }
        if self.check && !stale.is_empty() {
            bail!("out of date, run `cargo xtask schemas`: {}", stale.join(", "));
        }
        println!("{} files in {FOLDER}/, {} changed", made.len(), stale.len());
        Ok(())
    }
}

/// Refuses changes of frozen versions. A version that is no draft any more is entered; `check` finds it missing.
fn frozen_versions(folder: &Path, check: bool) -> anyhow::Result<()> {
    let path = folder.join("frozen.json");
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut frozen = Frozen::parse(&text)?;
    if !check {
        let now = frozen.with_new();
        fs::write(&path, &now).with_context(|| format!("cannot write {}", path.display()))?;
        frozen = Frozen::parse(&now)?;
    }
    let errors: Vec<String> = frozen.check().iter().map(ToString::to_string).collect();
    if !errors.is_empty() {
        bail!("{}", errors.join("\n"));
    }
    Ok(())
}

/// Schema and sample files that no version makes any more.
fn leftovers(folder: &Path, known: &BTreeSet<std::path::PathBuf>) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let mut leftovers = Vec::new();
    for folder in [folder.to_owned(), folder.join("samples")] {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry?.path();
            let ours = path.is_file() && path.file_name().is_some_and(|name| name != "frozen.json");
            if ours && !known.contains(&path) {
                leftovers.push(path);
            }
        }
    }
    Ok(leftovers)
}
