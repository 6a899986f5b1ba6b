//! `retention`: how much of what an export has written stays.

use std::{
    collections::BinaryHeap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;

use super::mark;

/// What is over a bound is deleted, oldest files first; only files that this export has written, never one that is
/// being written. Any of the bounds is enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days since a file was last written to, 0.001 to 36 500.
    #[garde(inner(range(min = 0.001, max = 36_500.0)))]
    pub age_days: Option<f64>,
    /// Bytes of all its files together.
    #[garde(inner(range(min = 1)))]
    pub bytes: Option<u64>,
    /// How many files.
    #[garde(inner(range(min = 1)))]
    pub files: Option<u64>,
}

/// Files that are remembered in one walk: what is deleted at once. Of more, the rest goes in further walks.
const MAX_OLDEST: usize = 4096;

/// What is there of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extent {
    pub files: u64,
    pub bytes: u64,
}

impl Retention {
    /// Whether it bounds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `extent` is over its bounds by so much that it is worth a walk: a twentieth, so that a folder at its
    /// bound is not walked for each file.
    pub(crate) fn is_worth_a_walk(&self, extent: Extent) -> bool {
        let over = |bound: Option<u64>, now: u64| bound.is_some_and(|bound| now > bound + bound / 20);
        over(self.files, extent.files) || over(self.bytes, extent.bytes)
    }

    fn age(&self) -> Option<Duration> {
        self.age_days.and_then(|days| Duration::try_from_secs_f64(days * 86_400.0).ok())
    }

    /// How often files are to be looked at for their age alone.
    pub(crate) fn pause(&self) -> Option<Duration> {
        let age = self.age()?;
        Some((age / 20).clamp(Duration::from_secs(5), Duration::from_secs(3600)))
    }

    /// Deletes what is over the bounds in `root` and `depth` folders below it, of the export `key`. `kept` is asked
    /// just before a file goes: one may have been begun meanwhile. Memory is bounded, however many files there are.
    pub(crate) fn sweep(
        &self,
        (root, depth): (&Path, usize),
        key: u64,
        kept: &dyn Fn(&Path) -> bool,
    ) -> io::Result<Extent> {
        loop {
            let mut oldest = Oldest::default();
            walk(root, depth, &mut |path, found| {
                // One that is just being made is marked already.
                if !is_part(&path) && mark::of(&path, key).is_some() {
                    oldest.add(path, found);
                }
            })?;
            let (all, remembered) = (oldest.extent, oldest.heap.len() as u64);
            let left = self.delete(oldest, kept);
            // Only where everything that was remembered went can there be more to delete.
            if all.files - left.files < remembered || left == all || !self.is_over(left) {
                return Ok(left);
            }
        }
    }

    fn is_over(&self, extent: Extent) -> bool {
        self.files.is_some_and(|most| extent.files > most)
            || self.bytes.is_some_and(|most| extent.bytes > most)
            || self.age_days.is_some()
    }

    fn delete(&self, oldest: Oldest, kept: &dyn Fn(&Path) -> bool) -> Extent {
        let mut left = oldest.extent;
        let expired = self.age().and_then(|age| SystemTime::now().checked_sub(age));
        for Aged { written, bytes, path } in oldest.heap.into_sorted_vec() {
            let is_over = self.files.is_some_and(|most| left.files > most)
                || self.bytes.is_some_and(|most| left.bytes > most)
                || expired.is_some_and(|expired| written < expired);
            if !is_over {
                break;
            }
            if kept(&path) {
                continue;
            }
            match fs::remove_file(&path) {
                Ok(()) => {
                    left.files -= 1;
                    left.bytes = left.bytes.saturating_sub(bytes);
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "retention cannot delete a file")
                }
            }
        }
        left
    }
}

/// A file under its temporary name.
fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    name.starts_with(b".") && name.ends_with(b".part")
}

/// The oldest files, at most [`MAX_OLDEST`], and how many there are.
#[derive(Default)]
struct Oldest {
    heap: BinaryHeap<Aged>,
    extent: Extent,
}

/// Ordered by age, the newest greatest.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Aged {
    written: SystemTime,
    bytes: u64,
    path: PathBuf,
}

