//! Folders: made when missing, synced when something in them changed its name.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use crate::receiver::ReceiverError;

use super::fault::fault;

/// Makes `folder` and whatever lies above it, and syncs each new entry, so that a file synced inside
/// is still found after power loss.
pub(crate) fn make(folder: &Path) -> Result<(), ReceiverError> {
    let failed = |error: io::Error| fault("create the folder", folder, &error);
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or_else(|| Path::new("."));
    make(above)?;
    match fs::create_dir(folder) {
        Ok(()) => sync(above),
        // Another export may have made it in the meantime.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(failed(io::Error::from(io::ErrorKind::NotADirectory)))
        }
        Err(error) => Err(failed(error)),
    }
}

/// Makes names in `folder` durable.
pub(crate) fn sync(folder: &Path) -> Result<(), ReceiverError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)
        .and_then(|opened| opened.sync_all())
        .map_err(|error| fault("sync the folder", folder, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folders_are_made_and_files_in_their_place_are_named() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("a/b/c");
        make(&deep).unwrap();
        make(&deep).unwrap();
        assert!(deep.is_dir());
        let file = root.path().join("file");
        fs::write(&file, "x").unwrap();
        for folder in [file.clone(), file.join("below")] {
            let error = make(&folder).unwrap_err();
            assert!(
                matches!(&error, ReceiverError::Blocked(text) if text.contains("a part of the path is a file")),
                "{error}"
            );
        }
    }
}
