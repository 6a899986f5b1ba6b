//! What retention has to know of an export's files: which are its own, which are being written, and how large
//! they have grown.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::files::{House, mark};

/// The files of one run of an export.
pub(super) struct Kept {
    /// `None`: everything stays.
    house: Option<House>,
    key: u64,
    /// Those that are being written: the one that takes frames, and the one that is ready to follow.
    open: Vec<Open>,
}

struct Open {
    path: PathBuf,
    /// Bytes that retention has been told of.
    told: u64,
}

impl Kept {
    pub(super) const fn new(house: Option<House>, key: u64) -> Self {
        Self { house, key, open: Vec::new() }
    }

    /// A file is about to be begun at `path`, or beside it: what is there under this name must not go just now.
    pub(super) fn begins(&self, path: &Path) {
        self.say(Some(path));
    }

    /// A file was begun.
    pub(super) fn opened(&mut self, path: &Path) {
        self.open.push(Open { path: path.to_owned(), told: 0 });
        self.say(None);
        // Marked without retention too: one that is set later holds for what is there by then.
        match File::open(path) {
            Ok(file) => drop(mark::put(&file, self.key, mark::Kind::Written)),
            Err(error) => tracing::debug!(path = %path.display(), %error, "a file is not marked"),
        }
        if let Some(house) = &self.house {
            house.wrote(1, 0);
        }
    }

    /// The file at `path` has so many bytes by now.
    pub(super) fn grown(&mut self, path: &Path, bytes: u64) {
        let open = self.open.iter_mut().find(|open| open.path == path);
        if let (Some(house), Some(open)) = (&self.house, open)
            && bytes > open.told
        {
            house.wrote(0, bytes - open.told);
            open.told = bytes;
        }
    }

    /// The file at `path` is complete, or broke off.
    pub(super) fn closed(&mut self, path: &Path) {
        self.open.retain(|open| open.path != path);
        self.say(None);
    }

    fn say(&self, more: Option<&Path>) {
        if let Some(house) = &self.house {
            let open = self.open.iter().map(|open| open.path.as_path());
            house.active(open.chain(more).map(Path::to_owned).collect());
        }
    }
}
