//! From a file to the JSON object in it, or to the one reason why there is none.

use std::{io::Read, path::Path};

use serde_json::{Map, Value};

use crate::{Problem, lines::Lines};

/// Largest file that is read, in bytes. A thousand areas of a thousand corners fit.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// The text of the file at `path`.
///
/// # Errors
/// Why it cannot be read: missing, not allowed, a folder, over [`MAX_FILE_BYTES`], not UTF-8.
pub fn read(path: &Path) -> Result<String, Vec<Problem>> {
    let problem = |message: String, fix: &str| {
        let (file, fix) = (path.to_owned(), fix.to_owned());
        vec![Problem { file, path: String::new(), line: None, message, fix }]
    };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path);
    let read = file.and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes));
    match read {
        Err(error) => Err(vec![unreadable(path, &error)]),
        Ok(_) if bytes.len() as u64 > MAX_FILE_BYTES => {
            Err(problem("is too large".into(), "expected at most 64 MiB"))
        }
        Ok(_) => String::from_utf8(bytes).map_err(|error| {
            problem(
                format!("is not UTF-8 from byte {} on", error.utf8_error().valid_up_to()),
                "save it as UTF-8",
            )
        }),
    }
}

/// Why the file at `path` could not be read, and what to do.
pub fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    use std::io::ErrorKind;
    let (message, fix) = match error.kind() {
        ErrorKind::NotFound => ("no such file".into(), "check the path"),
        ErrorKind::PermissionDenied => {
            ("may not be read".into(), "give the user that runs watchpost permission to read it")
        }
        ErrorKind::IsADirectory => ("is a folder".into(), "name a file"),
        _ => (format!("cannot be read: {error}"), ""),
    };
    Problem { file: path.to_owned(), ..Problem::at("", message, fix) }
}

/// Where `error` is in a text, and what it says: its line, from 1, and words for people.
pub fn not_json(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    let reason = text.split(" at line ").next().unwrap_or_default();
    (error.line().max(1), format!("is not JSON from column {} on: {reason}", error.column()))
}

/// The object that `text` holds, and the line of everything in it.
pub(crate) fn parse(text: &str, origin: &Path) -> Result<(Map<String, Value>, Lines), Vec<Problem>> {
    // Editors of other systems begin UTF-8 files with a byte order mark; JSON parsers refuse it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let problem = |line: usize, message: String, fix: &str| {
        let (file, fix) = (origin.to_owned(), fix.to_owned());
        vec![Problem { file, path: String::new(), line: u32::try_from(line).ok(), message, fix }]
    };
    if text.trim().is_empty() {
        return Err(problem(1, "is empty".to_owned(), "expected a JSON object {...}"));
    }
    match serde_json::from_str(text) {
        Ok(Value::Object(document)) => Ok((document, Lines::scan(text))),
        Ok(other) => {
            let is = crate::object::describe(&other);
            Err(problem(1, format!("is {is}"), "expected a JSON object {...}"))
        }
        Err(error) => {
            let (line, message) = not_json(&error);
            Err(problem(line, message, "mend the JSON there"))
        }
    }
}
