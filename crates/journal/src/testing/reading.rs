//! What must hold of any store that could be opened, whatever its files were.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::{fake_files::FakeDisk, tiny};
use crate::{Commit, Error, Journal, Log, ReadLimit};

const WAIT: Duration = Duration::from_secs(20);
/// Reads of one log, at most: no input holds more entries and holes.
const MOST_READS: usize = 10_000;

/// What a store holds, by log and position.
type Held = BTreeMap<String, BTreeMap<u64, Bytes>>;
/// Its state, by log and key.
type States = BTreeMap<String, BTreeMap<String, Bytes>>;

/// Opens the store on `disk`, reads all of it, writes to it, and opens it again: it ends, it says the same twice, and
/// what is written then is there. Returns what was read, and what state there is.
pub(super) fn use_it(disk: &FakeDisk) -> Option<(Held, States)> {
    let open = || Journal::open_on(disk.files(), "fake".into(), tiny(), None);
    let (journal, repairs) = match open() {
        Ok(opened) => opened,
        Err(Error::Version { .. }) => return None,
        Err(error) => panic!("{error}"),
    };
    for repair in &repairs {
        assert!(repair.to_string().len() < 4096, "{repair}");
    }
    let logs = || journal.logs().into_iter().map(|name| journal.log(&name).unwrap());
    let held: Held = logs().map(|log| (log.name().to_owned(), read_all(&log))).collect();
    let states = logs().map(|log| (log.name().to_owned(), log.states("").into_iter().collect())).collect();
    let mut added = BTreeMap::new();
    for log in logs().chain([journal.log("another").unwrap()]) {
        let entry = Bytes::from_static(b"written afterwards");
        let position = log.append(Commit { entries: vec![entry.clone()], state: vec![] }).unwrap();
        log.wait_durable_blocking(position + 1, WAIT).unwrap();
        assert_eq!(read_all(&log).get(&position), Some(&entry), "{} at {position}", log.name());
        added.insert(log.name().to_owned(), (position, entry));
    }
    let before = journal.logs();
    drop(journal);
    let (journal, _) = open().unwrap();
    assert_eq!(journal.logs(), before);
    for (name, (position, entry)) in added {
        let mut again = read_all(&journal.log(&name).unwrap());
        assert_eq!(again.remove(&position), Some(entry), "{name} at {position}");
        assert_eq!(again, held.get(&name).cloned().unwrap_or_default(), "{name}");
    }
    Some((held, states))
}

/// Every entry, by position; each step of the way gets further.
fn read_all(log: &Log) -> BTreeMap<u64, Bytes> {
    let (mut next, mut held) = (log.start(), BTreeMap::new());
    for _ in 0..MOST_READS {
        if next >= log.durable_end() {
            return held;
        }
        let batch = log.read(next, ReadLimit { entries: 9, bytes: 500 }).unwrap();
        assert!(batch.next > next, "{batch:?} at {next}");
        assert!(batch.lost.is_none_or(|lost| lost.start < lost.end && lost.end == batch.next));
        next = batch.next;
        held.extend(batch.entries.into_iter().map(|entry| (entry.position, entry.data)));
    }
    panic!("{} cannot be read to its end", log.name());
}
