//! Writing the write-ahead files (see `format`): one block per group, one sync per block.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use crate::{
    files::{File, Files},
    format::{BLOCK_HEADER, BlockHeader, FRAME_HEADER, MOST},
    log_core::Frame,
    options::Options,
};

/// Pieces below this are gathered into one write; copying them is cheaper than a system call.
const GATHER_BYTES: usize = 64 << 10;

pub(crate) fn name(number: u64) -> String {
    format!("wal-{number:016x}")
}

pub(crate) fn parse(text: &str) -> Option<u64> {
    let number = u64::from_str_radix(text.strip_prefix("wal-")?, 16).ok()?;
    (number <= MOST && name(number) == text).then_some(number)
}

/// The next file, made ahead by the checkpoint thread so that the writer need not wait for it.
pub(crate) struct Ahead {
    files: Arc<dyn Files>,
    state: Mutex<AheadState>,
}

struct AheadState {
    /// Numbers are never used twice, so a block of a file's earlier life is never taken for one
    /// of this life. They say nothing about order: group numbers do.
    next_number: u64,
    ready: Option<Ready>,
}

pub(crate) struct Ready {
    number: u64,
    file: Arc<dyn File>,
    len: u64,
}

impl Ahead {
    pub fn new(files: Arc<dyn Files>, next_number: u64) -> Self {
        Ahead { files, state: Mutex::new(AheadState { next_number, ready: None }) }
    }

    fn number(&self) -> u64 {
        let mut state = self.state.lock();
        state.next_number += 1;
        state.next_number - 1
    }

    fn make(&self, len: u64) -> io::Result<Ready> {
        let number = self.number();
        let made = (|| {
            let file = self.files.create(&name(number))?;
            file.allocate(len)?;
            file.sync()?;
            self.files.sync_dir()?;
            Ok(Ready { number, file, len })
        })();
        if made.is_err() {
            // Half a file on a full disk helps nobody.
            let _ = self.files.remove(&name(number));
        }
        made
    }

    /// Makes the next file, if there is none yet.
    pub fn prepare(&self, len: u64) -> io::Result<()> {
        if self.state.lock().ready.is_none() {
            let made = self.make(len)?;
            self.state.lock().ready = Some(made);
        }
        Ok(())
    }

    /// Uses a file again whose groups a checkpoint has covered, or removes it.
    pub fn reuse(&self, old: &Retired, want_len: u64) -> io::Result<()> {
        if self.state.lock().ready.is_some() || old.len < want_len {
            return self.files.remove(&name(old.number));
        }
        let number = self.number();
        self.files.rename(&name(old.number), &name(number))?;
        self.files.sync_dir()?;
        self.state.lock().ready = Some(Ready { number, file: old.file.clone(), len: old.len });
        Ok(())
    }

    fn take(&self) -> Option<Ready> {
        self.state.lock().ready.take()
    }
}

/// A full (or given up) file with acknowledged groups in it.
#[derive(Clone)]
pub(crate) struct Retired {
    pub number: u64,
    pub file: Arc<dyn File>,
    pub len: u64,
}

/// The current file. Used by the writer thread only.
pub(crate) struct Wal {
    files: Arc<dyn Files>,
    pub ahead: Arc<Ahead>,
    current: Option<Ready>,
    /// Where the next block goes.
    offset: u64,
    /// Number of the next group.
    pub group: u64,
    pub retired: Vec<Retired>,
    /// Length of the next file made.
    want_len: u64,
    most_len: u64,
    scratch: Vec<u8>,
}

impl Wal {
    pub fn new(files: Arc<dyn Files>, options: &Options, next_number: u64, group: u64) -> Self {
        Wal {
            ahead: Arc::new(Ahead::new(files.clone(), next_number)),
            files,
            current: None,
            offset: 0,
            group,
            retired: Vec::new(),
            want_len: options.first_wal_bytes.min(options.wal_bytes),
            most_len: options.wal_bytes,
            scratch: Vec::new(),
        }
    }

    /// Length of the next file made.
    pub fn want_len(&self) -> u64 {
        self.want_len
    }

    /// Whether the next file should be made soon.
    pub fn half_full(&self) -> bool {
        self.current.as_ref().is_some_and(|current| self.offset > current.len / 2)
    }

    /// Whether `frames` need another file.
    pub fn is_full(&self, frames: &[Frame]) -> bool {
        let end = self.offset + BLOCK_HEADER as u64 + body_len(frames);
        self.current.as_ref().is_some_and(|current| self.offset > 0 && end > current.len)
    }

    /// Gives up the current file; the next write begins another one.
    pub fn retire(&mut self) {
        let Some(current) = self.current.take() else { return };
        if self.offset > 0 {
            self.retired.push(Retired { number: current.number, file: current.file, len: current.len });
        } else if let Err(error) = self.files.remove(&name(current.number)) {
            tracing::warn!(%error, "journal: a write-ahead file could not be removed");
        }
        self.offset = 0;
    }

    /// Writes and syncs one group. After an error the same group is to be written again; then it
    /// goes to a fresh file, as a failed sync leaves nothing that may be trusted.
    pub fn write(&mut self, frames: &[Frame]) -> io::Result<()> {
        if self.is_full(frames) {
            self.retire();
        }
        let current = match self.current.take() {
            Some(current) => current,
            None => match self.ahead.take() {
                Some(ready) => ready,
                None => self.ahead.make(self.want_len)?,
            },
        };
        self.want_len = (current.len * 2).min(self.most_len);
        let header = BlockHeader {
            frames: frames.len() as u32,
            wal: current.number,
            group: self.group,
            len: body_len(frames) as u32,
        };
        let written = self.write_block(&*current.file, &header, frames);
        self.current = Some(current);
        match written {
            Ok(()) => {
                self.offset += header.size();
                self.group += 1;
                Ok(())
            }
            Err(error) => {
                self.retire();
                Err(error)
            }
        }
    }

    fn write_block(&mut self, file: &dyn File, header: &BlockHeader, frames: &[Frame]) -> io::Result<()> {
        let mut offset = self.offset;
        self.scratch.clear();
        self.scratch.extend_from_slice(&header.encode());
        let frame_pieces = frames.iter().map(|frame| (frame.header.encode(), frame));
        for (frame_header, frame) in frame_pieces {
            let run = frame.run.as_ref().map_or(&[][..], |run| &run.bytes[..]);
            for piece in [&frame_header[..], &frame.ops[..], run] {
                if piece.len() >= GATHER_BYTES {
                    file.write_at(&self.scratch, offset)?;
                    offset += self.scratch.len() as u64;
                    self.scratch.clear();
                    file.write_at(piece, offset)?;
                    offset += piece.len() as u64;
                } else {
                    self.scratch.extend_from_slice(piece);
                }
            }
            if self.scratch.len() >= GATHER_BYTES {
                file.write_at(&self.scratch, offset)?;
                offset += self.scratch.len() as u64;
                self.scratch.clear();
            }
        }
        file.write_at(&self.scratch, offset)?;
        file.sync()
    }
}

fn body_len(frames: &[Frame]) -> u64 {
    let size = |frame: &Frame| {
        (FRAME_HEADER + frame.ops.len()) as u64 + frame.run.as_ref().map_or(0, |run| run.bytes.len() as u64)
    };
    frames.iter().map(size).sum()
}
