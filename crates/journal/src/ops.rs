//! Operations on a log besides entries, as they stand in a frame of the write-ahead file:
//! a tag byte and its fields. Texts and values are a u32 length and the bytes.

use bytes::Bytes;
use uuid::Uuid;

use crate::format::{u32_at, u64_at};

/// Longest name of a log.
pub(crate) const MOST_NAME_BYTES: usize = 200;

/// Whether a log may be called `name`.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=MOST_NAME_BYTES).contains(&name.len())
}

const MADE: u8 = 1;
const DELETED: u8 = 2;
const TRIMMED: u8 = 3;
const SET: u8 = 4;
const UNSET: u8 = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Made { id: Uuid, name: String },
    Deleted,
    Trimmed { start: u64 },
    Set { key: String, value: Bytes },
    Unset { key: String },
}

impl Op {
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Made { id, name } => {
                out.push(MADE);
                out.extend_from_slice(id.as_bytes());
                put_bytes(out, name.as_bytes());
            }
            Op::Deleted => out.push(DELETED),
            Op::Trimmed { start } => {
                out.push(TRIMMED);
                out.extend_from_slice(&start.to_le_bytes());
            }
            Op::Set { key, value } => put_state(out, key, Some(value)),
            Op::Unset { key } => put_state(out, key, None),
        }
    }
}

/// The same as encoding [`Op::Set`] or [`Op::Unset`], without owning the key.
pub(crate) fn put_state(out: &mut Vec<u8>, key: &str, value: Option<&Bytes>) {
    out.push(if value.is_some() { SET } else { UNSET });
    put_bytes(out, key.as_bytes());
    if let Some(value) = value {
        put_bytes(out, value);
    }
}

pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Reads fields off the front of a buffer; `None` once it does not hold what was asked for.
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    pub fn u32(&mut self) -> Option<u32> {
        u32_at(self.take(4)?, 0)
    }

    pub fn u64(&mut self) -> Option<u64> {
        u64_at(self.take(8)?, 0)
    }

    pub fn id(&mut self) -> Option<Uuid> {
        Uuid::from_slice(self.take(16)?).ok()
    }

    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()? as usize;
        self.take(len)
    }

    /// Of a log: one that nobody could have given is none.
    pub fn name(&mut self) -> Option<String> {
        self.text().filter(|name| is_name(name))
    }

    pub fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}

/// All operations of a frame, or none if they do not parse.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Op>> {
    let mut cursor = Cursor(bytes);
    let mut ops = Vec::new();
    while !cursor.0.is_empty() {
        ops.push(match cursor.u8()? {
            MADE => Op::Made { id: cursor.id()?, name: cursor.name()? },
            DELETED => Op::Deleted,
            TRIMMED => Op::Trimmed { start: cursor.u64()? },
            SET => Op::Set { key: cursor.text()?, value: Bytes::copy_from_slice(cursor.bytes()?) },
            UNSET => Op::Unset { key: cursor.text()? },
            _ => return None,
        });
    }
    Some(ops)
}
