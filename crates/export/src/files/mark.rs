//! How an export knows its own files again: an extended attribute on each.
//!
//! Retention deletes only what carries the mark of its export, and what was rotated out is found by it after a
//! restart. A file that was there before, and was only appended to, is not marked: it is the user's. File systems
//! without extended attributes (FAT, some network shares) keep no marks: there nothing is swept.

use std::{fs::File, io, path::Path};

use rustix::{
    fs::{XattrFlags, fgetxattr, fsetxattr, getxattr},
    io::Errno,
};

const ATTRIBUTE: &str = "user.watchpost.export";
/// Key, 8 bytes, little endian; then one for the kind.
const BYTES: usize = 9;

/// What a marked file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Written, and maybe still being written.
    Written,
    /// Rotated out: nothing is added to it any more.
    RotatedOut,
}

/// Marks `file` as written by the export `key`. `false`: the file system keeps no marks.
pub(crate) fn put(file: &File, key: u64, kind: Kind) -> bool {
    let mut bytes = [0; BYTES];
    bytes[..8].copy_from_slice(&key.to_le_bytes());
    bytes[8] = u8::from(kind == Kind::RotatedOut);
    fsetxattr(file, ATTRIBUTE, &bytes, XattrFlags::empty()).is_ok()
}

/// What the file at `path` is to the export `key`; `None` if it is not its.
pub(crate) fn of(path: &Path, key: u64) -> Option<Kind> {
    let mut bytes = [0; BYTES];
    let length = getxattr(path, ATTRIBUTE, &mut bytes[..]).ok()?;
    let is_ours = length == BYTES && bytes[..8] == key.to_le_bytes();
    is_ours.then_some(if bytes[8] == 0 { Kind::Written } else { Kind::RotatedOut })
}

/// Whether the file system of `folder` keeps marks.
pub(crate) fn are_kept(folder: &Path) -> bool {
    let folder = match File::open(folder) {
        Ok(folder) => folder,
        Err(_) => return true,
    };
    let mut none = [0; BYTES];
    match fgetxattr(&folder, ATTRIBUTE, &mut none[..]) {
        Ok(_) => true,
        Err(error) => io::Error::from(error).kind() != io::ErrorKind::Unsupported && error != Errno::NOTSUP,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_knows_its_own_files_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        assert!(are_kept(folder.path()));
        let path = folder.path().join("a");
        let file = File::create(&path).unwrap();
        assert_eq!(of(&path, 7), None);
        assert!(put(&file, 7, Kind::Written));
        assert_eq!((of(&path, 7), of(&path, 8)), (Some(Kind::Written), None));
        assert!(put(&file, 7, Kind::RotatedOut));
        assert_eq!(of(&path, 7), Some(Kind::RotatedOut));
        assert_eq!(of(&folder.path().join("missing"), 7), None);
    }
}
