//! What the tests of this room share.

use std::{path::Path, time::Duration};

use watchpost_config::{Base, Input, Paths, load};
use watchpost_model::Diagnostics;
use watchpost_source::{Host, Item, Next, Source, SourceError};

/// Longest wait for any single thing; reached only where something is broken.
pub const LIMIT: Duration = Duration::from_secs(60);

/// The `Input` of an instance file in `folder`, as `run` reads it.
pub fn input(folder: &Path, instance: serde_json::Value) -> (Input, Paths) {
    let file = folder.join("cam.json");
    let loaded = load(&instance.to_string(), &file, Base::InstanceFile).expect("a good instance");
    (loaded.instance.input, Paths::new(&folder.join("data"), &file, Base::InstanceFile))
}

/// Opens `Input` in `folder`.
pub fn open(folder: &Path, input_keys: serde_json::Value) -> Result<Box<dyn Source>, SourceError> {
    let (input, paths) = input(folder, serde_json::json!({ "Input": input_keys }));
    watchpost_source::open(&input, &paths, &Host::default())
}

/// Why it cannot be opened, with the folder's name replaced by `DIR`.
#[allow(dead_code)]
pub fn refused(folder: &Path, input_keys: serde_json::Value) -> String {
    match open(folder, input_keys) {
        Ok(_) => panic!("opened"),
        Err(error) => {
            format!("{}: {}", error.path, error.message.replace(&folder.display().to_string(), "DIR"))
        }
    }
}

/// Everything a source gives until it ends, at most `most` frames, the notices, and why it ended early.
#[allow(dead_code)]
pub fn drain(source: &mut dyn Source, most: usize) -> (Vec<Item>, Vec<Diagnostics>, Option<String>) {
    let (mut items, mut notices) = (Vec::new(), Vec::new());
    let started = std::time::Instant::now();
    while items.len() < most {
        assert!(started.elapsed() < LIMIT, "nothing for a minute, {} frames so far", items.len());
        match source.next(Duration::from_millis(200)).expect("no error") {
            Next::Item(item) => items.push(item),
            Next::Notice(notice) => notices.push(notice),
            Next::Idle => {}
            Next::Ended { early } => return (items, notices, early),
        }
    }
    (items, notices, None)
}

/// Times of frames in whole ms.
#[allow(dead_code)]
pub fn times(items: &[Item]) -> Vec<u64> {
    items.iter().map(|item| item.frame.time.as_whole_ms()).collect()
}
