//! Corpora of the fuzz targets, replayed as plain tests.

use std::{fs, path::Path};

/// Gives every input of `fuzz/corpus/<target>/` to `check`, which panics at what must not be. Before each its name is
/// printed, so that a test that fails says at which one.
///
/// # Panics
/// As `check`, and where the corpus is gone: a replay of nothing would pass.
pub fn replay(target: &str, check: impl Fn(&[u8])) {
    /// A corpus of less has lost its inputs.
    const FEWEST: usize = 4;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= FEWEST, "the corpus of {} is gone", folder.display());
    for path in paths {
        eprintln!("replaying {}", path.display());
        check(&fs::read(path).unwrap());
    }
}
