//! From the text of a command to a program that can be executed: words, then the file behind the first.
//!
//! No shell is involved: `|`, `>`, `$HOME` and `*` are ordinary characters (PRODUCT 8, 9).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Longest command text accepted, in bytes: far above any real one, far below what `execve` refuses
/// (128 KiB for one argument on Linux).
pub const COMMAND_MAX_BYTES: usize = 64 * 1024;

/// Why a command's text could not be split into words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Nothing but white space or a comment.
    #[error("the command is empty; expected a program and its arguments, for example `python3 filter.py`")]
    Empty,
    /// A quote that is never closed.
    #[error("the quote {quote} opened at character {position} is never closed; close it or write \\{quote}")]
    OpenQuote {
        /// `'` or `"`.
        quote: char,
        /// Where it was opened: characters from 1.
        position: usize,
    },
    /// A backslash with nothing behind it.
    #[error("the command ends with a backslash; write \\\\ for a literal one")]
    TrailingBackslash,
    /// A NUL character: no argument can hold one.
    #[error("the command holds a NUL character at character {position}; remove it")]
    Nul {
        /// Characters from 1.
        position: usize,
    },
    /// Over [`COMMAND_MAX_BYTES`].
    #[error("the command has {bytes} bytes; at most {COMMAND_MAX_BYTES} are accepted")]
    TooLong {
        /// Its size.
        bytes: usize,
    },
}

/// Splits a command into words as a POSIX shell would, quotes and backslashes included, without a shell.
///
/// The result has at least one word.
pub fn split(command: &str) -> Result<Vec<String>, SplitError> {
    if command.len() > COMMAND_MAX_BYTES {
        return Err(SplitError::TooLong { bytes: command.len() });
    }
    if let Some(position) = command.chars().position(|c| c == '\0') {
        return Err(SplitError::Nul { position: position + 1 });
    }
    match shlex::split(command) {
        Some(words) if words.is_empty() => Err(SplitError::Empty),
        Some(words) => Ok(words),
        None => Err(open_quote(command)),
    }
}

/// Finds what shlex stumbled over; it reports only that it did.
fn open_quote(command: &str) -> SplitError {
    let mut open: Option<(char, usize)> = None;
    let mut in_comment = false;
    let mut word_begins = true;
    let mut chars = command.chars().enumerate();
    while let Some((at, c)) = chars.next() {
        if in_comment {
            in_comment = c != '\n';
            continue;
        }
        match (c, open) {
            // Whatever follows is taken as it is.
            ('\\', None | Some(('"', _))) => drop(chars.next()),
            (_, Some((quote, _))) if c == quote => open = None,
            ('\'' | '"', None) => open = Some((c, at + 1)),
            ('#', None) if word_begins => in_comment = true,
            _ => {}
        }
        word_begins = open.is_none() && matches!(c, ' ' | '\t' | '\n');
    }
    match open {
        Some((quote, position)) => SplitError::OpenQuote { quote, position },
        None => SplitError::TrailingBackslash,
    }
}

/// Why the program of a command cannot be executed. Every variant names the file concerned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// No such file.
    #[error("program `{program}` not found; tried {}; {}", list(.tried), remedy(.program))]
    NotFound {
        /// As written in the command.
        program: String,
        /// Every path that was looked at, in order.
        tried: Vec<PathBuf>,
    },
    /// The file is there but lacks the execute permission.
    #[error("`{}` is not executable; run `chmod +x {}` or name its interpreter, for example `python3 {}`", .path.display(), .path.display(), .path.display())]
    NotExecutable {
        /// The file found.
        path: PathBuf,
    },
    /// A folder, not a program.
    #[error("`{}` is a folder; expected a program", .path.display())]
    IsDirectory {
        /// The folder found.
        path: PathBuf,
    },
}

fn remedy(program: &str) -> &'static str {
    if program.contains('/') { "correct the path" } else { "install it, or write the path to it" }
}

