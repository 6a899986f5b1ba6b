//! Writes behind what a file holds.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::receiver::ReceiverError;

use super::{
    batch::Chunk,
    content::Head,
    fault::fault,
    folder,
    pending_note::PendingNote,
    receiver::Store,
    resume::{FileEnd, MAX_FILES},
    written::WrittenFiles,
};

/// Numbers that are tried for a file beside others of its name; five digits.
const MAX_NUMBER: u32 = 99_999;

/// How long a reported end may take until the journal has it for sure: its group sync is 5 ms, a full
/// disk apart. Then the note on the file goes.
const KEPT_AFTER: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Appender {
    /// Most recently opened last; at most [`MAX_FILES`].
    files: Vec<Open>,
    /// Of this export, for [`PendingNote::key`].
    key: u64,
    written: WrittenFiles,
}

struct Open {
    file: File,
    path: PathBuf,
    end: FileEnd,
    dirty: bool,
    /// Its folder, or its own length at opening, is not synced yet.
    new: bool,
    /// Since when there is a note on it.
    note: Option<Instant>,
    /// Stands in [`Appender::written`]: one that goes on from an earlier run does not until it grows.
    listed: bool,
}

impl Store for Appender {
    fn write(&mut self, chunks: &[Chunk]) -> Result<(), ReceiverError> {
        for chunk in chunks.iter().filter(|chunk| !chunk.data.is_empty()) {
            let index = self.ready(chunk)?;
            let open = &mut self.files[index];
            open.append(&chunk.data)?;
            if !std::mem::replace(&mut open.listed, true) {
                self.written.opened(&open.path);
            }
            self.written.add(&open.path, chunk.rows, chunk.data.len() as u64);
        }
        for open in self.files.iter_mut().filter(|open| open.dirty) {
            open.sync()?;
        }
        Ok(())
    }

    fn ends(&self) -> Vec<FileEnd> {
        self.files.iter().map(|open| open.end.clone()).collect()
    }

    fn close(&mut self) {
        for open in self.files.drain(..).filter(|open| open.note.is_some()) {
            PendingNote::remove(&open.file);
        }
    }

    fn written(&self) -> &WrittenFiles {
        &self.written
    }
}

impl Appender {
    /// Opens the files whose ends were kept and cuts what lies beyond.
    pub(crate) fn open(
        ends: Vec<FileEnd>,
        path: impl Fn(&str) -> PathBuf,
        key: u64,
        written: WrittenFiles,
    ) -> Result<Self, ReceiverError> {
        let mut files = Vec::new();
        for end in ends {
            let path = numbered(&path(&end.path), end.number);
            match reopen(path.clone(), end) {
                Ok(open) => files.extend(open),
                Err(error) => return Err(fault("open", &path, &error)),
            }
        }
        Ok(Self { files, key, written })
    }

    /// Which of `files` takes `chunk`; opened if need be.
    fn ready(&mut self, chunk: &Chunk) -> Result<usize, ReceiverError> {
        let known = self.files.iter().rposition(|open| *open.end.path == *chunk.name);
        if let Some(index) = known {
            if self.files[index].is_in_place() {
                return Ok(index);
            }
            // Moved away or deleted by someone: what comes now belongs into a file of that name.
            self.files.remove(index);
        }
        if self.files.len() >= MAX_FILES {
            let mut oldest = self.files.remove(0);
            oldest.sync()?;
            PendingNote::remove(&oldest.file);
        }
        let (open, begun) = self.first_open(chunk)?;
        self.written.opened(&open.path);
        self.written.add(&open.path, 0, begun);
        self.files.push(open);
        Ok(self.files.len() - 1)
    }

