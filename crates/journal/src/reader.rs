//! Reading entries: recent ones from the memory tail, older ones from segment files, a damaged
//! one stepped over.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;

use crate::{
    commit::{Batch, Entry, ReadLimit},
    error::Error,
    files::{File, OpenFiles},
    format::{
        ENTRY_HEADER, RUN_HEADER, RUN_MAGIC_BYTES, RunHeader, decode_segment_header, entry_intact, u32_at,
    },
    log_core::LogCore,
    view::{Run, Segment},
};

/// Least and most read from a segment file at once.
const READ_BYTES: (usize, usize) = (16 << 10, 256 << 10);

/// Reads on from `from`; empty once it has reached the durable end.
pub(crate) fn read(open: &OpenFiles, log: &LogCore, from: u64, limit: ReadLimit) -> Result<Batch, Error> {
    loop {
        let from = from.max(log.start());
        let segment = {
            let view = log.view.lock();
            if from >= view.durable_end {
                return Ok(Batch { next: from, ..Batch::default() });
            }
            if from >= view.tail_first() {
                let at = view.tail.partition_point(|run| run.end() <= from);
                let mut room = limit;
                let enough = |run: &&Run| {
                    let more = room.entries > 0 && room.bytes > 0;
                    room.entries = room.entries.saturating_sub(run.offsets.len());
                    room.bytes = room.bytes.saturating_sub(run.bytes.len());
                    more
                };
                // The first run may be behind `from` for the most part: one more than enough.
                let mut runs: Vec<Run> = view.tail.range(at..).take_while(enough).cloned().collect();
                runs.extend(view.tail.get(at + runs.len()).cloned());
                drop(view);
                return Ok(from_tail(&runs, from, limit));
            }
            let at = view.segments.partition_point(|segment| segment.end <= from);
            match view.segments.get(at) {
                Some(segment) if segment.first() <= from => segment.clone(),
                // A hole: what recovery could not save.
                other => {
                    let next = other.map_or(view.tail_first(), Segment::first).min(view.tail_first());
                    return Ok(Batch { entries: Vec::new(), next, lost: Some(from..next) });
                }
            }
        };
        match from_segment(open, log, segment, from, limit) {
            Ok(batch) => return Ok(batch),
            // Removed while being read: trimmed, or written anew.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let view = log.view.lock();
                let Some(at) = view.segments.iter().position(|s| s.first() <= from && from < s.end) else {
                    continue;
                };
                let segment = &view.segments[at];
                if open.get(segment.name).is_ok() || from < log.start() {
                    continue;
                }
                let lost = from..segment.end;
                return Ok(Batch { entries: Vec::new(), next: lost.end, lost: Some(lost) });
            }
            Err(source) => return Err(Error::Read { log: log.name.clone(), position: from, source }),
        }
    }
}

fn from_tail(runs: &[Run], from: u64, limit: ReadLimit) -> Batch {
    let mut gathered = Gathered::new(from, limit);
    for run in runs {
        while gathered.next < run.end() {
            match run.entry(gathered.next) {
                Some(entry) if gathered.fits(entry.data.len()) => gathered.push(entry.data),
                _ => return gathered.batch(None),
            }
        }
    }
    gathered.batch(None)
}

/// Entries gathered so far, against the limit.
struct Gathered {
    entries: Vec<Entry>,
    next: u64,
    left: ReadLimit,
}

impl Gathered {
    fn new(next: u64, limit: ReadLimit) -> Self {
        Gathered { entries: Vec::new(), next, left: limit }
    }

    fn fits(&self, bytes: usize) -> bool {
        self.entries.is_empty() || (self.left.entries > 0 && self.left.bytes >= bytes)
    }

    fn push(&mut self, data: Bytes) {
        self.left.entries = self.left.entries.saturating_sub(1);
        self.left.bytes = self.left.bytes.saturating_sub(data.len());
        self.entries.push(Entry { position: self.next, data });
        self.next += 1;
    }

