//! The disk format. All numbers are little-endian; every CRC is CRC-32 (IEEE 802.3).
//!
//! ```text
//! journal/lock                          process id of the holder
//! journal/wal-<number>                  write-ahead files
//! journal/<log>-<first>-<generation>    segment files of a log
//! journal/state-<group>                 the snapshot (see `snapshot`)
//! ```
//!
//! **Entries** are opaque bytes. On disk each is `len u32, crc u32 (of position, len and data),
//! data`: the position is summed but not written, so that an entry is never taken for another one of its log. (Of another
//! log it can be: if a disk writes a sector of one log's segment into the same place of another's, where it has entries
//! of the same positions and lengths.)
//! Entries of one log that became durable in one group form a **run**: a 28-byte header (magic,
//! log number, first position, count, bytes that follow, CRC of the header) and the entries.
//! A run has the same bytes in the write-ahead file and in the segment file, so it is built and
//! summed once, by the appender.
//!
//! **Write-ahead file.** A sequence of *blocks*, one per group sync, each beginning at a multiple
//! of 4096 bytes, so that writing one never touches a page that holds an acknowledged one. A block
//! is a 32-byte header (magic, count of frames, file number, group number, bytes that follow, CRC
//! of the header) and one *frame* per log: a 32-byte header (log number, length and CRC of the
//! operations, length of the run, first position, count, CRC of the header), the *operations*
//! (`ops`: log made or deleted, trimmed, state set or unset) and the run, if there is one. Group
//! numbers go up by one from block to block over all files: a gap means acknowledged data is
//! damaged; nothing valid behind a bad block means an unfinished write (so a flipped byte in the
//! header of the very newest block is the one damage that cannot be told from it). Files are allocated before
//! use and used again under a new number; blocks of the old number are as good as free space.
//!
//! **Segment file.** A header (magic, version, log number, first position, log id, name, CRC) and
//! runs of consecutive positions. Segments are written after the group sync and not synced until
//! the next checkpoint: until then the write-ahead files have the same runs. They hold at least
//! one run and are removed whole. `generation` tells a segment from one that was given up after a
//! failed sync and written again.
//!
//! **Why two writes.** Without the write-ahead file a group sync would cost one sync per log that
//! wrote in it; without segments, one slow reader's log would keep everybody's data on disk.

use std::fmt;

use uuid::Uuid;

use crate::ops::is_name;

/// Goes up with every change that older programs cannot read.
pub(crate) const VERSION: u32 = 1;
/// Blocks of a write-ahead file begin at multiples of this: the page size, so that no write
/// touches a page with acknowledged data in it.
pub(crate) const BLOCK_ALIGN: u64 = 4096;
pub(crate) const RUN_HEADER: usize = 28;
pub(crate) const ENTRY_HEADER: usize = 8;
pub(crate) const BLOCK_HEADER: usize = 32;
pub(crate) const FRAME_HEADER: usize = 32;

/// Positions, groups and file numbers beyond this were never given: at a million a second it takes 146 000 years. What
/// says more is none of ours, and whatever follows a number can be reckoned.
pub(crate) const MOST: u64 = 1 << 62;
/// The same for logs and generations of segments.
pub(crate) const MOST_NUMBER: u32 = 1 << 30;

const RUN_MAGIC: u32 = u32::from_le_bytes(*b"WPRN");
const BLOCK_MAGIC: u32 = u32::from_le_bytes(*b"WPBK");
const SEGMENT_MAGIC: u32 = u32::from_le_bytes(*b"WPSG");

/// The first bytes of a run, to look for behind a damaged one.
pub(crate) const RUN_MAGIC_BYTES: &[u8; 4] = b"WPRN";

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// CRC of everything before the last four bytes of a header equals those four.
fn sealed(header: &[u8]) -> bool {
    let body = header.len() - 4;
    u32_at(header, body) == Some(crc32fast::hash(&header[..body]))
}

