//! One process per folder.

use std::{
    fs, io,
    io::{Read, Seek, Write},
    path::Path,
};

use rustix::fs::{FlockOperation, flock};

use crate::error::Error;

/// Held as long as the store is open; the kernel lets go of it when the process dies, however.
pub(crate) struct FolderLock {
    _file: fs::File,
}

impl FolderLock {
    pub fn take(dir: &Path) -> Result<Self, Error> {
        let open = |source| Error::Open { dir: dir.to_owned(), doing: "taking the lock".into(), source };
        let path = dir.join("lock");
        let mut how = fs::OpenOptions::new();
        how.read(true).write(true).create(true).truncate(false);
        let mut file = how.open(path).map_err(open)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut text = String::new();
                let holder = match file.read_to_string(&mut text) {
                    Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
                    _ => "unknown".to_owned(),
                };
                return Err(Error::Locked { dir: dir.to_owned(), holder });
            }
            Err(errno) => return Err(open(errno.into())),
        }
        // The number is only for the message: a disk too full for it must not stop the store.
        let note = |file: &mut fs::File| -> io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        if let Err(error) = note(&mut file) {
            tracing::warn!(%error, "journal lock: the process id could not be written");
        }
        Ok(FolderLock { _file: file })
    }
}
