//! Finds the exporters on a machine.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::load_manifest;
use crate::{Manifest, Problem};

/// The manifest's file name in an exporter's folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// Exporters looked at, at most: a wrong folder must not be walked without end.
const MAX_EXPORTERS: usize = 1000;

/// A folder with a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The exporter's folder.
    pub dir: PathBuf,
    /// What its manifest says and its warnings, or all that is wrong with it.
    pub manifest: Result<(Manifest, Vec<Problem>), Vec<Problem>>,
}

impl Found {
    /// Its manifest, if that can be used and is the one of the exporter `name`.
    pub fn named(&self, name: &str) -> Option<&Manifest> {
        self.manifest.as_ref().ok().map(|(manifest, _)| manifest).filter(|manifest| manifest.name == name)
    }
}

/// Every exporter in `dirs`, in the order of `dirs` and by folder name within each. Of two with the
/// same name the first is used, so that the user's go before those shipped; a second one in the
/// *same* folder of exporters is an error of its own. A folder that does not exist holds none.
///
/// # Errors
/// A folder that exists and cannot be listed.
pub fn discover(dirs: &[PathBuf]) -> Result<Vec<Found>, (PathBuf, io::Error)> {
    let mut all: Vec<Found> = Vec::new();
    for dir in dirs {
        let mut here: Vec<Found> = Vec::new();
        for folder in folders(dir).map_err(|error| (dir.clone(), error))? {
            let file = folder.join(MANIFEST_FILE);
            let mut manifest = load_manifest(&file);
            if let Ok((read, _)) = &manifest {
                if name_in(&all, &read.name).is_some() {
                    continue;
                }
                if let Some(first) = name_in(&here, &read.name) {
                    let (path, line) = ("/name".to_owned(), None);
                    let message = format!("the name \"{}\" is that of {}", read.name, first.display());
                    let fix = "give each its own name".to_owned();
                    manifest = Err(vec![Problem { file, path, line, message, fix }]);
                }
            }
            here.push(Found { dir: folder, manifest });
        }
        all.extend(here);
    }
    Ok(all)
}

fn name_in<'a>(found: &'a [Found], name: &str) -> Option<&'a Path> {
    found.iter().find(|found| found.named(name).is_some()).map(|found| found.dir.as_path())
}

fn folders(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.retain(|path| path.join(MANIFEST_FILE).exists());
    paths.sort();
    paths.truncate(MAX_EXPORTERS);
    Ok(paths)
}