fn seal<const N: usize>(mut header: [u8; N]) -> [u8; N] {
    let crc = crc32fast::hash(&header[..N - 4]);
    header[N - 4..].copy_from_slice(&crc.to_le_bytes());
    header
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunHeader {
    pub log: u32,
    pub first: u64,
    pub count: u32,
    /// Bytes of entries behind the header.
    pub len: u32,
}

impl RunHeader {
    pub fn encode(&self) -> [u8; RUN_HEADER] {
        let mut out = [0; RUN_HEADER];
        out[0..4].copy_from_slice(&RUN_MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&self.log.to_le_bytes());
        out[8..16].copy_from_slice(&self.first.to_le_bytes());
        out[16..20].copy_from_slice(&self.count.to_le_bytes());
        out[20..24].copy_from_slice(&self.len.to_le_bytes());
        seal(out)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..RUN_HEADER)?;
        let header = RunHeader {
            log: u32_at(bytes, 4)?,
            first: u64_at(bytes, 8)?,
            count: u32_at(bytes, 16)?,
            len: u32_at(bytes, 20)?,
        };
        let least = u64::from(header.count) * ENTRY_HEADER as u64;
        let sane = header.count > 0 && header.first <= MOST && least <= u64::from(header.len);
        (u32_at(bytes, 0)? == RUN_MAGIC && sealed(bytes) && sane).then_some(header)
    }

    /// The position after its last entry.
    pub fn end(&self) -> u64 {
        self.first + u64::from(self.count)
    }
}

fn entry_crc(position: u64, len: [u8; 4], data: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let mut head = [0; 12];
    head[..8].copy_from_slice(&position.to_le_bytes());
    head[8..].copy_from_slice(&len);
    crc.update(&head);
    crc.update(data);
    crc.finalize()
}

/// Appends one entry.
pub(crate) fn put_entry(out: &mut Vec<u8>, position: u64, data: &[u8]) {
    let len = (data.len() as u32).to_le_bytes();
    out.extend_from_slice(&len);
    out.extend_from_slice(&entry_crc(position, len, data).to_le_bytes());
    out.extend_from_slice(data);
}

/// Whether `framed`, one entry with its header, is as it was written for this position.
pub(crate) fn entry_intact(position: u64, framed: &[u8]) -> bool {
    let (Some(len), Some(crc)) = (u32_at(framed, 0), u32_at(framed, 4)) else { return false };
    let data = &framed[ENTRY_HEADER..];
    len as usize == data.len() && crc == entry_crc(position, len.to_le_bytes(), data)
}

