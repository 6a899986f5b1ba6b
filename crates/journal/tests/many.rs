//! A thousand logs are cheap; appenders and readers at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use bytes::Bytes;
use watchpost_journal::{Commit, Journal, Options, ReadLimit};

const WAIT: Duration = Duration::from_secs(30);

fn open_descriptors(dir: &std::path::Path) -> usize {
    let open =
        std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|fd| std::fs::read_link(fd.ok()?.path()).ok());
    open.filter(|target| target.starts_with(dir)).count()
}

#[test]
fn a_thousand_logs() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(dir.path(), Options::default()).unwrap();
    let logs: Vec<_> = (0..1000).map(|n| journal.log(&format!("log {n}")).unwrap()).collect();
    for round in 0..5_u64 {
        for (n, log) in logs.iter().enumerate() {
            let entries = vec![Bytes::from(format!("{n}/{round}"))];
            log.append(Commit { entries, state: vec![("cursor".into(), Some(Bytes::from("7")))] }).unwrap();
        }
    }
    for log in &logs {
        log.wait_durable_blocking(5, WAIT).unwrap();
    }
    assert!(open_descriptors(dir.path()) < 100, "{}", open_descriptors(dir.path()));
    drop((logs, journal));
    let begin = Instant::now();
    let (journal, repairs) = Journal::open(dir.path(), Options::default()).unwrap();
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "opening took {took:?}");
    assert_eq!(repairs, []);
    assert_eq!(journal.logs().len(), 1000);
    assert!(open_descriptors(dir.path()) < 10, "{}", open_descriptors(dir.path()));
    for n in 0..1000 {
        let log = journal.log(&format!("log {n}")).unwrap();
        let batch = log.read(4, ReadLimit::default()).unwrap();
        assert_eq!(batch.entries[0].data, format!("{n}/4"));
    }
    assert!(open_descriptors(dir.path()) < 100, "{}", open_descriptors(dir.path()));
}

#[test]
fn appenders_and_readers_at_once() {
    let dir = tempfile::tempdir().unwrap();
    // Everything small, so that reading goes through tail, segments and removal.
    let options = Options {
        tail_bytes: 50_000,
        store_bytes: 5_000,
        segment_bytes: 100_000,
        first_wal_bytes: 128 << 10,
        wal_bytes: 128 << 10,
        pending_bytes: 100_000,
        ..Options::default()
    };
    let (journal, _) = Journal::open(dir.path(), options).unwrap();
    let log = journal.log("x").unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let appenders: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..3_000 {
                        let entries = vec![Bytes::from_static(&[b'a'; 100]); 3];
                        log.append(Commit { entries, state: vec![] }).unwrap();
                    }
                })
            })
            .collect();
        for slow in 0..3_usize {
            let (log, done) = (&log, &done);
            scope.spawn(move || {
                let mut next = 0;
                while next < 18_000 {
                    let limit = ReadLimit { entries: 10 * (slow + 1), bytes: 100_000 };
                    let batch = log.read(next, limit).unwrap();
                    assert_eq!(batch.lost, None);
                    if let Some(entry) = batch.entries.first() {
                        // The trimmed part may be jumped over.
                        assert!(entry.position == next || entry.position >= 3_000);
                        assert_eq!(entry.data.len(), 100);
                    } else if !done.load(Ordering::Relaxed) {
                        let _ = log.wait_durable_blocking(next + 1, Duration::from_millis(100));
                    }
                    next = batch.next;
                }
            });
        }
        scope.spawn(|| {
            log.wait_durable_blocking(9_000, WAIT).unwrap();
            log.trim(3_000).unwrap();
        });
        for appender in appenders {
            appender.join().unwrap();
        }
        log.wait_durable_blocking(18_000, WAIT).unwrap();
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(log.durable_end(), 18_000);
}
