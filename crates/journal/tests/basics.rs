//! Appending, reading, state, trimming, deleting, the lock, and that reopening finds it all again.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use bytes::Bytes;
use watchpost_journal::{Commit, Entry, Error, Health, Journal, Log, Options, ReadLimit};

const WAIT: Duration = Duration::from_secs(20);

fn commit(entries: &[&str]) -> Commit {
    Commit {
        entries: entries.iter().map(|text| Bytes::copy_from_slice(text.as_bytes())).collect(),
        state: vec![],
    }
}

fn numbered(range: std::ops::Range<u64>) -> Commit {
    Commit { entries: range.map(|n| Bytes::from(format!("entry number {n}"))).collect(), state: vec![] }
}

/// Everything from `from` on; panics where something is lost.
fn read_all(log: &Log, mut from: u64) -> Vec<Entry> {
    let mut found = Vec::new();
    loop {
        let batch = log.read(from, ReadLimit { entries: 100, bytes: 10_000 }).unwrap();
        assert_eq!(batch.lost, None);
        if batch.entries.is_empty() {
            return found;
        }
        from = batch.next;
        found.extend(batch.entries);
    }
}

fn assert_numbered(entries: &[Entry], range: std::ops::Range<u64>) {
    assert_eq!(entries.len() as u64, range.end - range.start);
    for (entry, n) in entries.iter().zip(range) {
        assert_eq!(entry.position, n);
        assert_eq!(entry.data, Bytes::from(format!("entry number {n}")));
    }
}

#[test]
fn entries_and_state_are_found_again() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, repairs) = Journal::open(dir.path(), Options::default()).unwrap();
    assert!(repairs.is_empty());
    let log = journal.log("door camera").unwrap();
    let id = log.id();
    assert_eq!(log.append(commit(&["a", "b"])).unwrap(), 0);
    let change = Commit {
        entries: vec![Bytes::from_static(b"c")],
        state: vec![("cursor/x".into(), Some(Bytes::from_static(b"2"))), ("none".into(), None)],
    };
    assert_eq!(log.append(change).unwrap(), 2);
    log.wait_durable_blocking(3, WAIT).unwrap();
    assert_eq!(log.durable_end(), 3);
    assert_eq!(log.end(), 3);
    let data: Vec<_> = read_all(&log, 0).into_iter().map(|entry| entry.data).collect();
    assert_eq!(data, [&b"a"[..], b"b", b"c"]);
    assert_eq!(read_all(&log, 2).len(), 1);
    assert_eq!(log.state("cursor/x").unwrap(), "2");
    assert_eq!(journal.health(), Health::Writing);
    drop((log, journal));

    let (journal, repairs) = Journal::open(dir.path(), Options::default()).unwrap();
    assert_eq!(repairs, []);
    assert_eq!(journal.logs(), ["door camera"]);
    let log = journal.log("door camera").unwrap();
    assert_eq!(log.id(), id);
    assert_eq!((log.start(), log.end(), log.durable_end()), (0, 3, 3));
    assert_eq!(read_all(&log, 0).len(), 3);
    assert_eq!(log.states("cursor/"), [("cursor/x".to_owned(), Bytes::from_static(b"2"))]);
    assert_eq!(log.append(commit(&["d"])).unwrap(), 3);
}

#[test]
fn old_entries_come_from_segments_and_trimming_frees_them() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options {
        tail_bytes: 10_000,
        store_bytes: 1_000,
        segment_bytes: 20_000,
        first_wal_bytes: 64 << 10,
        wal_bytes: 64 << 10,
        ..Options::default()
    };
    let (journal, _) = Journal::open(dir.path(), small.clone()).unwrap();
    let log = journal.log("x").unwrap();
    for n in 0..200 {
        log.append(numbered(n * 50..(n + 1) * 50)).unwrap();
        if n % 5 == 0 {
            log.wait_durable_blocking(n * 50, WAIT).unwrap();
        }
    }
    log.wait_durable_blocking(10_000, WAIT).unwrap();
    assert_numbered(&read_all(&log, 0), 0..10_000);
    assert_numbered(&read_all(&log, 4_321), 4_321..10_000);
    let bytes = log.bytes();
    assert!(bytes > 200_000, "{bytes}");

    log.trim(5_000).unwrap();
    assert_eq!(log.start(), 5_000);
    assert_numbered(&read_all(&log, 0), 5_000..10_000);
    assert!(log.bytes() < bytes * 6 / 10);
    log.append(numbered(10_000..10_001)).unwrap();
    log.wait_durable_blocking(10_001, WAIT).unwrap();
    let on_disk = || -> u64 {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap());
        let segments = files.filter(|file| file.file_name().to_string_lossy().starts_with("0000"));
        segments.map(|file| file.metadata().unwrap().len()).sum()
    };
    journal.close();
    assert!(on_disk() < bytes * 7 / 10, "{} of {bytes}", on_disk());
    drop((log, journal));

    let (journal, repairs) = Journal::open(dir.path(), small).unwrap();
    assert_eq!(repairs, []);
    let log = journal.log("x").unwrap();
    assert_eq!(log.start(), 5_000);
    assert_numbered(&read_all(&log, 0), 5_000..10_001);
}

#[test]
fn a_second_opener_is_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    match Journal::open(dir.path(), Options::default()) {
        Err(Error::Locked { holder, .. }) => assert_eq!(holder, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
    drop(journal);
    Journal::open(dir.path(), Options::default()).unwrap();
}

#[test]
fn a_deleted_log_is_gone_and_its_name_free() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    let log = journal.log("x").unwrap();
    let id = log.id();
    log.append(commit(&["a"])).unwrap();
    journal.delete("x").unwrap();
    assert!(matches!(log.append(commit(&["b"])), Err(Error::Deleted(_))));
    assert!(matches!(journal.delete("x"), Err(Error::Unknown(_))));
    let again = journal.log("x").unwrap();
    assert_ne!(again.id(), id);
    assert_eq!(again.append(commit(&["c"])).unwrap(), 0);
    drop((log, again, journal));
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    assert_eq!(read_all(&journal.log("x").unwrap(), 0)[0].data, "c");
}

#[test]
fn a_closed_store_answers_closed() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    let log = journal.log("x").unwrap();
    log.append(commit(&["a"])).unwrap();
    journal.close();
    assert_eq!(log.durable_end(), 1);
    assert!(matches!(log.append(commit(&["b"])), Err(Error::Closed)));
    assert!(matches!(log.wait_durable_blocking(2, WAIT), Err(Error::Closed)));
    assert_eq!(read_all(&log, 0).len(), 1);
}

#[tokio::test]
async fn async_readers_follow_an_appender() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    let log = journal.log("x").unwrap();
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut next = 0;
                while next < 20_000 {
                    log.wait_past(next).await.unwrap();
                    let batch = log.read(next, ReadLimit::default()).unwrap();
                    assert_numbered(&batch.entries, next..batch.next);
                    next = batch.next;
                }
            })
        })
        .collect();
    for n in 0..200 {
        log.append(numbered(n * 100..(n + 1) * 100)).unwrap();
        tokio::task::yield_now().await;
    }
    for reader in readers {
        tokio::time::timeout(WAIT, reader).await.unwrap().unwrap();
    }
}
