//! The peers' Python environment: made once under the target folder, thrown away with it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::process::{output, run};

const WANTED: &str = "benches/requirements.txt";

/// Python with OpenCV and supervision, as `benches/requirements.txt` pins them.
pub fn python(work: &Path) -> anyhow::Result<PathBuf> {
    let venv = work.join("venv");
    let python = venv.join("bin/python");
    let stamp = venv.join("installed.txt");
    let wanted = fs::read(WANTED)?;
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("bench: installing the peers");
    if venv.exists() {
        fs::remove_dir_all(&venv)?;
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    run(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        WANTED,
    ]))?;
    fs::write(&stamp, wanted)?;
    Ok(python)
}

/// Where a peer is.
pub fn script(name: &str) -> PathBuf {
    Path::new("benches").join(name)
}

/// Runs a peer that prints one number.
pub fn number(python: &Path, name: &str, arguments: &[&str]) -> anyhow::Result<f64> {
    let mut command = Command::new(python);
    command.arg(script(name)).args(arguments);
    Ok(output(&mut command)?.trim().parse()?)
}
