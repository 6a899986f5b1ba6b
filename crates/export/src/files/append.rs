//! Writes behind what a file holds, and rotates it out when it has had enough.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{DirEntryExt, FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::receiver::ReceiverError;

use super::{
    batch::Chunk,
    content::Head,
    fault::fault,
    folder,
    house::House,
    mark::{self, Kind},
    pending_note::PendingNote,
    receiver::Store,
    resume::{FileEnd, MAX_FILES},
    retention::walk,
    rotate::{Rotate, last_number, rotated},
    written::WrittenFiles,
};

/// Numbers that are tried for a file beside others of its name; five digits.
const MAX_NUMBER: u32 = 99_999;

/// A file that nothing was written to for so long is no longer being written, for retention.
const ACTIVE_FOR: Duration = Duration::from_secs(60);
/// Names whose last number is remembered.
const MAX_NUMBERS: usize = 256;
/// As deep as a path of ours leads.
const MAX_DEPTH: usize = 32;

/// See the module.
pub(crate) struct Appender {
    /// Most recently opened last; at most [`MAX_FILES`].
    files: Vec<Open>,
    plan: AppendPlan,
    written: WrittenFiles,
    /// The last number that a file was rotated out to; looked up in the folder where it is not known.
    numbers: HashMap<PathBuf, u64>,
    /// What an earlier run rotated out and may not have told of has been looked at.
    recovered: bool,
}

/// What an [`Appender`] is to do beside writing.
#[derive(Clone)]
pub(crate) struct AppendPlan {
    /// Of this export, for [`PendingNote::key`] and [`mark`].
    pub key: u64,
    /// All files lie below.
    pub root: PathBuf,
    pub rotate: Option<Rotate>,
    pub house: Option<House>,
    /// The last delivery that was kept when it was opened.
    pub through: Option<u64>,
    /// First position that is not done with for good: rises meanwhile.
    pub kept: Arc<AtomicU64>,
}

struct Open {
    file: File,
    path: PathBuf,
    end: FileEnd,
    dirty: bool,
    /// Its folder, or its own length at opening, is not synced yet.
    new: bool,
    /// The delivery that the note on it names, while there is one.
    note: Option<u64>,
    /// The last delivery in it, of this run.
    last: u64,
    /// When it was written to.
    touched: Instant,
    /// Stands in [`Appender::written`]: one that goes on from an earlier run does not until it grows.
    listed: bool,
}

impl Store for Appender {
    fn write(&mut self, chunks: &[Chunk]) -> Result<(), ReceiverError> {
        let chunks = || chunks.iter().filter(|chunk| !chunk.data.is_empty());
        if !self.recovered
            && let Some(first) = chunks().map(|chunk| chunk.position).min()
        {
            self.recover(first)?;
            self.recovered = true;
        }
        for chunk in chunks() {
            self.write_chunk(chunk)?;
        }
        let kept = self.plan.kept.load(Ordering::Relaxed);
        for open in self.files.iter_mut().filter(|open| open.dirty) {
            open.sync(kept)?;
            open.is_still_there()?;
        }
        if let Some(house) = self.plan.house.as_ref().filter(|house| house.has_retention()) {
            let active = |open: &&Open| open.touched.elapsed() < ACTIVE_FOR;
            house.active(self.files.iter().filter(active).map(|open| open.path.clone()).collect());
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
        plan: AppendPlan,
        written: WrittenFiles,
    ) -> Result<Self, ReceiverError> {
        let mut files = Vec::new();
        for end in ends {
            let path = numbered(&path(&end.path), end.number);
            match reopen(path.clone(), end, plan.key) {
                Ok(open) => files.extend(open),
                Err(error) => return Err(fault("open", &path, &error)),
            }
        }
        Ok(Self { files, plan, written, numbers: HashMap::new(), recovered: false })
    }

    /// Cuts back what was rotated out after the last kept delivery: that is sent again, beginning at `first`. What
    /// is still under its own name is cut when it is opened.
    fn recover(&mut self, first: u64) -> Result<(), ReceiverError> {
        if self.plan.rotate.is_none() {
            return Ok(());
        }
        let mut in_doubt = Vec::new();
        walk(&self.plan.root, MAX_DEPTH, &mut |path, _| {
            if mark::of(&path, self.plan.key) == Some(Kind::RotatedOut) {
                in_doubt.push(path);
            }
        })
        .map_err(|error| fault("look through", &self.plan.root, &error))?;
        for path in in_doubt {
            match self.recover_one(&path, first) {
                // Compressed meanwhile: then nothing in it was in doubt.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                recovered => recovered.map_err(|error| fault("cut", &path, &error))?,
            }
        }
        Ok(())
    }

    fn recover_one(&self, path: &Path, first: u64) -> io::Result<()> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let Some(note) = PendingNote::read(&file).filter(|note| note.key == self.plan.key) else {
            return Ok(());
        };
        if !self.plan.is_in_doubt(note, first) {
            PendingNote::remove(&file);
            return Ok(());
        }
        tracing::info!(path = %path.display(), "cut what was written and not delivered before the last stop");
        if note.length == 0 {
            return std::fs::remove_file(path);
        }
        file.set_len(note.length)?;
        file.sync_all()?;
        PendingNote::remove(&file);
        Ok(())
    }

