//! A flipped byte anywhere costs at most what it lies in, and is said aloud.

use bytes::Bytes;

use super::{fake_files::FakeDisk, tiny};
use crate::{Commit, Journal, Log, Options, ReadLimit, Repair, format::BLOCK_HEADER};

const WAIT: std::time::Duration = std::time::Duration::from_secs(20);

fn open(disk: &FakeDisk) -> (Journal, Vec<Repair>) {
    let options = Options { segment_bytes: 600, store_bytes: 200, ..tiny() };
    Journal::open_on(disk.files(), "fake".into(), options, None).unwrap()
}

fn data(n: u64) -> Bytes {
    Bytes::from(format!("entry {n} of a small store"))
}

/// 60 entries in several segments of one log, a second log, state in both.
fn fill(journal: &Journal) {
    let logs = [journal.log("first").unwrap(), journal.log("second").unwrap()];
    for n in 0..60 {
        for log in &logs {
            let state = vec![("end".to_owned(), Some(Bytes::from((n + 1).to_string())))];
            log.append(Commit { entries: vec![data(n)], state }).unwrap();
        }
        if n % 4 == 0 {
            logs[1].wait_durable_blocking(n + 1, WAIT).unwrap();
        }
    }
    for log in &logs {
        log.wait_durable_blocking(60, WAIT).unwrap();
    }
}

/// Reads everything; entries must be right, and the rest be said to be lost. Returns how many are.
fn count_lost(log: &Log) -> u64 {
    let (mut next, mut lost) = (log.start(), 0);
    while next < log.durable_end() {
        let batch = log.read(next, ReadLimit { entries: 9, bytes: 500 }).unwrap();
        for (entry, position) in batch.entries.iter().zip(next..) {
            assert_eq!((entry.position, &entry.data), (position, &data(position)));
        }
        let read_to = next + batch.entries.len() as u64;
        if let Some(range) = batch.lost {
            assert_eq!(range.start, read_to);
            lost += range.end - range.start;
            assert_eq!(batch.next, range.end);
        } else {
            assert_eq!(batch.next, read_to);
        }
        assert!(batch.next > next);
        next = batch.next;
    }
    lost
}

#[test]
fn a_flipped_byte_in_a_closed_store() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    fill(&journal);
    drop(journal);
    for (name, bytes) in disk.contents() {
        // The unused rest of a write-ahead file is all alike.
        let used = if name.starts_with("wal-") { bytes.len().min(200) } else { bytes.len() };
        for at in 0..used {
            let copy = disk.copy();
            copy.flip(&name, at);
            let (journal, repairs) = open(&copy);
            assert_eq!(journal.logs(), ["first", "second"]);
            let logs = [journal.log("first").unwrap(), journal.log("second").unwrap()];
            let lost: u64 = logs.iter().map(count_lost).sum();
            // A run holds what was appended between two syncs: here at most four entries, or a few more.
            assert!(lost <= 8, "{name} at {at}: {lost} lost");
            for log in &logs {
                assert_eq!((log.start(), log.end()), (0, 60));
                assert_eq!(log.state("end").unwrap(), "60", "{name} at {at}");
            }
            if name.starts_with("state-") {
                assert!(!repairs.is_empty(), "{name} at {at} went unseen");
                assert_eq!(lost, 0);
            }
        }
    }
}

#[test]
fn a_flipped_byte_in_a_running_store() {
    let disk = FakeDisk::default();
    let options = Options { first_wal_bytes: 256 << 10, wal_bytes: 256 << 10, ..tiny() };
    let (journal, _) = Journal::open_on(disk.files(), "fake".into(), options, None).unwrap();
    fill(&journal);
    let left = disk.copy();
    drop(journal);
    let wal: Vec<_> = left.contents().into_iter().filter(|(name, _)| name.starts_with("wal-")).collect();
    for (name, bytes) in wal {
        let blocks = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        // Blocks are mostly padding. Every seventh byte, as each costs an opening.
        let used = (0..blocks).filter(|at| at % 7 == 0 && (bytes[*at] != 0 || at % 13 == 0));
        for at in used {
            let copy = left.copy();
            copy.flip(&name, at);
            let (journal, repairs) = open(&copy);
            let logs = [journal.log("first").unwrap(), journal.log("second").unwrap()];
            let mut lost = 0;
            for log in &logs {
                lost += count_lost(log) + (60 - log.end());
            }
            assert!(lost <= 20, "{name} at {at}: {lost} lost, {repairs:?}");
            // The newest block without its header is like one that was never written.
            let newest = at >= blocks / 4096 * 4096 && at % 4096 < BLOCK_HEADER;
            assert!(lost == 0 || !repairs.is_empty() || newest, "{name} at {at}");
        }
    }
}

#[test]
fn a_missing_snapshot_is_made_up_for_by_segments() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    fill(&journal);
    let id = journal.log("first").unwrap().id();
    drop(journal);
    for (name, _) in disk.contents() {
        if name.starts_with("state-") {
            disk.erase(&name);
        }
    }
    let (journal, repairs) = open(&disk);
    assert!(matches!(repairs[..], [Repair::Snapshot { .. }]), "{repairs:?}");
    let log = journal.log("first").unwrap();
    assert_eq!(log.id(), id);
    assert_eq!((log.end(), count_lost(&log)), (60, 0));
    assert_eq!(log.append(Commit { entries: vec![data(60)], state: vec![] }).unwrap(), 60);
}

#[test]
fn a_missing_segment_is_a_lost_range() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    fill(&journal);
    drop(journal);
    let segments: Vec<_> = disk
        .contents()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("00000000-"))
        .collect();
    assert!(segments.len() > 1, "{segments:?}");
    disk.erase(&segments[1]);
    let (journal, repairs) = open(&disk);
    assert!(matches!(&repairs[..], [Repair::Lost { log, .. }] if log == "first"), "{repairs:?}");
    let log = journal.log("first").unwrap();
    assert_eq!(log.end(), 60);
    assert!(count_lost(&log) > 0);
}
