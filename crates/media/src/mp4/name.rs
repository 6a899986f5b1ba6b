//! Names of files that must not overwrite one another.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{MediaError, MediaErrorKind as Kind};

/// Most numbers tried for one name; a folder with more recordings of one name wants retention.
const MAX_NUMBER: u32 = 99_999;

/// What happens if the file is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overwrite {
    /// `name.mp4`, `name-00001.mp4`, `name-00002.mp4`, ...
    #[default]
    Number,
    /// `name-2026-07-01_120000.mp4`, in UTC; numbered if that is there too.
    Time,
    /// The old file goes.
    Replace,
}

impl Overwrite {
    /// The name of a run's file `number`, beside `path`.
    pub fn numbered(path: &Path, number: u32) -> PathBuf {
        beside(path, &format!("{number:05}"))
    }
}

impl std::str::FromStr for Overwrite {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "number" => Ok(Self::Number),
            "time" => Ok(Self::Time),
            "replace" => Ok(Self::Replace),
            _ => Err(format!("unknown `overwrite` value `{text}`: expected number, time or replace")),
        }
    }
}

/// Creates an empty file at `path`, or beside it as `overwrite` says, and its folders. What is
/// there is not touched unless it is to be replaced; two writers never get the same name.
pub(super) fn create(path: &Path, overwrite: Overwrite) -> Result<PathBuf, MediaError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| storage(folder, &error))?;
    }
    let path = match overwrite {
        Overwrite::Replace => {
            return File::create(path).map(|_| path.to_owned()).map_err(|error| storage(path, &error));
        }
        Overwrite::Number => path.to_owned(),
        Overwrite::Time => beside(path, &jiff::Timestamp::now().strftime("%F_%H%M%S").to_string()),
    };
    for number in 0..=MAX_NUMBER {
        let candidate = if number == 0 { path.clone() } else { beside(&path, &format!("{number:05}")) };
        match OpenOptions::new().write(true).create_new(true).open(&candidate) {
            Ok(_) => return Ok(candidate),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(storage(&candidate, &error)),
        }
    }
    let message = format!("{}: {MAX_NUMBER} files of this name are there; move some away", path.display());
    Err(MediaError::new(Kind::Storage, message, ""))
}

/// `folder/stem-suffix.ext`.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push("-");
    name.push(suffix);
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

pub(super) fn storage(path: &Path, error: &std::io::Error) -> MediaError {
    let shown = path.display();
    let (kind, message) = match error.kind() {
        ErrorKind::PermissionDenied => (Kind::Permission, format!("{shown}: no permission to write here")),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Kind::DiskFull, format!("{shown}: no space left on the disk; free some"))
        }
        ErrorKind::ReadOnlyFilesystem => (Kind::Permission, format!("{shown}: the file system is read-only")),
        ErrorKind::IsADirectory => {
            (Kind::BadSetting, format!("{shown} is a folder: expected a path to a file"))
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            (Kind::BadSetting, format!("{shown}: a part of the path is a file, not a folder"))
        }
        _ => (Kind::Storage, format!("{shown}: cannot be written: {error}")),
    };
    MediaError::new(kind, message, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_up_and_nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/out.mp4");
        let names: Vec<String> = (0..3)
            .map(|_| {
                create(&path, Overwrite::Number).unwrap().file_name().unwrap().to_string_lossy().into_owned()
            })
            .collect();
        assert_eq!(names, ["out.mp4", "out-00001.mp4", "out-00002.mp4"]);
        assert_eq!(create(&path, Overwrite::Replace).unwrap(), path);
        let by_time = create(&path, Overwrite::Time).unwrap();
        assert!(by_time.to_string_lossy().contains("out-20"), "{by_time:?}");
        assert_ne!(create(&path, Overwrite::Time).unwrap(), by_time);
        let error = create(&path.join("x.mp4"), Overwrite::Number).unwrap_err();
        assert!(error.message.contains("is a file"), "{error}");
        assert_eq!(create(folder.path(), Overwrite::Replace).unwrap_err().kind, Kind::BadSetting);
    }
}
