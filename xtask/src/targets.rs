//! Every fuzz target has a corpus, and some plain test replays it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Names in a folder, without what follows their dot.
fn stems(folder: &Path) -> BTreeSet<String> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn every_fuzz_target_has_a_corpus_that_a_plain_test_replays() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let targets = stems(&root.join("fuzz/fuzz_targets"));
    assert!(targets.len() > 10, "{targets:?}");
    assert_eq!(stems(&root.join("fuzz/corpus")), targets);
    let manifest = fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let sources: String =
        sources(&root.join("crates")).iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for target in &targets {
        assert!(manifest.contains(&format!("name = \"{target}\"")), "{target} is not in fuzz/Cargo.toml");
        assert!(sources.contains(&format!("replay(\"{target}\"")), "no test replays the corpus of {target}");
    }
}

/// Every Rust file below `folder`.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}
