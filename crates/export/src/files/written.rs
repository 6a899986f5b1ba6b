//! Adds up what an export has written, for the table at the end of a run.

use std::path::{Path, PathBuf};

use crate::picture::Written;

/// More files than this are told as one folder.
const MAX_LISTED: usize = 16;

/// What was written since the receiver was made, over all its openings.
#[derive(Clone, Debug)]
pub(crate) struct WrittenFiles {
    /// The folder that all files lie in.
    root: PathBuf,
    /// Each file, while they are few.
    files: Vec<Written>,
    /// Files that are not listed.
    more: u64,
    more_bytes: u64,
}

impl WrittenFiles {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root, files: Vec::new(), more: 0, more_bytes: 0 }
    }

    /// A file was opened for the first time.
    pub(crate) fn opened(&mut self, path: &Path) {
        if !self.files.iter().any(|file| file.path == path) {
            self.list_or_count(path);
        }
    }

    /// A file goes by another name now.
    pub(crate) fn renamed(&mut self, from: &Path, to: &Path) {
        if let Some(file) = self.files.iter_mut().rfind(|file| file.path == from) {
            file.path = to.to_owned();
        }
    }

    /// `rows` more in a file that goes on.
    pub(crate) fn add(&mut self, path: &Path, rows: u64, bytes: u64) {
        match self.files.iter_mut().rfind(|file| file.path == path) {
            Some(file) => {
                file.count += rows;
                file.bytes += bytes;
            }
            None => self.more_bytes += bytes,
        }
    }

    /// A whole file, which took the place of an older one if it is not new.
    pub(crate) fn replaced(&mut self, path: &Path, is_new: bool, bytes: u64) {
        if is_new || self.more == 0 {
            self.opened(path);
        }
        match self.files.iter_mut().rfind(|file| file.path == path) {
            Some(file) => (file.count, file.bytes) = (1, bytes),
            None => self.more_bytes += bytes,
        }
    }

    /// One entry per file, or one for the folder.
    pub(crate) fn list(&self) -> Vec<Written> {
        if self.more == 0 {
            return self.files.clone();
        }
        let count = self.files.len() as u64 + self.more;
        let bytes = self.files.iter().map(|file| file.bytes).sum::<u64>() + self.more_bytes;
        vec![Written { path: self.root.clone(), count, bytes }]
    }

    fn list_or_count(&mut self, path: &Path) {
        if self.files.len() < MAX_LISTED {
            self.files.push(Written { path: path.to_owned(), count: 0, bytes: 0 });
        } else {
            self.more += 1;
        }
    }
}
