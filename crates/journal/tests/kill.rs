//! A real process that appends is killed at random moments; what it had called durable is there.
#![allow(
    clippy::disallowed_methods,
    reason = "the killed process is this test again, told so by its environment"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use bytes::Bytes;
use watchpost_journal::{Commit, Journal, Options, ReadLimit, Repair};

const KILLS: u64 = 20;

/// Set for the process that appends: the folder.
const DIR: &str = "WATCHPOST_JOURNAL_KILL_TEST_DIR";

/// This test program again, as the process that appends.
fn appender(dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "appends_until_it_is_killed", "--nocapture"]).env(DIR, dir);
    command
}

/// Not a test of its own: appends numbered entries, and says on STDOUT what is durable.
#[test]
fn appends_until_it_is_killed() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let options = Options {
        segment_bytes: 256 << 10,
        first_wal_bytes: 256 << 10,
        wal_bytes: 1 << 20,
        ..Options::default()
    };
    let (journal, _) = Journal::open(Path::new(&dir), options).unwrap();
    let logs: Vec<_> = (0..3).map(|n| journal.log(&format!("log {n}")).unwrap()).collect();
    for round in 0_u64.. {
        let mut ends = Vec::new();
        for (n, log) in logs.iter().enumerate() {
            let first = log.end();
            let count = 1 + (round * 7 + n as u64) % 40;
            // Every entry can be made again from log and position.
            let entries = (first..first + count)
                .map(|at| Bytes::from(format!("{n} {at} ").repeat(at as usize % 20 + 1)));
            let end = first + count;
            let state = vec![("end".to_owned(), Some(Bytes::from(end.to_string())))];
            log.append(Commit { entries: entries.collect(), state }).unwrap();
            ends.push(end);
            if round.is_multiple_of(50) {
                log.trim(end / 2).unwrap();
            }
        }
        if round.is_multiple_of(3) {
            for (log, end) in logs.iter().zip(&ends) {
                log.wait_durable_blocking(*end, Duration::from_secs(60)).unwrap();
            }
            let text: Vec<_> = ends.iter().map(u64::to_string).collect();
            let mut out = std::io::stdout().lock();
            writeln!(out, "{}", text.join(" ")).unwrap();
            out.flush().unwrap();
        }
    }
}

#[test]
fn what_was_durable_survives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let mut lasting = [0; 3];
    for kill in 0..KILLS {
        let mut child = appender(dir.path()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Varied without a generator: the moments are random enough by themselves.
        let life = Duration::from_millis(20 + (kill * 37) % 150);
        let mut begun = None;
        let mut killed = false;
        for line in lines {
            // What it had told before it died counts to the last line, read after the kill too.
            let Ok(line) = line else { break };
            let ends: Vec<u64> = line.split(' ').filter_map(|end| end.parse().ok()).collect();
            if let Ok(ends) = ends.try_into() {
                lasting = ends;
            }
            if !killed && begun.get_or_insert_with(Instant::now).elapsed() > life {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();

        let (journal, repairs) = Journal::open(dir.path(), Options::default()).unwrap();
        assert!(repairs.iter().all(|repair| matches!(repair, Repair::TornTail { .. })), "{repairs:?}");
        for (n, durable) in lasting.iter().enumerate() {
            let log = journal.log(&format!("log {n}")).unwrap();
            assert!(
                log.end() >= *durable,
                "kill {kill}: log {n} ends at {}, durable was {durable}",
                log.end()
            );
            assert_eq!(log.state("end").unwrap(), log.end().to_string(), "entries and state of one commit");
            let mut next = log.start();
            while next < log.end() {
                let batch = log.read(next, ReadLimit::default()).unwrap();
                assert_eq!(batch.lost, None);
                for (entry, at) in batch.entries.iter().zip(next..) {
                    assert_eq!(entry.position, at);
                    assert_eq!(entry.data, format!("{n} {at} ").repeat(at as usize % 20 + 1));
                }
                next = batch.next;
            }
        }
    }
    assert!(lasting[0] > 1000, "the appender got nowhere: {lasting:?}");
}
