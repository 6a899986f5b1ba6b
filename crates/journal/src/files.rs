//! The seam to the file system: everything the store asks of it, so that tests can put a
//! forgetful, full or lying disk in its place.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::format::SegmentName;

/// An open file. Positions are explicit, so handles can be shared.
pub(crate) trait File: Send + Sync {
    /// Writes all of `data` at `offset`.
    fn write_at(&self, data: &[u8], offset: u64) -> io::Result<()>;
    /// Fills as much of `buf` as the file has from `offset` on; returns how much.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Makes data and length survive a power cut. After an error nothing written since the last
    /// success may be trusted, and trying again proves nothing: the kernel has marked it clean.
    fn sync(&self) -> io::Result<()>;
    /// Reserves space, so that writing cannot run out of it. The length becomes at least `len`.
    fn allocate(&self, len: u64) -> io::Result<()>;
    fn len(&self) -> io::Result<u64>;
}

/// One flat folder of files.
pub(crate) trait Files: Send + Sync {
    /// Makes an empty file, replacing one of that name.
    fn create(&self, name: &str) -> io::Result<Arc<dyn File>>;
    fn open(&self, name: &str) -> io::Result<Arc<dyn File>>;
    /// Names and lengths.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals survive a power cut.
    fn sync_dir(&self) -> io::Result<()>;
    /// Free bytes and size of the file system.
    fn space(&self) -> io::Result<(u64, u64)>;
}

/// Open segment files, the least recently used closed first: a thousand logs must not need a
/// thousand file descriptors.
pub(crate) struct OpenFiles {
    files: Arc<dyn Files>,
    limit: usize,
    /// Most recently used last. Few enough that walking it is cheaper than a map.
    open: Mutex<Vec<(SegmentName, Arc<dyn File>)>>,
}

impl OpenFiles {
    pub fn new(files: Arc<dyn Files>, limit: usize) -> Self {
        OpenFiles { files, limit: limit.max(1), open: Mutex::default() }
    }

    pub fn get(&self, name: SegmentName) -> io::Result<Arc<dyn File>> {
        let mut open = self.open.lock();
        if let Some(at) = open.iter().rposition(|(other, _)| *other == name) {
            let found = open.remove(at);
            let file = found.1.clone();
            open.push(found);
            return Ok(file);
        }
        drop(open);
        let file = self.files.open(&name.to_string())?;
        self.keep(name, file.clone());
        Ok(file)
    }

    pub fn create(&self, name: SegmentName) -> io::Result<Arc<dyn File>> {
        self.forget(name);
        let file = self.files.create(&name.to_string())?;
        self.keep(name, file.clone());
        Ok(file)
    }

    pub fn forget(&self, name: SegmentName) {
        self.open.lock().retain(|(other, _)| *other != name);
    }

    fn keep(&self, name: SegmentName, file: Arc<dyn File>) {
        let mut open = self.open.lock();
        open.retain(|(other, _)| *other != name);
        if open.len() >= self.limit {
            open.remove(0);
        }
        open.push((name, file));
    }
}