    fn write_chunk(&mut self, chunk: &Chunk) -> Result<(), ReceiverError> {
        let mut index = self.ready(chunk, chunk.position)?;
        let Some(rotate) = self.plan.rotate else {
            return self.append(index, &chunk.data, chunk.rows);
        };
        // From where on the chunk is not written yet, and the end of the line before.
        let (mut from, mut end) = (0, 0);
        let mut rows = 0;
        for line in &chunk.lines {
            let open = &self.files[index];
            let pending = (end - from) as u64;
            let (length, more) = (open.end.length + pending, (line.end - end) as u64);
            let head = open.end.head.line.len() as u64;
            if rotate.is_due(length, head, open.end.from_ms, more, line.time_ms) && length > head {
                self.append(index, &chunk.data[from..end], rows)?;
                (from, rows) = (end, 0);
                self.rotate(index)?;
                index = self.ready(chunk, line.position)?;
            }
            let open = &mut self.files[index];
            open.end.from_ms.get_or_insert(line.time_ms);
            open.last = line.position;
            end = line.end;
            rows += line.rows;
        }
        self.append(index, &chunk.data[from..], rows)
    }

    fn append(&mut self, index: usize, data: &[u8], rows: u64) -> Result<(), ReceiverError> {
        let open = &mut self.files[index];
        open.put(data).map_err(|error| fault("write", &open.path, &error))?;
        open.touched = Instant::now();
        if !std::mem::replace(&mut open.listed, true) {
            self.written.opened(&open.path);
        }
        self.written.add(&open.path, rows, data.len() as u64);
        if let Some(house) = &self.plan.house {
            house.wrote(0, data.len() as u64);
        }
        Ok(())
    }

    /// Gives the file its name among those that are done with. The note stays on it until the cursor is kept.
    fn rotate(&mut self, index: usize) -> Result<(), ReceiverError> {
        let mut open = self.files.remove(index);
        open.sync(self.plan.kept.load(Ordering::Relaxed))?;
        let failed = |error: io::Error| fault("rotate", &open.path, &error);
        let known = self.numbers.get(&open.path).map(|last| last + 1);
        let number = match known.filter(|number| !rotated(&open.path, *number).exists()) {
            Some(number) => number,
            None => last_number(&open.path).map_err(failed)? + 1,
        };
        let target = rotated(&open.path, number);
        let rename = || {
            let is_marked = mark::of(&open.path, self.plan.key).is_some();
            if is_marked {
                mark::put(&open.file, self.plan.key, Kind::RotatedOut);
            }
            if let Err(error) = std::fs::rename(&open.path, &target) {
                if is_marked {
                    mark::put(&open.file, self.plan.key, Kind::Written);
                }
                return Err(failed(error));
            }
            folder::sync(open.path.parent().unwrap_or_else(|| Path::new("")))
        };
        match &self.plan.house {
            Some(house) => house.rotate(target.clone(), open.last, rename)?,
            None => rename()?,
        }
        self.written.renamed(&open.path, &target);
        if self.numbers.len() >= MAX_NUMBERS {
            self.numbers.clear();
        }
        self.numbers.insert(open.path, number);
        Ok(())
    }

