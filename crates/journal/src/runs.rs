//! Finding runs in a segment file, past whatever is damaged.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::{
    files::File,
    format::{RUN_HEADER, RUN_MAGIC_BYTES, RunHeader, decode_segment_header},
    view::Segment,
};

/// Some of the runs of a segment: position and offset, ascending.
pub(crate) type Index = Vec<(u64, u64)>;

/// Index of a whole segment that ends at position `to`, if that is known, and position and offset behind its last run.
pub(crate) fn scan(
    window: &mut Window,
    log: u32,
    to: Option<u64>,
) -> io::Result<(Index, Option<(u64, u64)>)> {
    let (mut index, mut offset, mut last) = (Vec::new(), 0, None);
    while let Some((at, header)) = next_run(window, log, offset)? {
        let end = at + (RUN_HEADER + header.len as usize) as u64;
        if end <= window.end {
            Segment::note(&mut index, header.first, at);
            last = Some((header.end(), end));
        }
        offset = behind(window, at, &header, to)?;
    }
    Ok((index, last))
}

/// Where to look for the run behind the one at `at`, in a segment that ends at position `to`. A header may stand, sealed
/// and all, in a sector that went astray, and what follows is then another's: its length counts only where the run of the
/// next position begins behind it, or the segment ends.
pub(crate) fn behind(window: &mut Window, at: u64, header: &RunHeader, to: Option<u64>) -> io::Result<u64> {
    let end = at + (RUN_HEADER + header.len as usize) as u64;
    let is_last = end == window.end && to.is_none_or(|to| header.end() == to);
    let next = window.get(end, RUN_HEADER)?.and_then(|head| RunHeader::decode(&head));
    let goes_on = next.is_some_and(|next| (next.log, next.first) == (header.log, header.end()));
    Ok(if is_last || goes_on { end } else { at + RUN_HEADER as u64 })
}

/// The run at `offset`, or the first one behind it: past the file's header, or past damage.
pub(crate) fn next_run(
    window: &mut Window,
    log: u32,
    mut offset: u64,
) -> io::Result<Option<(u64, RunHeader)>> {
    if offset == 0 {
        let head = window.get(0, 256.min(window.end as usize))?.unwrap_or_default();
        offset = decode_segment_header(&head, log).map_or(0, |(_, _, len)| len);
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
