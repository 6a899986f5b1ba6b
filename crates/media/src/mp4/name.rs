//! Names of files that must not overwrite one another.

use std::{
    fs::{File, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use crate::{MediaError, MediaErrorKind as Kind};

/// Greatest number behind a name: three years of segments of ten seconds.
const MAX_NUMBER: u32 = 9_999_999;

/// Names tried behind the last one that was there: other writers of the same name may be as quick.
const MAX_TRIES: u32 = 1000;

/// What happens if the file is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overwrite {
    /// `name.mp4`, `name-00001.mp4`, `name-00002.mp4`, ...: behind the last one that is there, so that a name which
    /// retention has made free is not the newest file's.
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
    let first = last_number(&path).map_or(0, |last| last + 1);
    for number in first..=MAX_NUMBER.min(first.saturating_add(MAX_TRIES)) {
        let candidate = if number == 0 { path.clone() } else { beside(&path, &format!("{number:05}")) };
        match OpenOptions::new().write(true).create_new(true).open(&candidate) {
            Ok(_) => return Ok(candidate),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(storage(&candidate, &error)),
        }
    }
    let message =
        format!("{}: the numbers behind this name are used up; move the files away", path.display());
    Err(MediaError::new(Kind::Storage, message, ""))
}

/// The greatest number behind the name of `path` in its folder; 0 if only `path` itself is there.
fn last_number(path: &Path) -> Option<u32> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (stem, extension) = (path.file_stem()?, path.extension());
    let number = |name: PathBuf| -> Option<u32> {
        if name.extension() != extension {
            return None;
        }
        let rest = name.file_stem()?.as_encoded_bytes().strip_prefix(stem.as_encoded_bytes())?;
        match rest {
            [] => Some(0),
            [b'-', digits @ ..] if digits.len() >= 5 && digits.iter().all(u8::is_ascii_digit) => {
                std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number < MAX_NUMBER)
            }
            _ => None,
        }
    };
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().filter_map(|entry| number(PathBuf::from(entry.file_name()))).max()
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
        for (gone, next) in [("out.mp4", "out-00003.mp4"), ("out-00003.mp4", "out-00003.mp4")] {
            std::fs::remove_file(path.with_file_name(gone)).unwrap();
            std::fs::write(path.with_file_name("out-side-00007.mp4"), "another name").unwrap();
            assert_eq!(create(&path, Overwrite::Number).unwrap(), path.with_file_name(next));
        }
        let file = path.with_file_name("out-00003.mp4");
        let error = create(&file.join("x.mp4"), Overwrite::Number).unwrap_err();
        assert!(error.message.contains("is a file"), "{error}");
        assert_eq!(create(folder.path(), Overwrite::Replace).unwrap_err().kind, Kind::BadSetting);
    }
}
