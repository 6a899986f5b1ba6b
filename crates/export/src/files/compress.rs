//! Compresses a file that was rotated out.
//!
//! Crash safe: the compressed one is written under a temporary name, synced and renamed before the other goes. If
//! both are there, the compressed one is whole.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Path, PathBuf},
};

use parking_lot::Mutex;
use rustix::fs::{Timespec, Timestamps, UTIME_OMIT, futimens};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    each::key_of,
    folder,
    mark::{self, Kind},
};

/// How.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Compress {
    /// `.gz` (RFC 1952): everything reads it.
    Gzip,
    /// `.zst` (RFC 8878): smaller, and several times quicker.
    Zstd,
}

/// What zstd's own command takes: more is slower for little.
const ZSTD_LEVEL: i32 = 3;
const BUFFER_BYTES: usize = 1 << 18;

impl Compress {
    pub(crate) const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// What is put behind the name.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Puts the compressed file in the place of `path`, which the export `key` has rotated out. The change of the two
    /// is made with `is_over` locked, and not any more once that is true: who ends the export finds one of them.
    pub(crate) fn replace(self, path: &Path, key: u64, is_over: &Mutex<bool>) -> io::Result<()> {
        let target = with_suffix(path, self.suffix());
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let is_there = target.exists();
        let name = path.file_name().unwrap_or_default();
        let part = folder.join(format!(".{:016x}.part", key_of(&[b"compress", name.as_encoded_bytes()])));
        let written = if is_there { Ok(()) } else { self.write(path, &part, key) };
        let is_over = is_over.lock();
        if is_there {
            if mark::of(&target, key).is_none() {
                return Err(io::Error::other(format!(
                    "{} is there already, and is not ours",
                    target.display()
                )));
            }
        } else {
            let done = match written {
                Ok(()) if *is_over => Err(io::Error::other("the export has ended")),
                Ok(()) => fs::rename(&part, &target),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                let _left = fs::remove_file(&part);
                return Err(error);
            }
            sync(folder)?;
        }
        fs::remove_file(path)?;
        sync(folder)
    }

    /// Of a file and its compressed one, should both be there, the latter is kept.
    pub(crate) fn settle(self, path: &Path, key: u64) {
        if mark::of(&with_suffix(path, self.suffix()), key).is_some()
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "cannot delete a file that is compressed already");
        }
    }

    fn write(self, from: &Path, to: &Path, key: u64) -> io::Result<()> {
        let mut source = File::open(from)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, File::create(to)?);
        let out = match self {
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
                io::copy(&mut source, &mut encoder)?;
                encoder.finish()?
            }
            Self::Zstd => {
                let mut encoder = zstd::Encoder::new(out, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                io::copy(&mut source, &mut encoder)?;
                encoder.finish()?
            }
        };
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.flush()?;
        mark::put(&file, key, Kind::RotatedOut);
        // Retention goes by when its lines were written.
        if let Ok(written) = source.metadata().and_then(|found| found.modified())
            && let Ok(since) = written.duration_since(std::time::UNIX_EPOCH)
        {
            let at = |tv_sec, tv_nsec| Timespec { tv_sec, tv_nsec };
            let times = Timestamps {
                last_access: at(0, UTIME_OMIT as _),
                last_modification: at(since.as_secs() as i64, since.subsec_nanos().into()),
            };
            futimens(&file, &times)?;
        }
        file.sync_all()
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    folder::sync(folder).map_err(|error| io::Error::other(error.to_string()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn unpacked(how: Compress, path: &Path) -> String {
        let file = File::open(with_suffix(path, how.suffix())).unwrap();
        let mut text = String::new();
        match how {
            Compress::Gzip => flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap(),
            Compress::Zstd => zstd::Decoder::new(file).unwrap().read_to_string(&mut text).unwrap(),
        };
        text
    }

    #[test]
    fn of_both_the_compressed_one_stays_and_an_export_that_has_ended_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.000001.json");
        fs::write(&path, "{}\n").unwrap();
        assert!(Compress::Gzip.replace(&path, 7, &Mutex::new(true)).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        Compress::Gzip.settle(&path, 7);
        assert!(path.exists(), "it is the only one");
        Compress::Gzip.replace(&path, 7, &Mutex::new(false)).unwrap();
        fs::write(&path, "{}\n").unwrap();
        Compress::Gzip.settle(&path, 8);
        assert!(path.exists(), "the other is not ours");
        Compress::Gzip.settle(&path, 7);
        assert!(!path.exists());
        assert_eq!(unpacked(Compress::Gzip, &path), "{}\n");
    }

    #[test]
    fn the_compressed_file_takes_the_place_of_the_other() {
        for how in Compress::ALL {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.000001.json");
            let text = "{\"a\":1}\n".repeat(100_000);
            fs::write(&path, &text).unwrap();
            let written = fs::metadata(&path).unwrap().modified().unwrap();
            how.replace(&path, 7, &Mutex::new(false)).unwrap();
            assert_eq!(unpacked(how, &path), text);
            let packed = with_suffix(&path, how.suffix());
            assert_eq!(fs::metadata(&packed).unwrap().modified().unwrap(), written);
            assert_eq!(mark::of(&packed, 7), Some(Kind::RotatedOut));
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            // Killed between the rename and the removal: both are there.
            fs::write(&path, &text).unwrap();
            how.replace(&path, 7, &Mutex::new(false)).unwrap();
            assert_eq!(unpacked(how, &path), text);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_file_of_somebody_else_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.000001.json");
        fs::write(&path, "mine").unwrap();
        fs::write(with_suffix(&path, ".gz"), "yours").unwrap();
        assert!(
            Compress::Gzip
                .replace(&path, 7, &Mutex::new(false))
                .unwrap_err()
                .to_string()
                .contains("is not ours")
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}
