//! Replays the corpus of the fuzz target.

mod record;

#[test]
fn records() {
    watchpost_testkit::replay("record", record::check);
}
