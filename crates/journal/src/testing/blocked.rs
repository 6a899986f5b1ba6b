//! A disk that cannot be written for a while: said aloud, bounded, and over by itself.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{fake_files::FakeDisk, model::open, tiny};
use crate::{Commit, Error, Health, Journal, ReadLimit, TryAppendError};

const WAIT: Duration = Duration::from_secs(20);

fn entry(n: u64) -> Commit {
    Commit { entries: vec![Bytes::from(format!("entry {n:100}"))], state: vec![] }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < WAIT, "{what} did not come");
        std::thread::yield_now();
    }
}

fn is_blocked(journal: &Journal) -> bool {
    matches!(journal.health(), Health::Blocked { .. })
}

#[test]
fn a_full_disk_pauses_writing_and_loses_nothing() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    let log = journal.log("x").unwrap();
    log.append(entry(0)).unwrap();
    log.wait_durable_blocking(1, WAIT).unwrap();

    disk.set_full(true);
    let mut appended = 1;
    until("refusal", || match log.try_append(entry(appended)) {
        Ok(position) => {
            assert_eq!(position, appended);
            appended += 1;
            false
        }
        Err(TryAppendError::Full(commit)) => {
            assert_eq!(commit, entry(appended));
            is_blocked(&journal)
        }
        Err(TryAppendError::Error(error)) => panic!("{error}"),
    });
    let Health::Blocked { reason, .. } = journal.health() else { panic!() };
    assert!(reason.contains("free space"), "{reason}");
    let durable = log.durable_end();
    assert!(durable < appended, "nothing was held back");
    let read = log.read(0, ReadLimit::default()).unwrap();
    assert_eq!(read.entries[0].data, entry(0).entries[0]);
    assert!(matches!(
        log.wait_durable_blocking(appended, Duration::from_millis(5)),
        Err(Error::TimedOut { timeout_ms: 5 })
    ));

    disk.set_full(false);
    log.wait_durable_blocking(appended, WAIT).unwrap();
    until("writing again", || journal.health() == Health::Writing);
    drop((log, journal));
    let (journal, repairs) = open(&disk);
    assert_eq!(repairs, []);
    let log = journal.log("x").unwrap();
    assert_eq!(log.end(), appended);
    let mut next = 0;
    while next < appended {
        let batch = log.read(next, ReadLimit::default()).unwrap();
        assert_eq!(batch.lost, None);
        for found in batch.entries {
            assert_eq!(found.data, entry(found.position).entries[0]);
        }
        next = batch.next;
    }
}

#[test]
fn too_little_free_space_is_a_full_disk() {
    let disk = FakeDisk::default();
    let options = crate::Options { keep_free_bytes: Some(u64::MAX), ..tiny() };
    let (journal, _) = Journal::open_on(disk.files(), "fake".into(), options, None).unwrap();
    let log = journal.log("x").unwrap();
    log.append(entry(0)).unwrap();
    until("blocking", || is_blocked(&journal));
    let Health::Blocked { reason, .. } = journal.health() else { panic!() };
    assert!(reason.contains("are kept free"), "{reason}");
    assert_eq!(log.durable_end(), 0);
    // Closing must not hang, and tells those who wait.
    journal.close();
    assert!(matches!(log.wait_durable_blocking(1, WAIT), Err(Error::Closed)));
}

#[test]
fn what_a_failed_sync_took_is_written_anew() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    let log = journal.log("x").unwrap();
    let mut end = 0;
    // Whichever sync it hits, of a write-ahead file, a segment or a snapshot.
    for round in 0..60 {
        disk.fail_syncs(round % 4);
        for _ in 0..20 {
            log.append(entry(end)).unwrap();
            end += 1;
        }
        log.wait_durable_blocking(end, WAIT).unwrap();
    }
    disk.crash(7);
    drop((log, journal));
    let (journal, _) = open(&disk);
    let log = journal.log("x").unwrap();
    assert_eq!(log.end(), end);
    let mut next = 0;
    while next < end {
        let batch = log.read(next, ReadLimit::default()).unwrap();
        assert_eq!(batch.lost, None);
        assert_eq!(batch.entries[0].data, entry(next).entries[0]);
        next = batch.next;
    }
}

#[test]
fn what_is_forgotten_while_nothing_can_be_written_makes_room_and_keeps_its_position() {
    let disk = FakeDisk::default();
    let (journal, _) = open(&disk);
    let log = journal.log("x").unwrap();
    log.append(entry(0)).unwrap();
    log.wait_durable_blocking(1, WAIT).unwrap();
    disk.set_full(true);
    let mut end = 1;
    until("blocked", || {
        end += u64::from(log.try_append(entry(end)).is_ok());
        is_blocked(&journal)
    });
    let in_hand = end;
    let change = |n: u64| vec![("n".to_owned(), Some(Bytes::from(n.to_string())))];
    let mut forgotten = in_hand;
    for _ in 0..20 {
        while log.try_append(Commit { state: change(end), ..entry(end) }).is_ok() {
            end += 1;
        }
        let before = log.pressure();
        log.forget_pending(end - 1);
        forgotten = end - 1;
        assert!(log.pressure() < before, "{before}");
    }
    assert!(end > in_hand + 50, "{end}: more than there is room for at once");
    disk.set_full(false);
    log.wait_durable_blocking(end, WAIT).unwrap();
    drop((log, journal));
    let (journal, repairs) = open(&disk);
    assert_eq!(repairs, []);
    let log = journal.log("x").unwrap();
    assert_eq!((log.end(), log.state("n").unwrap()), (end, Bytes::from((end - 1).to_string())));
    let mut next = 0;
    while next < end {
        let batch = log.read(next, ReadLimit::default()).unwrap();
        assert_eq!(batch.lost, None);
        for found in batch.entries {
            let given_up = found.data.is_empty() && (1..forgotten).contains(&found.position);
            assert!(given_up || found.data == entry(found.position).entries[0], "{}", found.position);
        }
        next = batch.next;
    }
}