impl Oldest {
    fn add(&mut self, path: PathBuf, found: &fs::Metadata) {
        self.extent.files += 1;
        self.extent.bytes += found.len();
        let written = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        self.heap.push(Aged { written, bytes: found.len(), path });
        if self.heap.len() > MAX_OLDEST {
            self.heap.pop();
        }
    }
}

/// Calls `file` for each file below `root`; follows no links. What vanishes meanwhile is passed over.
pub(crate) fn walk(
    root: &Path,
    depth: usize,
    file: &mut dyn FnMut(PathBuf, &fs::Metadata),
) -> io::Result<()> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let Ok(found) = entry.metadata() else { continue };
        if found.is_dir() {
            if let Some(depth) = depth.checked_sub(1) {
                walk(&entry.path(), depth, file)?;
            }
        } else if found.is_file() {
            file(entry.path(), &found);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::files::mark::Kind;

    /// `count` files of 100 bytes, a minute apart, the last one now; every other one somebody else's.
    fn files(root: &Path, count: u64) {
        for n in 0..count {
            fs::create_dir_all(root.join(format!("{}", n % 3))).unwrap();
            for (name, key) in [("ours", 7), ("theirs", 8), ("unmarked", 0)] {
                let file = File::create(root.join(format!("{}/{n:04}.{name}", n % 3))).unwrap();
                std::io::Write::write_all(&mut &file, &[b'x'; 100]).unwrap();
                if key > 0 {
                    mark::put(&file, key, Kind::Written);
                }
                let written = SystemTime::now() - Duration::from_secs(60 * (count - 1 - n));
                file.set_modified(written).unwrap();
            }
        }
    }

    fn left(root: &Path) -> Vec<u64> {
        let mut numbers = Vec::new();
        walk(root, 9, &mut |path, _| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if let Some(number) = name.strip_suffix(".ours") {
                numbers.push(number.parse().unwrap());
            }
        })
        .unwrap();
        numbers.sort();
        numbers
    }

    #[test]
    fn the_oldest_of_its_own_files_go() {
        for (retention, expected) in [
            (Retention { files: Some(4), ..Retention::default() }, 6..10),
            (Retention { bytes: Some(350), ..Retention::default() }, 7..10),
            (Retention { age_days: Some(150.0 / 86_400.0), ..Retention::default() }, 7..10),
            (Retention { files: Some(5), bytes: Some(200), age_days: Some(9.0) }, 8..10),
        ] {
            let folder = tempfile::tempdir().unwrap();
            files(folder.path(), 10);
            let extent = retention.sweep((folder.path(), 9), 7, &|_| false).unwrap();
            assert_eq!(left(folder.path()), expected.clone().collect::<Vec<_>>(), "{retention:?}");
            assert_eq!(
                extent,
                Extent { files: expected.clone().count() as u64, bytes: expected.count() as u64 * 100 }
            );
            let mut all = 0;
            walk(folder.path(), 9, &mut |_, _| all += 1).unwrap();
            assert_eq!(all - left(folder.path()).len(), 20, "nothing of anybody else");
        }
    }

    #[test]
    fn what_is_being_written_stays() {
        let folder = tempfile::tempdir().unwrap();
        files(folder.path(), 5);
        let retention = Retention { files: Some(1), ..Retention::default() };
        retention.sweep((folder.path(), 0), 7, &|_| false).unwrap();
        assert_eq!(left(folder.path()).len(), 5, "the folders below were not asked for");
        let first = folder.path().join("0/0000.ours");
        retention.sweep((folder.path(), 9), 7, &|path| path == first).unwrap();
        assert_eq!(left(folder.path()), [0]);
    }

    #[test]
    fn more_files_than_are_remembered_go_in_several_walks() {
        let folder = tempfile::tempdir().unwrap();
        for n in 0..MAX_OLDEST + 500 {
            let file = File::create(folder.path().join(format!("{n:05}"))).unwrap();
            mark::put(&file, 7, Kind::Written);
        }
        let retention = Retention { files: Some(10), ..Retention::default() };
        assert_eq!(retention.sweep((folder.path(), 0), 7, &|_| false).unwrap().files, 10);
    }
}
