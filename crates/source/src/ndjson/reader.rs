//! Reads lines in a thread of its own, so that nobody waits for a producer longer than they want.

use std::{
    fs::File,
    io::{BufRead, BufReader, ErrorKind},
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use watchpost_config::LabelTable;

use super::{Line, Origin, parse_line};
use crate::SourceError;

/// Longest line that is read, in bytes: a frame of 10 000 detections with attributes fits. What is
/// longer is skipped aloud, and never held in memory.
pub const MAX_LINE_BYTES: usize = 16 << 20;
/// Lines read ahead: enough for a reader that is behind by a moment, few enough to be small.
const AHEAD: usize = 32;

/// What the reader found.
#[derive(Debug)]
pub(crate) enum Read {
    /// A line, and its number from 1.
    Line(u64, Line),
    /// A line that is refused: its number, and why.
    Refused(u64, String),
    /// There is no more; why, if reading failed.
    End(Option<String>),
    /// Nothing within the timeout.
    Nothing,
}

/// The lines of one file or of STDIN, once.
///
/// Its thread ends with the input, or with the first line after the reader is dropped. One that
/// waits for a silent STDIN ends with the process: nothing can wake it before.
pub(crate) struct Reader {
    lines: Receiver<Read>,
    ended: Option<Option<String>>,
}

impl Reader {
    /// Begins to read.
    pub fn open(origin: &Origin, labels: LabelTable, pointer: &'static str) -> Result<Self, SourceError> {
        let (sender, lines) = sync_channel(AHEAD);
        let thread = thread::Builder::new().name("ndjson".into());
        let spawned = match origin {
            Origin::Stdin => thread.spawn(move || read_all(std::io::stdin().lock(), &labels, &sender)),
            Origin::File(path) => {
                let file = open_file(path, pointer)?;
                thread.spawn(move || read_all(BufReader::with_capacity(256 << 10, file), &labels, &sender))
            }
        };
        spawned.map_err(|error| SourceError::new(pointer, format!("cannot start a thread: {error}")))?;
        Ok(Self { lines, ended: None })
    }

    /// The next line, waiting at most `timeout`. The end is given again and again.
    pub fn next(&mut self, timeout: Duration) -> Read {
        if let Some(why) = &self.ended {
            return Read::End(why.clone());
        }
        match self.lines.recv_timeout(timeout) {
            Ok(Read::End(why)) => {
                self.ended = Some(why.clone());
                Read::End(why)
            }
            Ok(read) => read,
            Err(RecvTimeoutError::Timeout) => Read::Nothing,
            Err(RecvTimeoutError::Disconnected) => Read::End(None),
        }
    }
}

/// Whether `path` could be opened; a named pipe is left alone, for opening it waits for its writer.
pub(super) fn check_file(path: &Path, pointer: &'static str) -> Result<(), SourceError> {
    use std::os::unix::fs::FileTypeExt;
    if std::fs::metadata(path).is_ok_and(|meta| meta.file_type().is_fifo()) {
        return Ok(());
    }
    open_file(path, pointer).map(drop)
}

fn open_file(path: &Path, pointer: &'static str) -> Result<File, SourceError> {
    let shown = path.display();
    let meta = std::fs::metadata(path);
    if meta.as_ref().is_ok_and(std::fs::Metadata::is_dir) {
        return Err(SourceError::new(pointer, format!("{shown} is a folder: expected a file of JSON lines")));
    }
    File::open(path).map_err(|error| {
        let message = match error.kind() {
            ErrorKind::NotFound => {
                format!("{shown}: no such file; three slashes are relative to the data folder")
            }
            ErrorKind::PermissionDenied => {
                format!(
                    "{shown}: no permission to read it; give the user Watchpost runs as access (chmod, chown)"
                )
            }
            _ => format!("{shown}: {error}"),
        };
        SourceError::new(pointer, message)
    })
}

fn read_all(mut input: impl BufRead, labels: &LabelTable, lines: &SyncSender<Read>) {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        let read = match read_line(&mut input, &mut line) {
            Ok(Length::End) => Read::End(None),
            Ok(Length::TooLong) => {
                Read::Refused(number, format!("longer than {} MiB: skipped", MAX_LINE_BYTES >> 20))
            }
            Ok(Length::Fits) if line.trim_ascii().is_empty() => continue,
            Ok(Length::Fits) => match parse_line(line.trim_ascii(), labels) {
                Ok(line) => Read::Line(number, line),
                Err(error) => Read::Refused(number, error.0),
            },
            Err(error) => Read::End(Some(format!("reading failed after line {}: {error}", number - 1))),
        };
        let last = matches!(read, Read::End(_));
        if lines.send(read).is_err() || last {
            return;
        }
    }
}

enum Length {
    Fits,
    TooLong,
    End,
}

/// Reads up to the next newline or the end; beyond the limit the rest is passed over.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Length> {
    let (mut any, mut fits) = (false, true);
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        if chunk.is_empty() {
            break;
        }
        any = true;
        let end = memchr::memchr(b'\n', chunk);
        let part = end.unwrap_or(chunk.len());
        if fits && line.len() + part <= MAX_LINE_BYTES {
            line.extend_from_slice(&chunk[..part]);
        } else {
            fits = false;
            *line = Vec::new();
        }
        input.consume(end.map_or(part, |end| end + 1));
        if end.is_some() {
            break;
        }
    }
    Ok(match (any, fits) {
        (false, _) => Length::End,
        (true, true) => Length::Fits,
        (true, false) => Length::TooLong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: impl BufRead) -> Vec<String> {
        let (sender, lines) = sync_channel(100);
        read_all(input, &LabelTable::default(), &sender);
        drop(sender);
        lines
            .into_iter()
            .map(|read| match read {
                Read::Line(number, line) => format!("{number} frame {:?}", line.frame_id),
                Read::Refused(number, why) => format!("{number} {why}"),
                Read::End(why) => format!("end {why:?}"),
                Read::Nothing => "nothing".to_owned(),
            })
            .collect()
    }

    #[test]
    fn a_bad_line_is_named_and_the_rest_goes_on() {
        let text = "{\"frame_id\": 1, \"detections\": []}\r\n\nx\n{\"frame_id\": 2, \"detections\": []}";
        let expected =
            ["1 frame Some(1)", "3 not JSON from column 1 on: expected value", "4 frame Some(2)", "end None"];
        assert_eq!(read(text.as_bytes()), expected);
    }

    #[test]
    fn a_line_of_100_mb_is_passed_over() {
        let good = b"{\"frame_id\": 1, \"detections\": []}\n";
        let long = std::io::repeat(b'x').take_bytes(100_000_000);
        let input = BufReader::new(std::io::Read::chain(long, &b"\n"[..]));
        let input = std::io::Read::chain(input, &good[..]);
        assert_eq!(read(input), ["1 longer than 16 MiB: skipped", "2 frame Some(1)", "end None"]);
    }

    trait TakeBytes: std::io::Read + Sized {
        fn take_bytes(self, count: u64) -> std::io::Take<Self> {
            std::io::Read::take(self, count)
        }
    }
    impl TakeBytes for std::io::Repeat {}
}
