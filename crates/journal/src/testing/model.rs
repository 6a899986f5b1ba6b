//! Random use of a store on a disk that crashes, fills up and fails, against an oracle that knows
//! every commit: what was acknowledged is there, in order and intact; commits are whole; nothing
//! is invented.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::{fake_files::FakeDisk, tiny};
use crate::{Commit, Journal, Log, ReadLimit, Repair};

const WAIT: Duration = Duration::from_secs(20);
const LOGS: usize = 3;

pub(super) fn open(disk: &FakeDisk) -> (Journal, Vec<Repair>) {
    Journal::open_on(disk.files(), PathBuf::from("fake"), tiny(), None).unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    /// Entries of these sizes, in one commit with a state change.
    Append {
        log: usize,
        sizes: Vec<usize>,
    },
    Durable,
    Read {
        log: usize,
        from: u64,
    },
    Trim {
        log: usize,
        tenths: u64,
    },
    Delete {
        log: usize,
    },
    FailSyncs(u32),
    Full {
        appends: usize,
    },
    Reopen,
    Crash(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop::collection::vec(prop_oneof![8 => 0..120usize, 1 => 400..900usize], 0..6);
    prop_oneof![
        24 => (0..LOGS, sizes).prop_map(|(log, sizes)| Step::Append { log, sizes }),
        6 => Just(Step::Durable),
        6 => (0..LOGS, 0..200u64).prop_map(|(log, from)| Step::Read { log, from }),
        2 => (0..LOGS, 0..11u64).prop_map(|(log, tenths)| Step::Trim { log, tenths }),
        1 => (0..LOGS).prop_map(|log| Step::Delete { log }),
        2 => (1..4u32).prop_map(Step::FailSyncs),
        1 => (1..8usize).prop_map(|appends| Step::Full { appends }),
        1 => Just(Step::Reopen),
        4 => any::<u64>().prop_map(Step::Crash),
    ]
}

/// What a log must hold.
#[derive(Default)]
struct Expected {
    entries: Vec<Bytes>,
    /// The end after each commit: a log may end nowhere else.
    boundaries: Vec<u64>,
    acknowledged: u64,
    trimmed: u64,
}

struct Model {
    disk: FakeDisk,
    journal: Option<Journal>,
    logs: Vec<Log>,
    expected: Vec<Expected>,
    /// Deletions that may not have reached the disk: the log of before, with what it held.
    deleted: BTreeMap<usize, (Uuid, Expected)>,
    made: u64,
}

impl Model {
    fn new() -> Self {
        let disk = FakeDisk::default();
        let mut model =
            Model { disk, journal: None, logs: vec![], expected: vec![], deleted: BTreeMap::new(), made: 0 };
        model.expected.resize_with(LOGS, Expected::default);
        model.open();
        model
    }

    fn open(&mut self) {
        let (journal, repairs) = open(&self.disk);
        let torn = |repair: &Repair| matches!(repair, Repair::TornTail { .. });
        assert!(repairs.iter().all(torn), "{repairs:?}");
        self.logs = (0..LOGS).map(|n| journal.log(&format!("log {n}")).unwrap()).collect();
        self.journal = Some(journal);
    }

    fn append(&mut self, log: usize, sizes: &[usize]) {
        let expected = &mut self.expected[log];
        let mut entries = Vec::new();
        for size in sizes {
            self.made += 1;
            let mut data = self.made.to_le_bytes().to_vec();
            data.resize(8 + size, self.made as u8);
            entries.push(Bytes::from(data));
        }
        let first = expected.entries.len() as u64;
        expected.entries.extend(entries.iter().cloned());
        let end = expected.entries.len() as u64;
        expected.boundaries.push(end);
        let state = vec![("end".to_owned(), Some(Bytes::copy_from_slice(&end.to_le_bytes())))];
        assert_eq!(self.logs[log].append(Commit { entries, state }).unwrap(), first);
    }

    fn durable(&mut self) {
        // A log made anew is not durable before the deletion of the one of its name.
        for log in self.deleted.keys().copied().collect::<Vec<_>>() {
            self.append(log, &[1]);
        }
        for (log, expected) in self.logs.iter().zip(&self.expected) {
            log.wait_durable_blocking(expected.entries.len() as u64, WAIT).unwrap();
        }
        self.note_acknowledged();
        self.deleted.clear();
    }

    fn note_acknowledged(&mut self) {
        for (log, expected) in self.logs.iter().zip(&mut self.expected) {
            expected.acknowledged = log.durable_end();
        }
    }

    fn check_read(&self, log: usize, mut from: u64) {
        let (log, expected) = (&self.logs[log], &self.expected[log]);
        let end = log.durable_end();
        from = from.max(log.start());
        while from < end {
            let batch = log.read(from, ReadLimit { entries: 7, bytes: 600 }).unwrap();
            assert_eq!(batch.lost, None);
            assert!(!batch.entries.is_empty());
            assert_eq!(batch.entries[0].position, from);
            for entry in &batch.entries {
                assert_eq!(entry.data, expected.entries[entry.position as usize]);
            }
            from = batch.next;
        }
    }

    /// What is there after opening again is what must be.
    fn check_recovered(&mut self, clean: bool) {
        for n in 0..LOGS {
            let log = &self.logs[n];
            let end = log.end();
            let state = log.state("end").map_or(0, |s| u64::from_le_bytes(s[..].try_into().unwrap()));
            if let Some((id, old)) = self.deleted.remove(&n)
                && log.id() == id
            {
                assert_eq!(self.expected[n].acknowledged, 0, "log {n} came back in place of a durable one");
                self.expected[n] = old;
            }
            let expected = &mut self.expected[n];
            assert_eq!(state, end, "state and entries of log {n} are not of the same commit");
            assert!(end >= expected.acknowledged, "log {n}: {end} of {} acknowledged", expected.acknowledged);
            assert!(end == 0 || expected.boundaries.contains(&end), "log {n}: end {end} inside a commit");
            assert!(log.start() <= expected.trimmed.min(end), "log {n}");
            assert!(!clean || end == expected.entries.len() as u64);
            expected.entries.truncate(end as usize);
            expected.boundaries.retain(|boundary| *boundary <= end);
            expected.acknowledged = end;
            self.check_read(n, 0);
        }
        self.deleted.clear();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Append { log, sizes } => self.append(log, &sizes),
            Step::Durable => self.durable(),
            Step::Read { log, from } => self.check_read(log, from),
            Step::Trim { log, tenths } => {
                let before = self.logs[log].durable_end() * tenths / 10;
                self.logs[log].trim(before).unwrap();
                self.expected[log].trimmed = self.expected[log].trimmed.max(before);
            }
            Step::Delete { log } => {
                if self.deleted.contains_key(&log) {
                    self.durable();
                }
                self.note_acknowledged();
                let name = format!("log {log}");
                let id = self.logs[log].id();
                let journal = self.journal.as_ref().unwrap();
                journal.delete(&name).unwrap();
                self.logs[log] = journal.log(&name).unwrap();
                let old = std::mem::take(&mut self.expected[log]);
                self.deleted.insert(log, (id, old));
            }
            Step::FailSyncs(count) => self.disk.fail_syncs(count),
            Step::Full { appends } => {
                self.disk.set_full(true);
                for n in 0..appends {
                    let entries = vec![Bytes::from(vec![b'f'; 300])];
                    let log = n % LOGS;
                    let end = self.expected[log].entries.len() as u64 + 1;
                    let state = vec![("end".to_owned(), Some(Bytes::copy_from_slice(&end.to_le_bytes())))];
                    match self.logs[log].try_append(Commit { entries: entries.clone(), state }) {
                        Ok(_) => {
                            self.expected[log].entries.extend(entries);
                            self.expected[log].boundaries.push(end);
                        }
                        Err(crate::TryAppendError::Full(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                self.disk.set_full(false);
            }
            Step::Reopen => {
                self.disk.fail_syncs(0);
                self.logs.clear();
                self.journal = None;
                self.open();
                self.deleted.clear();
                self.check_recovered(true);
            }
            Step::Crash(seed) => {
                self.note_acknowledged();
                self.disk.crash(seed);
                self.logs.clear();
                self.journal = None;
                self.open();
                self.check_recovered(false);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_acknowledged_is_kept(steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new();
        for step in steps {
            model.step(step);
        }
        model.step(Step::Durable);
        model.step(Step::Reopen);
    }
}
