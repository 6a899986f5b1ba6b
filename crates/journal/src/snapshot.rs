//! The snapshot: all logs with their segments and state as of one group. Written whole, synced,
//! renamed into place; the write-ahead files up to that group are then free.
//!
//! A file `state-<group>` is: preface, records, the same records again, preface. The preface
//! (magic, version, length of one copy, CRC) can be read from either end, and every record
//! (`len u32, crc u32, payload`) from either copy, so one damaged place loses nothing. The first
//! record holds group, next log number and count of logs; each other one holds a log.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    format::{MOST, MOST_NUMBER, SegmentName, VERSION, u32_at, u64_at},
    log_core::LogCore,
    ops::{Cursor, put_bytes},
    view::{Segment, View},
};

const MAGIC: u32 = u32::from_le_bytes(*b"WPST");
const PREFACE: usize = 20;
pub(crate) const TEMPORARY: &str = "state.tmp";

pub(crate) fn name(group: u64) -> String {
    format!("state-{group:016x}")
}

pub(crate) fn parse(text: &str) -> Option<u64> {
    let group = u64::from_str_radix(text.strip_prefix("state-")?, 16).ok()?;
    (group <= MOST && name(group) == text).then_some(group)
}

/// A snapshot being made.
pub(crate) struct Writing {
    logs: Vec<u8>,
    count: u32,
}

impl Writing {
    pub fn new() -> Self {
        Writing { logs: Vec::new(), count: 0 }
    }

    /// Adds a log as its view stands; everything must be in segments.
    pub fn add(&mut self, log: &LogCore, view: &View) {
        let mut out = Vec::new();
        out.extend_from_slice(&log.number.to_le_bytes());
        out.extend_from_slice(log.id.as_bytes());
        put_bytes(&mut out, log.name.as_bytes());
        out.extend_from_slice(&log.start().to_le_bytes());
        out.extend_from_slice(&view.stored_end.to_le_bytes());
        out.extend_from_slice(&view.generation.to_le_bytes());
        out.extend_from_slice(&(view.segments.len() as u32).to_le_bytes());
        for segment in &view.segments {
            out.extend_from_slice(&segment.name.first.to_le_bytes());
            out.extend_from_slice(&segment.end.to_le_bytes());
            out.extend_from_slice(&segment.bytes.to_le_bytes());
            out.extend_from_slice(&segment.name.generation.to_le_bytes());
            out.push(u8::from(segment.closed));
        }
        out.extend_from_slice(&(view.state.len() as u32).to_le_bytes());
        for (key, value) in &view.state {
            put_bytes(&mut out, key.as_bytes());
            put_bytes(&mut out, value);
        }
        put_record(&mut self.logs, &out);
        self.count += 1;
    }

    /// The whole file.
    pub fn finish(self, group: u64, next_log: u32) -> Vec<u8> {
        let mut head = Vec::new();
        head.extend_from_slice(&group.to_le_bytes());
        head.extend_from_slice(&next_log.to_le_bytes());
        head.extend_from_slice(&self.count.to_le_bytes());
        let mut copy = Vec::with_capacity(self.logs.len() + 64);
        put_record(&mut copy, &head);
        copy.extend_from_slice(&self.logs);
        let mut preface = Vec::with_capacity(PREFACE);
        preface.extend_from_slice(&MAGIC.to_le_bytes());
        preface.extend_from_slice(&VERSION.to_le_bytes());
        preface.extend_from_slice(&(copy.len() as u64).to_le_bytes());
        let crc = crc32fast::hash(&preface);
        preface.extend_from_slice(&crc.to_le_bytes());
        [&preface[..], &copy, &copy, &preface].concat()
    }
}

fn put_record(out: &mut Vec<u8>, payload: &[u8]) {
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
    out.extend_from_slice(payload);
}

/// A snapshot read back.
pub(crate) struct Loaded {
    pub group: u64,
    pub next_log: u32,
    pub logs: Vec<LoadedLog>,
    /// Something was damaged.
    pub damaged: bool,
    /// A log was damaged in both copies.
    pub incomplete: bool,
}

pub(crate) struct LoadedLog {
    pub number: u32,
    pub id: Uuid,
    pub name: String,
    pub start: u64,
    pub end: u64,
    pub generation: u32,
    pub segments: VecDeque<Segment>,
    pub state: BTreeMap<String, Bytes>,
}

