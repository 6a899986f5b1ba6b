//! Replays the corpora of the fuzz targets.

mod hours;
mod instance;
mod manifest;
mod secrets;

use watchpost_testkit::replay;

#[test]
fn instances() {
    replay("instance", instance::check);
}

#[test]
fn manifests() {
    replay("manifest", manifest::check);
}

#[test]
fn weekly_hours() {
    replay("hours", hours::check);
}

#[test]
fn secrets_in_addresses() {
    replay("secrets", secrets::check);
}