    /// Which of `files` takes `chunk`; opened if need be.
    fn ready(&mut self, chunk: &Chunk, position: u64) -> Result<usize, ReceiverError> {
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
            oldest.sync(self.plan.kept.load(Ordering::Relaxed))?;
            PendingNote::remove(&oldest.file);
        }
        let (open, begun) = self.first_open(chunk, position)?;
        self.written.opened(&open.path);
        self.written.add(&open.path, 0, begun);
        self.files.push(open);
        Ok(self.files.len() - 1)
    }

    /// Opens the file for `chunk`, its first one or a numbered one; with the bytes of its beginning.
    fn first_open(&self, chunk: &Chunk, position: u64) -> Result<(Open, u64), ReceiverError> {
        folder::make(chunk.path.parent().unwrap_or_else(|| Path::new("")))?;
        for number in 0..=MAX_NUMBER {
            let path = numbered(&chunk.path, number);
            let failed = |error: io::Error| fault("write", &path, &error);
            let Some((file, length)) = fitting(&path, &chunk.head, &self.plan, position).map_err(failed)?
            else {
                continue;
            };
            PendingNote { key: self.plan.key, position, length }.write(&file);
            if length == 0 {
                mark::put(&file, self.plan.key, Kind::Written);
                if let Some(house) = &self.plan.house {
                    house.wrote(1, 0);
                }
            }
            let inode = file.metadata().map_err(failed)?.ino();
            let (name, head) = (chunk.name.to_string(), (*chunk.head).clone());
            let end = FileEnd { path: name, number, length, inode, from_ms: None, head };
            let mut open = Open {
                file,
                path: path.clone(),
                end,
                dirty: true,
                new: true,
                note: Some(position),
                last: position,
                touched: Instant::now(),
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

impl AppendPlan {
    /// Whether what a note was made for may come again: it was not kept when this run began at `first`.
    fn is_in_doubt(&self, note: PendingNote, first: u64) -> bool {
        self.through.map_or(note.position >= first, |through| note.position > through)
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

    fn put(&mut self, data: &[u8]) -> io::Result<()> {
        self.file.write_all_at(data, self.end.length)?;
        self.end.length += data.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// `kept`: everything before is done with for good.
    fn sync(&mut self, kept: u64) -> Result<(), ReceiverError> {
        let synced = if self.new { self.file.sync_all() } else { self.file.sync_data() };
        synced.map_err(|error| fault("sync", &self.path, &error))?;
        if self.new {
            folder::sync(self.path.parent().unwrap_or_else(|| Path::new("")))?;
        }
        // Its end is on disk with the cursor.
        if self.note.is_some_and(|position| position < kept) {
            PendingNote::remove(&self.file);
            self.note = None;
        }
        (self.new, self.dirty) = (false, false);
        Ok(())
    }

    /// What was written into a file that somebody has deleted meanwhile is written once more, into a new one.
    fn is_still_there(&self) -> Result<(), ReceiverError> {
        let gone =
            || ReceiverError::Retry(format!("{} was deleted while it was written", self.path.display()));
        let found = self.file.metadata().map_err(|error| fault("look at", &self.path, &error))?;
        if found.nlink() == 0 { Err(gone()) } else { Ok(()) }
    }

    /// Whether its name still leads to it.
    fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path)
            .is_ok_and(|found| found.ino() == self.end.inode && found.len() >= self.end.length)
    }
}

/// Opens a file whose end is kept; `None` if it is gone or another file took its name.
fn reopen(path: PathBuf, mut end: FileEnd, key: u64) -> io::Result<Option<Open>> {
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return cut_elsewhere(&path, &end),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    if found.ino() != end.inode {
        return cut_elsewhere(&path, &end);
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
    is_written(&path, &file, key);
    let touched = Instant::now();
    Ok(Some(Open { file, path, end, dirty: false, new: false, note: None, last: 0, touched, listed: false }))
}

/// A file that is written to is not rotated out, though the last run was killed when it had said so and before the file
/// had its new name: it would be compressed under its old one while lines go into it.
fn is_written(path: &Path, file: &File, key: u64) {
    if mark::of(path, key) == Some(Kind::RotatedOut) {
        mark::put(file, key, Kind::Written);
    }
}

/// The file was rotated out, or moved within its folder, after its end was kept: what lies beyond comes again, and
/// goes into a new one. None is open then.
fn cut_elsewhere(path: &Path, end: &FileEnd) -> io::Result<Option<Open>> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.ino() != end.inode || !entry.metadata()?.is_file() {
            continue;
        }
        let file = OpenOptions::new().read(true).write(true).open(entry.path())?;
        if file.metadata()?.len() > end.length {
            tracing::info!(path = %entry.path().display(), "cut what was written and not delivered before the last stop");
            file.set_len(end.length)?;
            file.sync_all()?;
        }
        PendingNote::remove(&file);
    }
    Ok(None)
}

/// Opens `path` for appending, with the length to go on from; `None` if it begins with another line.
fn fitting(path: &Path, head: &Head, plan: &AppendPlan, position: u64) -> io::Result<Option<(File, u64)>> {
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return Err(io::Error::other("it is neither a file nor missing: choose another name"));
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut length = file.metadata()?.len();
    let again = |note: &PendingNote| {
        note.key == plan.key && note.length < length && plan.is_in_doubt(*note, position)
    };
    if let Some(note) = PendingNote::read(&file).filter(again) {
        file.set_len(note.length)?;
        length = note.length;
    }
    is_written(path, &file, plan.key);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_goes_on_is_not_rotated_out_whatever_the_last_run_had_come_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        std::fs::write(&path, "{}\n").unwrap();
        let file = File::open(&path).unwrap();
        let end = FileEnd { length: 3, inode: file.metadata().unwrap().ino(), ..FileEnd::default() };
        for (marked, then) in
            [(7, Some(Kind::Written)), (8, None)].map(|(key, then)| ((key, Kind::RotatedOut), then))
        {
            mark::put(&file, marked.0, marked.1);
            assert!(reopen(path.clone(), end.clone(), 7).unwrap().is_some());
            assert_eq!(mark::of(&path, 7), then, "of somebody else nothing is changed");
        }
        mark::put(&file, 7, Kind::RotatedOut);
        let kept = Arc::default();
        let plan =
            AppendPlan { key: 7, root: folder.path().into(), rotate: None, house: None, through: None, kept };
        assert!(fitting(&path, &Head::default(), &plan, 0).unwrap().is_some());
        assert_eq!(mark::of(&path, 7), Some(Kind::Written));
    }
}
