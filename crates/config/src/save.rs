//! Writes a document so that a crash leaves either the old file or the new one.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use serde_json::{Map, Value};

/// Writes `document` to `path`: a temporary file beside it, sync, rename, sync of the folder
/// (PRODUCT section 3). Keys keep their order. A link is followed; the file keeps its mode, and a
/// new one may be read by its owner only, because URIs and settings hold passwords.
///
/// # Errors
/// What the file system says; the old file is then untouched.
pub fn save(path: &Path, document: &Map<String, Value>) -> io::Result<()> {
    let mode = fs::metadata(path).map_or(OWNER_ONLY, |meta| meta.permissions().mode() & 0o777);
    replace(path, document, mode)
}

/// As [`save`], for a document of secrets: whatever mode the file had, only its owner may read it now.
///
/// # Errors
/// As [`save`].
pub fn save_private(path: &Path, document: &Map<String, Value>) -> io::Result<()> {
    replace(path, document, OWNER_ONLY)
}

const OWNER_ONLY: u32 = 0o600;

fn replace(path: &Path, document: &Map<String, Value>, mode: u32) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut text = serde_json::to_vec_pretty(document)?;
    text.push(b'\n');

    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = OsString::from(".");
    name.push(target.file_name().ok_or(io::ErrorKind::InvalidFilename)?);
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = folder.join(name);

    let written = write(&temporary, &text, mode).and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        // Nothing more can be done about it, and the reason to report is the one above.
        let _ = fs::remove_file(&temporary);
    }
    written?;
    File::open(folder)?.sync_all()
}

fn write(path: &Path, text: &[u8], mode: u32) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path)?;
    // The mode above is cut by the umask; the old file's was chosen by somebody.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(text)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_mode_and_links_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.json"), folder.path().join("link.json"));
        let document: Map<String, Value> =
            serde_json::from_str(r#"{"z": 1, "a": {"y": 2, "b": []}}"#).unwrap();
        save(&file, &document).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o664)).unwrap();
        std::os::unix::fs::symlink("real.json", &link).unwrap();
        save(&link, &document).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o664);
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text, "{\n  \"z\": 1,\n  \"a\": {\n    \"y\": 2,\n    \"b\": []\n  }\n}\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = save(&folder.path().join("no/x.json"), &Map::new()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