/// Whether a run (header and entries) is complete and every entry intact.
pub(crate) fn run_intact(run: &[u8]) -> bool {
    let Some(header) = RunHeader::decode(run) else { return false };
    let mut rest = &run[RUN_HEADER..];
    for position in header.first..header.end() {
        let Some(len) = u32_at(rest, 0) else { return false };
        let Some(framed) = rest.get(..ENTRY_HEADER + len as usize) else { return false };
        if !entry_intact(position, framed) {
            return false;
        }
        rest = &rest[framed.len()..];
    }
    rest.is_empty() && run.len() == RUN_HEADER + header.len as usize
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BlockHeader {
    pub frames: u32,
    /// Number of the file it was written to: a reused file keeps old blocks behind the new ones.
    pub wal: u64,
    pub group: u64,
    pub len: u32,
}

impl BlockHeader {
    pub fn encode(&self) -> [u8; BLOCK_HEADER] {
        let mut out = [0; BLOCK_HEADER];
        out[0..4].copy_from_slice(&BLOCK_MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&self.frames.to_le_bytes());
        out[8..16].copy_from_slice(&self.wal.to_le_bytes());
        out[16..24].copy_from_slice(&self.group.to_le_bytes());
        out[24..28].copy_from_slice(&self.len.to_le_bytes());
        seal(out)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..BLOCK_HEADER)?;
        let header = BlockHeader {
            frames: u32_at(bytes, 4)?,
            wal: u64_at(bytes, 8)?,
            group: u64_at(bytes, 16)?,
            len: u32_at(bytes, 24)?,
        };
        let sane = header.group <= MOST;
        (u32_at(bytes, 0)? == BLOCK_MAGIC && sealed(bytes) && sane).then_some(header)
    }

    /// Bytes on disk up to the next block.
    pub fn size(&self) -> u64 {
        (BLOCK_HEADER as u64 + u64::from(self.len)).next_multiple_of(BLOCK_ALIGN)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub log: u32,
    pub ops_len: u32,
    pub ops_crc: u32,
    /// With its header; 0 if there is none.
    pub run_len: u32,
    /// The log's end before this frame.
    pub first: u64,
    pub count: u32,
}

impl FrameHeader {
    pub fn encode(&self) -> [u8; FRAME_HEADER] {
        let mut out = [0; FRAME_HEADER];
        out[0..4].copy_from_slice(&self.log.to_le_bytes());
        out[4..8].copy_from_slice(&self.ops_len.to_le_bytes());
        out[8..12].copy_from_slice(&self.ops_crc.to_le_bytes());
        out[12..16].copy_from_slice(&self.run_len.to_le_bytes());
        out[16..24].copy_from_slice(&self.first.to_le_bytes());
        out[24..28].copy_from_slice(&self.count.to_le_bytes());
        seal(out)
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER)?;
        let header = FrameHeader {
            log: u32_at(bytes, 0)?,
            ops_len: u32_at(bytes, 4)?,
            ops_crc: u32_at(bytes, 8)?,
            run_len: u32_at(bytes, 12)?,
            first: u64_at(bytes, 16)?,
            count: u32_at(bytes, 24)?,
        };
        (sealed(bytes) && header.log < MOST_NUMBER && header.first <= MOST).then_some(header)
    }
}

/// The header of a segment file.
pub(crate) fn segment_header(log: u32, first: u64, id: Uuid, name: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(44 + name.len());
    out.extend_from_slice(&SEGMENT_MAGIC.to_le_bytes());
    out.extend_from_slice(&VERSION.to_le_bytes());
    out.extend_from_slice(&log.to_le_bytes());
    out.extend_from_slice(&first.to_le_bytes());
    out.extend_from_slice(id.as_bytes());
    out.extend_from_slice(&(name.len() as u32).to_le_bytes());
    out.extend_from_slice(name.as_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out
}

/// Id and name out of the header of a segment file of `log`, if it is intact; and the header's length.
pub(crate) fn decode_segment_header(bytes: &[u8], log: u32) -> Option<(Uuid, String, u64)> {
    let len = u32_at(bytes, 36)? as usize;
    let bytes = bytes.get(..44usize.checked_add(len)?)?;
    let name = std::str::from_utf8(&bytes[40..40 + len]).ok()?;
    let id = Uuid::from_slice(&bytes[20..36]).ok()?;
    let ours =
        u32_at(bytes, 0)? == SEGMENT_MAGIC && u32_at(bytes, 8)? == log && is_name(name) && sealed(bytes);
    ours.then(|| (id, name.to_owned(), bytes.len() as u64))
}

/// Name of a segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SegmentName {
    pub log: u32,
    pub first: u64,
    pub generation: u32,
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{:016x}-{:x}", self.log, self.first, self.generation)
    }
}

impl SegmentName {
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts = name.split('-');
        let (log, first, generation) = (parts.next()?, parts.next()?, parts.next()?);
        let found = SegmentName {
            log: u32::from_str_radix(log, 16).ok()?,
            first: u64::from_str_radix(first, 16).ok()?,
            generation: u32::from_str_radix(generation, 16).ok()?,
        };
        let sane = found.log < MOST_NUMBER && found.first <= MOST && found.generation <= MOST_NUMBER;
        (parts.next().is_none() && found.to_string() == name && sane).then_some(found)
    }
}
