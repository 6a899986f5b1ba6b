//! A file that is read on as it grows, like `tail -F`: a line is taken when it is whole, a file that was
//! cut is read from its start again, one that was renamed is read to its end and then the one that took
//! its name.

use std::{
    fs::File,
    io::{ErrorKind, Read as _, Seek, SeekFrom},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    sync::mpsc::SyncSender,
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use watchpost_config::{Follow, LabelTable};

use super::{
    Read,
    lines::Lines,
    reader::{CHUNK_BYTES, open_file},
};
use crate::SourceError;

/// How often a file is looked at while nothing comes: below what anybody notices, and a call each.
/// (Notification by the kernel does not work on network file systems.)
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How far back from the end the start of an unfinished line is looked for.
const LOOK_BACK_BYTES: u64 = 1 << 20;

/// A followed file.
pub(super) struct Followed {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// Device and inode: another file of the same name has another.
    identity: (u64, u64),
    position: u64,
}

impl Followed {
    /// One that is not there yet is waited for, and then read from its start.
    pub fn open(path: &Path, from: Follow, pointer: &'static str) -> Result<Self, SourceError> {
        let mut followed = Self { path: path.to_owned(), open: None };
        if path.exists() {
            let open = Open::new(open_file(path, pointer)?, from);
            followed.open = Some(
                open.map_err(|error| SourceError::new(pointer, format!("{}: {error}", path.display())))?,
            );
        }
        Ok(followed)
    }

    /// Reads until nobody listens any more: `woken` is closed then.
    pub fn read(&mut self, woken: &UnixStream, labels: &LabelTable, sender: &SyncSender<Read>) {
        let mut lines = Lines::new(labels);
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut take = |read| sender.send(read).is_ok();
        let mut unreadable = false;
        loop {
            let more = match &mut self.open {
                None => self.reopen(),
                Some(open) => open.more(&mut chunk, &self.path),
            };
            let listened = match more {
                Ok(More::Bytes(length)) => lines.push(&chunk[..length], &mut take),
                Ok(More::Cut) => {
                    lines.restart();
                    take(Read::Begins)
                }
                Ok(More::Replaced) => {
                    self.open = None;
                    let listened = lines.finish(&mut take);
                    lines.restart();
                    listened
                }
                Ok(More::Opened) => take(Read::Begins),
                Ok(More::Nothing) => !is_closed(woken, LOOK_EVERY),
                Err(error) => {
                    if !std::mem::replace(&mut unreadable, true) {
                        tracing::warn!(file = %self.path.display(), %error, "cannot be read; tried again");
                    }
                    !is_closed(woken, LOOK_EVERY)
                }
            };
            if !listened {
                return;
            }
        }
    }

    fn reopen(&mut self) -> std::io::Result<More> {
        match File::open(&self.path) {
            Ok(file) => self.open = Some(Open::new(file, Follow::Start)?),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(More::Nothing),
            Err(error) => return Err(error),
        }
        Ok(More::Opened)
    }
}

enum More {
    Bytes(usize),
    /// It is shorter than what was read of it: its writer has begun again.
    Cut,
    /// All of it is read, and another file has its name.
    Replaced,
    Opened,
    Nothing,
}

impl Open {
    fn new(mut file: File, from: Follow) -> std::io::Result<Self> {
        let meta = file.metadata()?;
        let position = match from {
            Follow::Start => 0,
            Follow::End => last_line_start(&mut file, meta.len())?,
        };
        file.seek(SeekFrom::Start(position))?;
        Ok(Self { file, identity: (meta.dev(), meta.ino()), position })
    }

    fn more(&mut self, chunk: &mut [u8], path: &Path) -> std::io::Result<More> {
        // Asked before the read: what was written to it before it lost its name is then not missed.
        let named = std::fs::metadata(path).ok();
        let length = self.file.read(chunk)?;
        self.position += length as u64;
        if length > 0 {
            return Ok(More::Bytes(length));
        }
        Ok(match named {
            Some(meta) if (meta.dev(), meta.ino()) != self.identity => More::Replaced,
            Some(meta) if meta.len() < self.position => {
                self.position = self.file.seek(SeekFrom::Start(0))?;
                More::Cut
            }
            _ => More::Nothing,
        })
    }
}

/// Where the line begins that has no end yet; the end of the file if its last line is whole.
fn last_line_start(file: &mut File, length: u64) -> std::io::Result<u64> {
    let from = length.saturating_sub(LOOK_BACK_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut end = Vec::new();
    file.by_ref().take(LOOK_BACK_BYTES).read_to_end(&mut end)?;
    Ok(memchr::memrchr(b'\n', &end).map_or(from, |at| from + at as u64 + 1))
}

/// Waits for `timeout`, or until the other end of `woken` is closed; says whether it is.
fn is_closed(woken: &UnixStream, timeout: Duration) -> bool {
    let timeout = Timespec { tv_sec: 0, tv_nsec: i64::from(timeout.subsec_nanos()) };
    let mut polled = [PollFd::new(woken, PollFlags::IN)];
    poll(&mut polled, Some(&timeout)).is_ok_and(|ready| ready > 0)
}
