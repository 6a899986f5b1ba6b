//! Replays the fuzz target's corpus.

#[path = "corpus/check.rs"]
mod check;

#[test]
fn the_corpus_replays() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/template");
    let mut replayed = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        check::check(&std::fs::read(file.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed >= 10, "the corpus of {folder} is gone");
}