    /// Opens the file for `chunk`, its first one or a numbered one; with the bytes of its beginning.
    fn first_open(&self, chunk: &Chunk) -> Result<(Open, u64), ReceiverError> {
        folder::make(chunk.path.parent().unwrap_or_else(|| Path::new("")))?;
        for number in 0..=MAX_NUMBER {
            let path = numbered(&chunk.path, number);
            let failed = |error: io::Error| fault("write", &path, &error);
            let Some((file, length)) =
                fitting(&path, &chunk.head, self.key, chunk.position).map_err(failed)?
            else {
                continue;
            };
            PendingNote { key: self.key, position: chunk.position, length }.write(&file);
            let inode = file.metadata().map_err(failed)?.ino();
            let end =
                FileEnd { path: chunk.name.to_string(), number, length, inode, head: (*chunk.head).clone() };
            let mut open = Open {
                file,
                path: path.clone(),
                end,
                dirty: true,
                new: true,
                note: Some(Instant::now()),
                listed: true,
            };
            open.begin(&chunk.head).map_err(failed)?;
            let begun = open.end.length - length;
            return Ok((open, begun));
        }
        let path = chunk.path.display();
        Err(ReceiverError::Failed(format!(
            "{path} and {MAX_NUMBER} numbered files beside it have other columns: choose another name"
        )))
    }
}

impl Open {
    /// The first line of a new file; the end of a torn last line of an old one.
    fn begin(&mut self, head: &Head) -> io::Result<()> {
        if self.end.length == 0 {
            return self.put(head.line.as_bytes());
        }
        let mut last = [0];
        self.file.read_exact_at(&mut last, self.end.length - 1)?;
        if last == *b"\n" { Ok(()) } else { self.put(b"\n") }
    }

    fn append(&mut self, data: &[u8]) -> Result<(), ReceiverError> {
        self.put(data).map_err(|error| fault("write", &self.path, &error))
    }

    fn put(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, self.end.length)?;
        self.end.length += data.len() as u64;
        self.dirty = true;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), ReceiverError> {
        let synced = if self.new { self.file.sync_all() } else { self.file.sync_data() };
        synced.map_err(|error| fault("sync", &self.path, &error))?;
        if self.new {
            folder::sync(self.path.parent().unwrap_or_else(|| Path::new("")))?;
        }
        if self.note.is_some_and(|since| since.elapsed() > KEPT_AFTER) {
            PendingNote::remove(&self.file);
            self.note = None;
        }
        (self.new, self.dirty) = (false, false);
        Ok(())
    }

    /// Whether its name still leads to it.
    fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path)
            .is_ok_and(|found| found.ino() == self.end.inode && found.len() >= self.end.length)
    }
}

/// Opens a file whose end is kept; `None` if it is gone or another file took its name.
fn reopen(path: PathBuf, mut end: FileEnd) -> io::Result<Option<Open>> {
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if found.ino() != end.inode {
        return Ok(None);
    }
    let shown = path.display();
    if found.len() > end.length {
        tracing::info!(path = %shown, bytes = found.len() - end.length, "cut what was written and not delivered before the last stop");
        file.set_len(end.length)?;
        file.sync_all()?;
    } else if found.len() < end.length {
        tracing::warn!(path = %shown, bytes = end.length - found.len(), "the file is shorter than what was delivered into it: somebody cut it");
        end.length = found.len();
    }
    PendingNote::remove(&file);
    Ok(Some(Open { file, path, end, dirty: false, new: false, note: None, listed: false }))
}

/// Opens `path` for appending, with the length to go on from; `None` if it begins with another line.
fn fitting(path: &Path, head: &Head, key: u64, position: u64) -> io::Result<Option<(File, u64)>> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(io::Error::other("it is neither a file nor missing: choose another name"));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut length = file.metadata()?.len();
    let again = |note: &PendingNote| note.key == key && note.position >= position && note.length < length;
    if let Some(note) = PendingNote::read(&file).filter(again) {
        file.set_len(note.length)?;
        length = note.length;
    }
    if length == 0 || head.line.is_empty() {
        return Ok(Some((file, length)));
    }
    let mut line = vec![0; head.line.len()];
    let same = length >= line.len() as u64
        && file.read_exact_at(&mut line, 0).is_ok()
        && line == head.line.as_bytes();
    Ok(same.then_some((file, length)))
}

/// `out/a.csv` and 3: `out/a-00003.csv`; 0 is the name itself.
fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number:05}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}
