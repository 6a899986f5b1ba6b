//! A store of known content whose files were damaged at will: what is read is what was written, where it was written.

use std::collections::{BTreeMap, VecDeque};

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

const LOGS: [&str; 2] = ["first", "second"];
/// Entries of each log that are in segments, in runs of [`RUN`] and files of [`SEGMENT`].
const STORED: u64 = 40;
/// Entries of each log, those of the write-ahead file included.
const ALL: u64 = 60;
const RUN: u64 = 4;
const SEGMENT: u64 = 20;
/// The snapshot's group.
const GROUP: u64 = 10;
const WAL: u64 = 7;
/// What a disk writes at once.
const SECTOR: usize = 512;

/// `data`: up to eight damages of six bytes each. Panics at what must not be.
pub fn check(data: &[u8]) {
    let disk = FakeDisk::default();
    let mut files = store();
    for damage in data.chunks(6).take(8) {
        damage_one(&mut files, &mut Script(damage));
    }
    for (name, bytes) in files {
        disk.put(&name, bytes);
    }
    let Some((held, states)) = use_it(&disk) else { return };
    for (name, entries) in held {
        let log = number_of(&name);
        for (position, data) in entries {
            assert!(position < ALL, "{name} has {position}");
            assert_eq!(data, entry(log, position), "{name} at {position}");
        }
    }
    for (name, state) in states {
        number_of(&name);
        for (key, value) in state {
            let end: u64 = std::str::from_utf8(&value).unwrap().parse().unwrap();
            assert!(key == "end" && (STORED..=ALL).contains(&end), "{name}: {key} is {end}");
        }
    }
}

fn number_of(name: &str) -> u32 {
    let known = |log: u32| name == LOGS[log as usize] || name == format!("recovered-{log}");
    (0..LOGS.len() as u32).find(|log| known(*log)).unwrap_or_else(|| panic!("nobody made a log {name:?}"))
}

fn damage_one(files: &mut BTreeMap<String, Vec<u8>>, script: &mut Script<'_>) {
    let kind = script.byte();
    let names: Vec<String> = files.keys().cloned().collect();
    let Some(name) = names.get(script.below(names.len())) else { return };
    let at = usize::from(script.byte()) << 8 | usize::from(script.byte());
    // Of the same log: what an entry's sum does not know is its log.
    let alike: Vec<&String> =
        names.iter().filter(|other| other.split('-').next() == name.split('-').next()).collect();
    let other = alike[script.below(alike.len())].clone();
    let len = files[name].len();
    let place = if len == 0 { 0 } else { at % len };
    let sector = place / SECTOR * SECTOR;
    let sector = sector..(sector + SECTOR).min(len);
    match kind % 6 {
        0 if len > 0 => files.get_mut(name).unwrap()[place] ^= script.byte().max(1),
        1 => files.get_mut(name).unwrap()[sector].fill(0),
        2 => files.get_mut(name).unwrap().truncate(place),
        3 => drop(files.remove(name)),
        // A sector that was written to the wrong place.
        4 => {
            let copied = files[name][sector].to_vec();
            let target = files.get_mut(&other).unwrap();
            let to = usize::from(script.byte()) * SECTOR % target.len().max(1);
            let end = (to + copied.len()).min(target.len());
            target[to..end].copy_from_slice(&copied[..end - to]);
        }
        // A file under another's name.
        _ => {
            let moved = files.get_mut(name).map(std::mem::take).unwrap_or_default();
            let back = files.insert(other, moved).unwrap_or_default();
            files.insert(name.clone(), back);
        }
    }
}

/// The files of the store, as a crash leaves them: two segments a log, a snapshot, and groups that followed it.
fn store() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut writing = snapshot::Writing::new();
    for (log, name) in (0..).zip(LOGS) {
        let mut segments = VecDeque::new();
        for first in (0..STORED).step_by(SEGMENT as usize) {
            let mut bytes = segment_header(log, first, id(log), name);
            let runs = (first..first + SEGMENT).step_by(RUN as usize);
            runs.for_each(|first| bytes.extend(run(log, first, RUN)));
            let name = SegmentName { log, first, generation: 0 };
            let (len, closed) = (bytes.len() as u64, first + SEGMENT < STORED);
            segments.push_back(Segment { name, end: first + SEGMENT, bytes: len, index: None, closed });
            files.insert(name.to_string(), bytes);
        }
        let state = BTreeMap::from([("end".to_owned(), Bytes::from(STORED.to_string()))]);
        let view = View { stored_end: STORED, generation: 1, segments, state, ..View::default() };
        writing.add(&LogCore::new(log, id(log), name.to_owned(), 0, View::default()), &view);
    }
    files.insert(snapshot::name(GROUP), writing.finish(GROUP, LOGS.len() as u32));
    let mut blocks = Vec::new();
    for (group, first) in (GROUP + 1..).zip((STORED..ALL).step_by(RUN as usize)) {
        let body: Vec<u8> = (0..LOGS.len() as u32).flat_map(|log| frame(log, first)).collect();
        let header = BlockHeader { frames: LOGS.len() as u32, wal: WAL, group, len: body.len() as u32 };
        blocks.extend(header.encode());
        blocks.extend(body);
        blocks.resize(blocks.len().next_multiple_of(BLOCK_ALIGN as usize), 0);
    }
    // Its unused rest.
    blocks.resize(blocks.len() + 2 * BLOCK_ALIGN as usize, 0);
    files.insert(wal::name(WAL), blocks);
    files
}

fn frame(log: u32, first: u64) -> Vec<u8> {
    let mut ops = Vec::new();
    let value = Bytes::from((first + RUN).to_string());
    Op::Set { key: "end".to_owned(), value }.encode(&mut ops);
    let run = run(log, first, RUN);
    let header = FrameHeader {
        log,
        ops_len: ops.len() as u32,
        ops_crc: crc32fast::hash(&ops),
        run_len: run.len() as u32,
        first,
        count: RUN as u32,
    };
    [&header.encode()[..], &ops, &run].concat()
}

fn run(log: u32, first: u64, count: u64) -> Vec<u8> {
    let mut entries = Vec::new();
    (first..first + count).for_each(|position| put_entry(&mut entries, position, &entry(log, position)));
    let header = RunHeader { log, first, count: count as u32, len: entries.len() as u32 };
    [&header.encode()[..], &entries].concat()
}

fn entry(log: u32, position: u64) -> Vec<u8> {
    format!("entry {position} of log {log}").into_bytes()
}