    fn batch(self, lost: Option<Range<u64>>) -> Batch {
        Batch { next: lost.as_ref().map_or(self.next, |lost| lost.end), entries: self.entries, lost }
    }
}

fn from_segment(
    open: &OpenFiles,
    log: &LogCore,
    segment: Segment,
    from: u64,
    limit: ReadLimit,
) -> io::Result<Batch> {
    let file = open.get(segment.name)?;
    let bytes = limit.bytes.clamp(READ_BYTES.0, READ_BYTES.1);
    let mut window = Window::new(file, segment.bytes, bytes);
    let mut offset = start_offset(&mut window, log, &segment, from)?;
    let mut gathered = Gathered::new(from, limit);
    loop {
        if gathered.next >= segment.end {
            return Ok(gathered.batch(None));
        }
        let Some((at, header)) = next_run(&mut window, log.number, offset)? else {
            let lost = gathered.next..segment.end;
            return Ok(gathered.batch(Some(lost)));
        };
        offset = at + (RUN_HEADER + header.len as usize) as u64;
        if header.end() <= gathered.next {
            continue;
        }
        if header.first > gathered.next {
            let lost = gathered.next..header.first.min(segment.end);
            return Ok(gathered.batch(Some(lost)));
        }
        let mut position = header.first;
        let mut at = at + RUN_HEADER as u64;
        while position < header.end() {
            let framed = entry_len(&mut window, at, offset)?;
            let wanted = position >= gathered.next;
            if wanted
                && let Some(len) = framed
                && !gathered.fits(len - ENTRY_HEADER)
            {
                return Ok(gathered.batch(None));
            }
            let found = if wanted { good(&mut window, at, framed)? } else { framed.map(|len| (len, None)) };
            match found {
                Some((len, data)) => {
                    at += len as u64;
                    position += 1;
                    if let Some(data) = data {
                        gathered.push(data);
                    }
                }
                None => {
                    // Only its data is damaged if the entry behind it is intact, or the run ends there.
                    let behind = framed.map(|len| at + len as u64);
                    let skippable = match behind {
                        Some(behind) if position + 1 == header.end() => behind == offset,
                        Some(behind) => {
                            let len = entry_len(&mut window, behind, offset)?;
                            good(&mut window, behind, len)?.is_some()
                        }
                        None => false,
                    };
                    let end = if skippable { position + 1 } else { header.end() };
                    let lost = gathered.next..end.max(gathered.next + 1);
                    return Ok(gathered.batch(Some(lost)));
                }
            }
        }
    }
}

/// Length with header of the entry at `at`, if it can be right within a run that ends at `end`.
fn entry_len(window: &mut Window, at: u64, end: u64) -> io::Result<Option<usize>> {
    let len = window.get(at, ENTRY_HEADER)?.and_then(|head| u32_at(&head, 0));
    let framed = len.map(|len| ENTRY_HEADER + len as usize);
    Ok(framed.filter(|framed| at + *framed as u64 <= end))
}

/// The entry at `at` with its length, if intact.
fn good(window: &mut Window, at: u64, len: Option<usize>) -> io::Result<Option<(usize, Option<Bytes>)>> {
    let Some(len) = len else { return Ok(None) };
    let framed = window.get(at, len)?.filter(|framed| entry_intact(framed));
    Ok(framed.map(|framed| (len, Some(framed.slice(ENTRY_HEADER..)))))
}

/// Where to begin looking for `from`: the last indexed run before it. Builds the index if this
/// segment has none yet.
fn start_offset(window: &mut Window, log: &LogCore, segment: &Segment, from: u64) -> io::Result<u64> {
    let look = |index: &[(u64, u64)]| {
        let at = index.partition_point(|(position, _)| *position <= from);
        at.checked_sub(1).map_or(0, |at| index[at].1)
    };
    if let Some(index) = &segment.index {
        return Ok(look(index));
    }
    let (index, _) = scan(window, log.number)?;
    let found = look(&index);
    let mut view = log.view.lock();
    if let Some(known) = view.segments.iter_mut().find(|known| known.name == segment.name) {
        known.index.get_or_insert(index);
    }
    Ok(found)
}

