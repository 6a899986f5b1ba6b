//! Stores that nobody has written: files of parts that are sealed as ours are, with fields chosen by the input.
//!
//! Bytes at random end at the first sum that is wrong. Here every sum is right, unless the input says otherwise: nothing
//! that stands in a file may end the program, take memory without bound, or turn up as an entry that was not written.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::{fake_files::FakeDisk, id, reading::use_it, script::Script};
use crate::{
    format::{BLOCK_ALIGN, BlockHeader, FrameHeader, RunHeader, SegmentName, put_entry, segment_header},
    log_core::LogCore,
    ops::Op,
    snapshot,
    view::{Segment, View},
    wal,
};

/// Entries that are somewhere in the files, by position.
type Written = BTreeSet<(u64, Vec<u8>)>;

/// `data`: see [`Forge`]. Panics at what must not be.
pub fn check(data: &[u8]) {
    let disk = FakeDisk::default();
    let mut forge = Forge { script: Script(data), written: Written::new(), names: Vec::new() };
    // As many as a store of two logs has; more only takes time.
    for _ in 0..12 {
        if forge.script.is_over() {
            break;
        }
        forge.file(&disk);
    }
    let Some((held, _)) = use_it(&disk) else { return };
    for (log, entries) in held {
        for (position, data) in entries {
            let known = forge.written.contains(&(position, data.to_vec()));
            assert!(known, "{log:?} at {position}: nobody has written {data:?}");
        }
    }
}

/// Makes files as the script says.
struct Forge<'a> {
    script: Script<'a>,
    written: Written,
    names: Vec<String>,
}

impl Forge<'_> {
    fn file(&mut self, disk: &FakeDisk) {
        let (name, bytes) = match self.script.byte() % 5 {
            0 => self.segment(),
            1 => self.wal(),
            2 => self.snapshot(),
            3 => self.other(),
            _ => return self.flip(disk),
        };
        disk.put(&name, bytes);
        self.names.push(name);
    }

    fn segment(&mut self) -> (String, Vec<u8>) {
        let (log, first) = (self.log(), self.script.number());
        let name = SegmentName { log, first, generation: self.script.number_u32() };
        let said = self.script.or(log.into()) as u32;
        let mut bytes = segment_header(said, first, id(said), &self.name());
        for _ in 0..self.script.below(4) {
            bytes.extend(self.run(log));
        }
        (name.to_string(), bytes)
    }

    fn wal(&mut self) -> (String, Vec<u8>) {
        let number = self.script.number();
        let mut bytes = Vec::new();
        for _ in 0..self.script.below(4) {
            let (mut body, frames) = (Vec::new(), self.script.below(4));
            for _ in 0..frames {
                body.extend(self.frame());
            }
            let header = BlockHeader {
                frames: self.script.or(frames as u64) as u32,
                wal: self.script.or(number),
                group: self.script.number(),
                len: self.script.or(body.len() as u64) as u32,
            };
            bytes.extend(header.encode());
            bytes.extend(body);
            bytes.resize(bytes.len().next_multiple_of(BLOCK_ALIGN as usize), 0);
        }
        (wal::name(number), bytes)
    }

    fn frame(&mut self) -> Vec<u8> {
        let (log, mut ops) = (self.log(), Vec::new());
        for _ in 0..self.script.below(3) {
            let op = match self.script.byte() % 5 {
                0 => Op::Made { id: id(self.script.number_u32()), name: self.name() },
                1 => Op::Deleted,
                2 => Op::Trimmed { start: self.script.number() },
                3 => Op::Set { key: self.name(), value: Bytes::from(vec![self.script.byte()]) },
                _ => Op::Unset { key: self.name() },
            };
            op.encode(&mut ops);
        }
        let run = if self.script.byte() < 60 { Vec::new() } else { self.run(log) };
        let told = RunHeader::decode(&run);
        let header = FrameHeader {
            log,
            ops_len: self.script.or(ops.len() as u64) as u32,
            ops_crc: self.script.or(crc32fast::hash(&ops).into()) as u32,
            run_len: self.script.or(run.len() as u64) as u32,
            first: self.script.or(told.map_or(0, |run| run.first)),
            count: self.script.or(told.map_or(0, |run| run.count.into())) as u32,
        };
        [&header.encode()[..], &ops, &run].concat()
    }

    fn run(&mut self, log: u32) -> Vec<u8> {
        let (first, count) = (self.script.number(), self.script.below(5) as u64);
        let mut entries = Vec::new();
        for position in first..first.saturating_add(count) {
            let data = vec![self.script.byte(); self.script.below(40)];
            put_entry(&mut entries, position, &data);
            self.written.insert((position, data));
        }
        let header = RunHeader {
            log: self.script.or(log.into()) as u32,
            first,
            count: self.script.or(count) as u32,
            len: self.script.or(entries.len() as u64) as u32,
        };
        [&header.encode()[..], &entries].concat()
    }

    fn snapshot(&mut self) -> (String, Vec<u8>) {
        let group = self.script.number();
        let mut writing = snapshot::Writing::new();
        for _ in 0..self.script.below(4) {
            let (number, name, start) = (self.log(), self.name(), self.script.number());
            let mut segments = VecDeque::new();
            for _ in 0..self.script.below(4) {
                let first = self.script.number();
                let name = SegmentName { log: number, first, generation: self.script.number_u32() };
                let (end, bytes) = (self.script.number(), self.script.number());
                let closed = self.script.byte() & 1 == 0;
                segments.push_back(Segment { name, end, bytes, index: None, closed });
            }
            let state = BTreeMap::from([(self.name(), Bytes::from_static(b"1"))]);
            let (stored_end, generation) = (self.script.number(), self.script.number_u32());
            let view = View { stored_end, generation, segments, state, ..View::default() };
            writing.add(&LogCore::new(number, id(number), name, start, View::default()), &view);
        }
        let (said, next_log) = (self.script.or(group), self.script.number_u32());
        (snapshot::name(group), writing.finish(said, next_log))
    }

    /// A name of ours, or nearly, over bytes that are nothing.
    fn other(&mut self) -> (String, Vec<u8>) {
        let names = [
            "state-",
            "state-zz",
            "state-+1",
            "wal-",
            "wal--1",
            "wal-ffffffffffffffffff",
            "state.tmp",
            "lock",
            "00000000-0000000000000000-0",
            "ffffffff-ffffffffffffffff-ffffffff",
            "state-ffffffffffffffff",
            "wal-ffffffffffffffff",
        ];
        let name = names[self.script.below(names.len())];
        // Constant bytes, so that no sum can be right by the fuzzer's own ingenuity.
        (name.to_owned(), vec![self.script.byte(); self.script.below(64)])
    }

    fn flip(&mut self, disk: &FakeDisk) {
        let Some(name) = self.names.get(self.script.below(self.names.len())).cloned() else { return };
        let at = usize::from(self.script.byte()) * 16 + self.script.below(16);
        if disk.len(&name) > at {
            disk.flip(&name, at);
        }
    }

    fn log(&mut self) -> u32 {
        match self.script.byte() {
            most @ 0..240 => u32::from(most % 3),
            _ => self.script.number_u32(),
        }
    }

    fn name(&mut self) -> String {
        ["first", "second", "", "recovered-1"][self.script.below(4)].to_owned()
    }
}
