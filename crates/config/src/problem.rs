//! What is wrong with a file, and the list in which problems are gathered.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::lines::Lines;

/// One thing that is wrong, or worth knowing, about one place of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named by whoever loaded it; empty where that is not known yet.
    pub file: PathBuf,
    /// JSON pointer (RFC 6901) of the place; empty for the whole document.
    pub path: String,
    /// Line of the place, from 1; `None` where there is no text (a change through the API).
    pub line: Option<u32>,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to do; may be empty.
    pub fix: String,
}

impl Problem {
    /// A problem at `path` of a document whose file the caller does not know: for rooms that check
    /// a part handed to them. [`crate::Loaded::locate`] fills in the rest.
    pub fn at(path: impl Into<String>, message: impl Into<String>, fix: impl Into<String>) -> Self {
        let (path, message, fix) = (path.into(), message.into(), fix.into());
        Self { file: PathBuf::new(), path, line: None, message, fix }
    }
}

impl fmt::Display for Problem {
    /// `file:line: path: message; fix`, without the parts that are not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.as_os_str().is_empty() {
            write!(f, "{}", self.file.display())?;
            match self.line {
                Some(line) => write!(f, ":{line}: ")?,
                None => write!(f, ": ")?,
            }
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        if self.fix.is_empty() { Ok(()) } else { write!(f, "; {}", self.fix) }
    }
}

impl std::error::Error for Problem {}

/// Gathers problems while a document is lowered, so that all are reported and not only the first.
pub(crate) struct Check<'a> {
    file: &'a Path,
    pub lines: Lines,
    /// What makes the file, or a part of it, unusable.
    pub errors: Vec<Problem>,
    /// What works, but hardly as meant.
    pub warnings: Vec<Problem>,
}

impl<'a> Check<'a> {
    pub fn new(file: &'a Path, lines: Lines) -> Self {
        Self { file, lines, errors: Vec::new(), warnings: Vec::new() }
    }

    pub fn error(&mut self, path: &str, message: impl Into<String>, fix: impl Into<String>) {
        let problem = self.problem(path, message.into(), fix.into());
        self.errors.push(problem);
    }

    pub fn warn(&mut self, path: &str, message: impl Into<String>, fix: impl Into<String>) {
        let problem = self.problem(path, message.into(), fix.into());
        self.warnings.push(problem);
    }

    /// Runs `part` and hands back, apart from all others, the errors it found.
    pub fn apart<T>(&mut self, part: impl FnOnce(&mut Self) -> T) -> (T, Vec<Problem>) {
        let before = self.errors.len();
        let result = part(self);
        (result, self.errors.split_off(before))
    }

    fn problem(&self, path: &str, message: String, fix: String) -> Problem {
        Problem { file: self.file.to_owned(), path: path.to_owned(), line: self.lines.of(path), message, fix }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(path: &str, line: Option<u32>, fix: &str) -> String {
        let (path, fix, message) = (path.to_owned(), fix.to_owned(), "is wrong".to_owned());
        Problem { file: "a.json".into(), path, line, message, fix }.to_string()
    }

    #[test]
    fn display_leaves_out_what_is_not_known() {
        assert_eq!(problem("/a", Some(3), "expected b"), "a.json:3: /a: is wrong; expected b");
        assert_eq!(problem("/a", None, ""), "a.json: /a: is wrong");
        assert_eq!(problem("", Some(1), ""), "a.json:1: is wrong");
        assert_eq!(Problem::at("/a", "is wrong", "expected b").to_string(), "/a: is wrong; expected b");
    }
}