/// Why a snapshot cannot be used.
pub(crate) enum Unusable {
    Damaged,
    Version(u32),
}

pub(crate) fn load(bytes: &[u8]) -> Result<Loaded, Unusable> {
    let front = bytes.get(..PREFACE).and_then(preface);
    let back = bytes.len().checked_sub(PREFACE).and_then(|at| preface(&bytes[at..]));
    let (version, len) = front.or(back).ok_or(Unusable::Damaged)?;
    if version != VERSION {
        return Err(Unusable::Version(version));
    }
    let copy = |at: usize| Some(records(bytes.get(at..at.checked_add(len)?)?));
    let (first, first_damaged) = copy(PREFACE).unwrap_or((Vec::new(), true));
    let (second, second_damaged) = PREFACE.checked_add(len).and_then(copy).unwrap_or((Vec::new(), true));
    let heads = |records: &[&[u8]]| records.iter().find_map(|record| decode_head(record));
    let (group, next_log, count) = heads(&first).or_else(|| heads(&second)).ok_or(Unusable::Damaged)?;
    let mut logs = BTreeMap::new();
    for record in first.iter().chain(&second) {
        if let Some(log) = decode_log(record) {
            logs.entry(log.number).or_insert(log);
        }
    }
    Ok(Loaded {
        group,
        next_log,
        damaged: first_damaged || second_damaged || front.is_none() || back.is_none(),
        incomplete: logs.len() != count as usize,
        logs: logs.into_values().collect(),
    })
}

fn preface(bytes: &[u8]) -> Option<(u32, usize)> {
    let whole = u32_at(bytes, 0)? == MAGIC && u32_at(bytes, 16)? == crc32fast::hash(&bytes[..16]);
    whole.then_some((u32_at(bytes, 4)?, usize::try_from(u64_at(bytes, 8)?).ok()?))
}

/// All intact records of a copy, and whether any is not.
fn records(copy: &[u8]) -> (Vec<&[u8]>, bool) {
    let (mut cursor, mut found, mut damaged) = (Cursor(copy), Vec::new(), false);
    while !cursor.0.is_empty() {
        let (Some(len), Some(crc)) = (cursor.u32(), cursor.u32()) else { return (found, true) };
        match cursor.take(len as usize) {
            Some(payload) if crc32fast::hash(payload) == crc => found.push(payload),
            Some(_) => damaged = true,
            None => return (found, true),
        }
    }
    (found, damaged)
}

const HEAD: usize = 16;

fn decode_head(payload: &[u8]) -> Option<(u64, u32, u32)> {
    let head = (u64_at(payload, 0)?, u32_at(payload, 8)?, u32_at(payload, 12)?);
    (payload.len() == HEAD && head.0 <= MOST && head.1 <= MOST_NUMBER).then_some(head)
}

fn decode_log(payload: &[u8]) -> Option<LoadedLog> {
    if payload.len() == HEAD {
        return None;
    }
    let mut cursor = Cursor(payload);
    let (number, id, name) = (cursor.u32()?, cursor.id()?, cursor.name()?);
    let (start, end, generation) = (cursor.u64()?, cursor.u64()?, cursor.u32()?);
    let mut segments = VecDeque::new();
    for _ in 0..cursor.u32()? {
        let (first, end, bytes) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
        let name = SegmentName { log: number, first, generation: cursor.u32()? };
        segments.push_back(Segment { name, end, bytes, index: None, closed: cursor.u8()? != 0 });
    }
    let mut before = 0;
    let ascending = segments.iter().all(|segment| {
        let follows = before <= segment.first() && segment.first() < segment.end;
        before = segment.end;
        follows && segment.name.generation <= MOST_NUMBER
    });
    let sane = number < MOST_NUMBER && generation <= MOST_NUMBER && start <= end && end <= MOST;
    if !sane || !ascending || before > end {
        return None;
    }
    let mut state = BTreeMap::new();
    for _ in 0..cursor.u32()? {
        state.insert(cursor.text()?, Bytes::copy_from_slice(cursor.bytes()?));
    }
    Some(LoadedLog { number, id, name, start, end, generation, segments, state })
}
