//! Reading entries: recent ones from the memory tail, older ones from segment files, a damaged
//! one stepped over.

use std::{io, ops::Range};

use bytes::Bytes;

use crate::{
    commit::{Batch, Entry, ReadLimit},
    error::Error,
    files::OpenFiles,
    format::{ENTRY_HEADER, RUN_HEADER, RunHeader, entry_intact, u32_at},
    log_core::LogCore,
    runs::{Window, behind, next_run, scan},
    view::{Run, Segment},
};

/// Least and most read from a segment file at once.
const READ_BYTES: (usize, usize) = (16 << 10, 256 << 10);

/// Most bytes summed in search of an entry behind a damaged one: damage is rare, but must not
/// hold a reader up for long.
const SEEK_BYTES: usize = 256 << 20;

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
    // What a file has lost at its end need not be asked for.
    let end = segment.bytes.min(file.len()?);
    let mut window = Window::new(file, end, bytes);
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
        offset = behind(&mut window, at, &header, Some(segment.end))?;
        if header.end() <= gathered.next {
            continue;
        }
        if header.first > gathered.next {
            let lost = gathered.next..header.first.min(segment.end);
            return Ok(gathered.batch(Some(lost)));
        }
        if let Some(lost) = entries_of_run(&mut window, at, &header, segment.end, &mut gathered)? {
            return Ok(gathered.batch(lost));
        }
    }
}

/// Gathers the entries of a run from the one wanted on, up to position `last`: another file may have what follows.
/// `Some` ends the batch: with what is lost, or because the limit is reached.
fn entries_of_run(
    window: &mut Window,
    run: u64,
    header: &RunHeader,
    last: u64,
    gathered: &mut Gathered,
) -> io::Result<Option<Option<Range<u64>>>> {
    let begin = run + RUN_HEADER as u64;
    let end = begin + u64::from(header.len);
    let mut at = begin;
    // Entries before the wanted one are skipped by their length, unseen.
    for _ in header.first..gathered.next {
        match entry_len(window, at, end)? {
            Some(len) => at += len as u64,
            None => break,
        }
    }
    let last = header.end().min(last);
    while gathered.next < last {
        let mut len = entry_len(window, at, end)?;
        if len.is_some_and(|len| !gathered.fits(len - ENTRY_HEADER)) {
            return Ok(Some(None));
        }
        let mut found = intact(window, at, len, gathered.next)?;
        if found.is_none() {
            // This one is damaged, or the length of one before it.
            let position = gathered.next;
            if let Some(place) = seek(window, begin, end, position)? {
                (at, len) = (place.0, Some(place.1));
                found = intact(window, at, len, position)?;
            }
            if found.is_none() {
                let one = position + 1 == last || seek(window, begin, end, position + 1)?.is_some();
                return Ok(Some(Some(position..if one { position + 1 } else { last })));
            }
        }
        if let (Some(len), Some(data)) = (len, found) {
            at += len as u64;
            gathered.push(data);
        }
    }
    Ok(None)
}

/// Length with header of the entry at `at`, if it can be right within a run that ends at `end`.
fn entry_len(window: &mut Window, at: u64, end: u64) -> io::Result<Option<usize>> {
    let len = window.get(at, ENTRY_HEADER)?.and_then(|head| u32_at(&head, 0));
    let framed = len.map(|len| ENTRY_HEADER + len as usize);
    Ok(framed.filter(|framed| at + *framed as u64 <= end))
}

/// The entry at `at`, if it is the one of this position and intact.
fn intact(window: &mut Window, at: u64, len: Option<usize>, position: u64) -> io::Result<Option<Bytes>> {
    let Some(len) = len else { return Ok(None) };
    let framed = window.get(at, len)?.filter(|framed| entry_intact(position, framed));
    Ok(framed.map(|framed| framed.slice(ENTRY_HEADER..)))
}

/// Place and length of the entry of this position anywhere in a run whose lengths cannot be
/// trusted.
fn seek(window: &mut Window, begin: u64, end: u64, position: u64) -> io::Result<Option<(u64, usize)>> {
    let mut summed = 0;
    for at in begin..end {
        let Some(len) = entry_len(window, at, end)? else { continue };
        if intact(window, at, Some(len), position)?.is_some() {
            return Ok(Some((at, len)));
        }
        summed += len;
        if summed > SEEK_BYTES {
            break;
        }
    }
    Ok(None)
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
    let (index, _) = scan(window, log.number, Some(segment.end))?;
    let found = look(&index);
    let mut view = log.view.lock();
    if let Some(known) = view.segments.iter_mut().find(|known| known.name == segment.name) {
        known.index.get_or_insert(index);
    }
    Ok(found)
}
