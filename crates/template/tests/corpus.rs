//! Replays the fuzz target's corpus.

#[path = "corpus/check.rs"]
mod check;

#[test]
fn the_corpus_replays() {
    watchpost_testkit::replay("template", check::check);
}
