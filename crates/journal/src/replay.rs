//! Reading write-ahead files back: finding the blocks, in order, and what is wrong with them.

use std::{collections::BTreeMap, io, sync::Arc};

use bytes::Bytes;

use crate::{
    files::{File, Files},
    format::{BLOCK_ALIGN, BLOCK_HEADER, BlockHeader, FRAME_HEADER, FrameHeader, RunHeader, run_intact},
    ops::{self, Op},
    repair::Repair,
    wal,
};

/// How much of a file is searched at once.
const SEARCH_BYTES: usize = 1 << 20;

/// One log's part of a group, as far as it is intact.
pub(crate) struct Replayed {
    pub header: FrameHeader,
    /// `None`: damaged.
    pub ops: Option<Vec<Op>>,
    /// `None`: damaged or none (`header.count` tells).
    pub run: Option<Bytes>,
    /// The bytes of a damaged run, in which some entries may be intact.
    pub damaged_run: Option<Bytes>,
    /// Of the newest group: if damaged, it was never acknowledged.
    pub newest: bool,
}

/// All blocks found, by group. A group written again after a failed sync is there twice.
pub(crate) struct Blocks {
    by_group: BTreeMap<u64, Vec<Block>>,
}

struct Block {
    file: Arc<dyn File>,
    name: String,
    offset: u64,
    header: BlockHeader,
    /// Bytes of its body that the file has.
    len: usize,
}

/// Finds the blocks of all write-ahead files.
pub(crate) fn find(files: &dyn Files, listed: &[(String, u64)]) -> io::Result<Blocks> {
    let mut by_group: BTreeMap<u64, Vec<Block>> = BTreeMap::new();
    for (name, len) in listed {
        let Some(number) = wal::parse(name) else { continue };
        let file = files.open(name)?;
        for (offset, header) in blocks_of(&*file, number, *len)? {
            let len = (len - offset - BLOCK_HEADER as u64).min(header.len.into()) as usize;
            let block = Block { file: file.clone(), name: name.clone(), offset, header, len };
            by_group.entry(header.group).or_default().push(block);
        }
    }
    Ok(Blocks { by_group })
}

fn blocks_of(file: &dyn File, number: u64, len: u64) -> io::Result<Vec<(u64, BlockHeader)>> {
    let (mut found, mut at) = (Vec::new(), 0);
    let mut held = Vec::new();
    let mut held_at = 0;
    while at < len {
        if at < held_at || at + BLOCK_HEADER as u64 > held_at + held.len() as u64 {
            held.resize(SEARCH_BYTES.min((len - at) as usize), 0);
            let got = file.read_at(&mut held, at)?;
            held.truncate(got);
            held_at = at;
            if got < BLOCK_HEADER {
                break;
            }
        }
        let header = BlockHeader::decode(&held[(at - held_at) as usize..]);
        // A block is as long as its header says; where there is none, one may begin on any page.
        at += match header.filter(|header| header.wal == number) {
            Some(header) => {
                found.push((at, header));
                header.size()
            }
            None => BLOCK_ALIGN,
        };
    }
    Ok(found)
}

impl Blocks {
    /// The newest group found.
    pub fn newest(&self) -> Option<u64> {
        self.by_group.keys().next_back().copied()
    }

    /// Visits all frames after group `covered`, in order.
    pub fn replay(
        &self,
        covered: u64,
        repairs: &mut Vec<Repair>,
        mut visit: impl FnMut(Replayed, &mut Vec<Repair>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut expected = covered + 1;
        for (group, blocks) in self.by_group.range(expected..) {
            if *group > expected
                && let Some(block) = blocks.first()
            {
                let what =
                    format!("groups {expected} to {} are missing before offset {}", group - 1, block.offset);
                repairs.push(Repair::Damaged { file: block.name.clone(), what });
            }
            expected = group + 1;
            let newest = Some(*group) == self.newest();
            // Of two writings of a group the later one was acknowledged; either will do if intact.
            let mut read: Vec<_> =
                blocks.iter().map(|block| block.read(newest)).collect::<io::Result<_>>()?;
            let best = read.iter().position(|frames| frames.intact).unwrap_or(read.len() - 1);
            let (block, frames) = (&blocks[best], read.swap_remove(best));
            if !frames.intact {
                let file = block.name.clone();
                repairs.push(if newest {
                    Repair::TornTail { file, bytes: u64::from(block.header.len) }
                } else {
                    Repair::Damaged {
                        file,
                        what: format!("group {group} at offset {} is damaged", block.offset),
                    }
                });
            }
            for frame in frames.frames {
                visit(frame, repairs)?;
            }
        }
        Ok(())
    }
}

struct Frames {
    frames: Vec<Replayed>,
    intact: bool,
}

/// Whether a run is the one that its frame speaks of.
fn is_of(run: &[u8], frame: &FrameHeader) -> bool {
    let of = |run: RunHeader| (run.log, run.first, run.count) == (frame.log, frame.first, frame.count);
    RunHeader::decode(run).is_some_and(of)
}

impl Block {
    fn read(&self, newest: bool) -> io::Result<Frames> {
        let mut body = vec![0; self.len];
        let offset = self.offset + BLOCK_HEADER as u64;
        let got = self.file.read_at(&mut body, offset)?;
        body.truncate(got);
        let body = Bytes::from(body);
        let (mut frames, mut intact, mut at) = (Vec::new(), true, 0);
        for _ in 0..self.header.frames {
            let Some(header) = body.get(at..).and_then(FrameHeader::decode) else {
                intact = false;
                break;
            };
            at += FRAME_HEADER;
            let mut part = |len: u32| {
                let to = at.saturating_add(len as usize);
                let part = (to <= body.len()).then(|| body.slice(at..to));
                at = to;
                part
            };
            let ops = part(header.ops_len).filter(|ops| crc32fast::hash(ops) == header.ops_crc);
            let ops = ops.and_then(|ops| ops::decode(&ops));
            let run = part(header.run_len).filter(|run| !run.is_empty());
            let (run, damaged_run) = match run {
                Some(run) if run_intact(&run) && is_of(&run, &header) => (Some(run), None),
                damaged => (None, damaged),
            };
            intact &= ops.is_some() && (run.is_some() || header.count == 0);
            frames.push(Replayed { header, ops, run, damaged_run, newest });
        }
        intact &= frames.len() == self.header.frames as usize;
        Ok(Frames { frames, intact })
    }
}