fn list(tried: &[PathBuf]) -> String {
    let mut text = String::new();
    for path in tried {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(&path.to_string_lossy());
    }
    if text.is_empty() { "nothing (PATH is empty)".to_owned() } else { text }
}

/// Finds the file behind the first word of a command.
///
/// A word without `/` is looked for in `search_path` (the value of `PATH`), a relative one is relative to
/// `dir`. The result is absolute if `dir` and the entries of `search_path` are.
pub fn resolve(program: &str, dir: &Path, search_path: Option<&OsStr>) -> Result<PathBuf, ResolveError> {
    if program.contains('/') {
        // As people write it: without the `.` of `./filter.py`.
        let path: PathBuf = dir.join(program).components().collect();
        return match look(&path) {
            Found::Program => Ok(path),
            Found::Nothing => Err(ResolveError::NotFound { program: program.to_owned(), tried: vec![path] }),
            Found::NotExecutable => Err(ResolveError::NotExecutable { path }),
            Found::Directory => Err(ResolveError::IsDirectory { path }),
        };
    }
    let mut tried = Vec::new();
    let mut second_best = None;
    for folder in std::env::split_paths(search_path.unwrap_or_default()) {
        // An empty entry means the working directory; that has bitten too many, so it is skipped.
        if folder.as_os_str().is_empty() {
            continue;
        }
        let path = dir.join(folder).join(program);
        match look(&path) {
            Found::Program => return Ok(path),
            Found::NotExecutable => second_best = second_best.or(Some(path.clone())),
            Found::Nothing | Found::Directory => {}
        }
        tried.push(path);
    }
    match second_best {
        Some(path) => Err(ResolveError::NotExecutable { path }),
        None => Err(ResolveError::NotFound { program: program.to_owned(), tried }),
    }
}

enum Found {
    Program,
    NotExecutable,
    Directory,
    Nothing,
}

fn look(path: &Path) -> Found {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Found::Directory,
        // Whether *this* user may execute it, the kernel decides at exec; no bit at all is certain.
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => Found::NotExecutable,
        Ok(_) => Found::Program,
        Err(_) => Found::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_would_without_running_one() {
        assert_eq!(split(r#"a 'b c' "d \"e" f\ g $H |"#).unwrap(), ["a", "b c", "d \"e", "f g", "$H", "|"]);
        assert_eq!(split("a ''").unwrap(), ["a", ""]);
    }

    #[test]
    fn errors_name_the_position() {
        assert_eq!(split("  "), Err(SplitError::Empty));
        assert_eq!(split("é \"b c"), Err(SplitError::OpenQuote { quote: '"', position: 3 }));
        assert_eq!(split("a 'b\" \\"), Err(SplitError::OpenQuote { quote: '\'', position: 3 }));
        assert_eq!(split("a \\"), Err(SplitError::TrailingBackslash));
        assert_eq!(split("a\0"), Err(SplitError::Nul { position: 2 }));
    }

    #[test]
    fn programs_are_found_or_the_error_says_where_it_looked() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path();
        fs::write(dir.join("plain"), "").unwrap();
        fs::create_dir(dir.join("sub")).unwrap();
        assert_eq!(
            resolve("./plain", dir, None),
            Err(ResolveError::NotExecutable { path: dir.join("plain") })
        );
        assert_eq!(resolve("./sub", dir, None), Err(ResolveError::IsDirectory { path: dir.join("sub") }));
        let missing = resolve("no-such", dir, Some(OsStr::new("/bin::/usr/bin"))).unwrap_err();
        let said = "program `no-such` not found; tried /bin/no-such, /usr/bin/no-such; install it, or write the path to it";
        assert_eq!(missing.to_string(), said);
        fs::set_permissions(dir.join("plain"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(resolve("./plain", dir, None), Ok(dir.join("./plain")));
        assert!(resolve("sh", dir, Some(OsStr::new("/nowhere:/bin"))).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_split_or_refused(text in ".{0,200}") {
            if let Ok(words) = split(&text) {
                proptest::prop_assert!(!words.is_empty());
            }
        }
    }
}