/// Index of a whole segment, and the end of its last run.
pub(crate) fn scan(window: &mut Window, log: u32) -> io::Result<(Vec<(u64, u64)>, Option<(u64, u64)>)> {
    let (mut index, mut offset, mut last) = (Vec::new(), 0, None);
    while let Some((at, header)) = next_run(window, log, offset)? {
        offset = at + (RUN_HEADER + header.len as usize) as u64;
        if offset > window.end {
            break;
        }
        Segment::note(&mut index, header.first, at);
        last = Some((header.end(), offset));
    }
    Ok((index, last))
}

/// The run at `offset`, or the first one behind it: past the file's header, or past damage.
fn next_run(window: &mut Window, log: u32, mut offset: u64) -> io::Result<Option<(u64, RunHeader)>> {
    if offset == 0 {
        let head = window.get(0, 256.min(window.end as usize))?.unwrap_or_default();
        offset = decode_segment_header(&head).map_or(0, |(_, _, len)| len);
    }
    loop {
        let Some(head) = window.get(offset, RUN_HEADER)? else { return Ok(None) };
        if let Some(header) = RunHeader::decode(&head).filter(|header| header.log == log) {
            return Ok(Some((offset, header)));
        }
        offset += 1;
        // Look through what is at hand for the next magic number.
        let rest = window.rest(offset)?;
        match rest.windows(RUN_MAGIC_BYTES.len()).position(|four| four == RUN_MAGIC_BYTES) {
            Some(at) => offset += at as u64,
            None => offset += (rest.len() as u64).saturating_sub(3).max(1),
        }
    }
}

/// A file read piece by piece, up to `end`.
pub(crate) struct Window {
    file: Arc<dyn File>,
    pub end: u64,
    piece: usize,
    held: Bytes,
    offset: u64,
}

impl Window {
    pub fn new(file: Arc<dyn File>, end: u64, piece: usize) -> Self {
        Window { file, end, piece, held: Bytes::new(), offset: 0 }
    }

    /// `len` bytes at `offset`, if the file has them.
    pub fn get(&mut self, offset: u64, len: usize) -> io::Result<Option<Bytes>> {
        if offset.checked_add(len as u64).is_none_or(|end| end > self.end) {
            return Ok(None);
        }
        let held_to = self.offset + self.held.len() as u64;
        if offset < self.offset || offset + len as u64 > held_to {
            let want = (self.end - offset).min(len.max(self.piece) as u64) as usize;
            let mut piece = vec![0; want];
            read_around_errors(&*self.file, &mut piece, offset)?;
            self.held = piece.into();
            self.offset = offset;
        }
        let at = (offset - self.offset) as usize;
        Ok(Some(self.held.slice(at..at + len)))
    }

    /// What is at hand from `offset` on, at least a few bytes unless the file ends.
    fn rest(&mut self, offset: u64) -> io::Result<Bytes> {
        let few = self.end.saturating_sub(offset).min(16) as usize;
        self.get(offset, few)?;
        let at = offset.saturating_sub(self.offset).min(self.held.len() as u64) as usize;
        Ok(self.held.slice(at..))
    }
}

/// Fills `buf`; what the file does not have is left zero. A bad sector must only cost what is on
/// it, so after an error the piece is read page by page, and pages that fail are left zero: their
/// CRC tells.
fn read_around_errors(file: &dyn File, buf: &mut [u8], offset: u64) -> io::Result<()> {
    const PAGE: usize = 4096;
    if file.read_at(buf, offset).is_ok() {
        return Ok(());
    }
    tracing::error!(offset, "journal: reading a segment failed, trying page by page");
    for (n, page) in buf.chunks_mut(PAGE).enumerate() {
        if file.read_at(page, offset + (n * PAGE) as u64).is_err() {
            page.fill(0);
        }
    }
    Ok(())
}
