//! When a file is rotated out, and how it is called then.
//!
//! The file that is written to keeps its name; rotated out it is `<stem>.000001.<ext>`, `.000002`, and so on: in
//! the order they were written, and past what is there already. With a dynamic path each name has files and numbers
//! of its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;

use super::compress::Compress;

/// When a file has had enough; the first bound that is reached counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rotate {
    /// No file becomes larger than so many bytes, 1024 at least; only a single line may be.
    #[garde(inner(range(min = 1024)))]
    pub bytes: Option<u64>,
    /// A new file in each step of so many seconds of the objects' own time, 1 to 31 536 000: with 3600 at each full
    /// hour, with 86 400 at midnight UTC. The old one is rotated out when the first object of the new step comes.
    #[garde(inner(range(min = 1.0, max = 31_536_000.0)))]
    pub seconds: Option<f64>,
}

/// What happens to a file that has had enough.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rolling {
    pub rotate: Option<Rotate>,
    pub compress: Option<Compress>,
}

impl Rolling {
    /// What the types alone do not show: the key, what is wrong, the fix.
    pub(crate) fn problems(&self, appends: bool) -> Vec<(&'static str, String, String)> {
        let mut problems = Vec::new();
        let mut add =
            |key, message: &str, fix: &str| problems.push((key, message.to_owned(), fix.to_owned()));
        if self.rotate.is_some_and(|rotate| rotate == Rotate::default()) {
            add("rotate", "has no bound", "set `bytes` or `seconds`");
        }
        if self.rotate.is_some() && !appends {
            let message = "a file for each object has nothing to rotate";
            add("rotate", message, "set `append_only` to true, or take `rotate` out");
        }
        if self.compress.is_some() && self.rotate.is_none() {
            let message = "compresses what is rotated out, and nothing is";
            add("compress", message, "add `rotate` with `bytes` or `seconds`");
        }
        problems
    }
}

impl Rotate {
    /// Whether a file of `length` bytes, whose first object is of `from_ms`, is full before `more` bytes of `time_ms`.
    pub(crate) fn is_due(
        &self,
        length: u64,
        head: u64,
        from_ms: Option<i64>,
        more: u64,
        time_ms: i64,
    ) -> bool {
        let too_long = self.bytes.is_some_and(|most| length > head && length + more > most);
        too_long || from_ms.is_some_and(|from_ms| self.step(from_ms) != self.step(time_ms))
    }

    fn step(&self, time_ms: i64) -> i64 {
        self.seconds.map_or(0, |seconds| time_ms.div_euclid(((seconds * 1e3) as i64).max(1)))
    }
}

/// `out/a.json` and 3: `out/a.000003.json`.
pub(crate) fn rotated(path: &Path, number: u64) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!(".{number:06}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The highest number among the files that `path` was rotated out to, compressed ones too; 0 if there are none.
pub(crate) fn last_number(path: &Path) -> io::Result<u64> {
    let (stem, extension) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
    let (stem, extension) = (stem.to_string_lossy(), extension.to_string_lossy());
    let number = |name: &str| {
        let rest = name.strip_prefix(stem.as_ref())?.strip_prefix('.')?;
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, rest) = rest.split_at(digits);
        let rest = if extension.is_empty() {
            rest
        } else {
            rest.strip_prefix('.')?.strip_prefix(extension.as_ref())?
        };
        let is_whole = rest.is_empty() || Compress::ALL.iter().any(|how| rest == how.suffix());
        (is_whole && number.len() >= 6).then(|| number.parse::<u64>().ok()).flatten()
    };
    let mut last = 0;
    for entry in fs::read_dir(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?
    {
        last = last.max(number(&entry?.file_name().to_string_lossy()).unwrap_or(0));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_numbered_past_what_is_there() {
        assert_eq!(rotated(Path::new("out/a.b.json"), 3), Path::new("out/a.b.000003.json"));
        assert_eq!(rotated(Path::new("a"), 12), Path::new("a.000012"));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(last_number(&path).unwrap(), 0);
        for name in
            ["a.json", "a.000002.json", "a.000007.json.gz", "a.000009.jsonx", "a.8.json", "ab.000010.json"]
        {
            fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(last_number(&path).unwrap(), 7);
        fs::write(folder.path().join("a.1000000.json.zst"), "").unwrap();
        assert_eq!(last_number(&path).unwrap(), 1_000_000, "a million does not end it");
    }

    #[test]
    fn files_are_full_by_bytes_or_by_the_objects_time() {
        let bytes = Rotate { bytes: Some(2000), seconds: None };
        assert!(!bytes.is_due(1000, 0, Some(0), 1000, 9_999_999));
        assert!(bytes.is_due(1001, 0, Some(0), 1000, 0));
        assert!(!bytes.is_due(30, 30, None, 5000, 0), "one line alone may be longer");
        let hours = Rotate { bytes: None, seconds: Some(3600.0) };
        assert!(!hours.is_due(1000, 0, Some(3_600_000), 1, 7_199_999));
        assert!(hours.is_due(1000, 0, Some(3_600_000), 1, 7_200_000));
        assert!(!hours.is_due(0, 0, None, 1, 7_200_000));
    }
}
