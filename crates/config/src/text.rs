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
    match read.map_err(|error| (error.kind(), error)) {
        Err((std::io::ErrorKind::NotFound, _)) => Err(problem("no such file".into(), "check the path")),
        Err((std::io::ErrorKind::PermissionDenied, _)) => {
            Err(problem("may not be read".into(), "give the user that runs watchpost permission to read it"))
        }
        Err((std::io::ErrorKind::IsADirectory, _)) => Err(problem("is a folder".into(), "name a file")),
        Err((_, error)) => Err(problem(format!("cannot be read: {error}"), "")),
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

/// The object that `text` holds, and the line of everything in it.
pub(crate) fn parse(text: &str, origin: &Path) -> Result<(Map<String, Value>, Lines), Vec<Problem>> {
    // Editors of other systems begin UTF-8 files with a byte order mark; JSON parsers refuse it.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let problem = |line: usize, message: String, fix: &str| {
        let (file, fix) = (origin.to_owned(), fix.to_owned());
        vec![Problem { file, path: String::new(), line: u32::try_from(line).ok(), message, fix }]
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(document)) => Ok((document, Lines::scan(text))),
        Ok(other) => {
            let is = crate::object::describe(&other);
            Err(problem(1, format!("is {is}"), "expected a JSON object {...}"))
        }
        Err(error) => {
            let text = error.to_string();
            let reason = text.split(" at line ").next().unwrap_or_default().to_owned();
            let message = format!("is not JSON from column {} on: {reason}", error.column());
            Err(problem(error.line().max(1), message, "mend the JSON there"))
        }
    }
}
