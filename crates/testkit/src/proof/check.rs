//! The oracle.
//!
//! A record's `sequence` has no gaps within a log, so whatever entered the log is known to the last record:
//! the file has each number once and in order, the exporters each at least once and in order. What was to
//! enter it is known, behind a preprocess command, from the stream of events, which does not pass the command.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    path::Path,
};

use serde_json::Value;

use super::{Preprocess, Rig, Target, WINDOW};

/// Messages that a child which only reads, or a preprocess command, may have in hand.
const READ_WINDOW: u64 = 4096;
/// What may have been acknowledged past the cursor on disk.
const AHEAD: u64 = 8192;

/// Figures of a proof that held.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    /// Records that entered the log.
    pub records: u64,
    /// Kills of each kind.
    pub kills: BTreeMap<String, usize>,
    /// Records that the acknowledging exporter got again, all in all and at most at one kill.
    pub keeper_doubles: (u64, u64),
    /// The same of the exporter that only reads.
    pub reader_doubles: (u64, u64),
    /// Events that the preprocess command had read when it was killed, without acknowledge.
    pub filter_lost: u64,
    /// Events that entered the log twice, since Watchpost was killed between command and log.
    pub filter_doubles: u64,
}

impl Figures {
    /// How often `target` was killed.
    pub fn killed(&self, target: Target) -> usize {
        self.kills.get(&format!("{target:?}")).copied().unwrap_or(0)
    }

    /// Sums, and the larger of what is a most.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        for (target, count) in &other.kills {
            *self.kills.entry(target.clone()).or_default() += count;
        }
        let both = |a: &mut (u64, u64), b: (u64, u64)| *a = (a.0 + b.0, a.1.max(b.1));
        both(&mut self.keeper_doubles, other.keeper_doubles);
        both(&mut self.reader_doubles, other.reader_doubles);
        self.filter_lost += other.filter_lost;
        self.filter_doubles += other.filter_doubles;
    }
}

/// A record as it arrived somewhere.
struct Arrived {
    sequence: u64,
    text: String,
}

pub(super) fn all(rig: &Rig) -> Figures {
    let dir = rig.sandbox.data();
    let file = lines(&dir.join("exports/events.jsonl"));
    let numbers: Vec<_> = file.iter().map(|record| record.sequence).collect();
    let expected: Vec<_> = (0..file.len() as u64).collect();
    assert_eq!(numbers, expected, "the file has every number once, in order");

    let keeper_doubles = arrived("Keeper", &lines(&dir.join("exporters/Keeper/seen.jsonl")), &file);
    let reader_doubles = arrived("Reader", &read_lines(&dir.join("exporters/Reader")), &file);
    assert!(keeper_doubles.1 <= WINDOW + AHEAD, "Keeper: {keeper_doubles:?} doubles");
    assert!(reader_doubles.1 <= READ_WINDOW + AHEAD, "Reader: {reader_doubles:?} doubles");

    let values: Vec<Value> = file.iter().map(|record| serde_json::from_str(&record.text).unwrap()).collect();
    every_start_has_one_end(&values, rig.preprocess);
    let (filter_lost, filter_doubles) = behind_the_filter(rig, &values);
    let mut kills = BTreeMap::new();
    for kill in &rig.kills {
        *kills.entry(format!("{kill:?}")).or_default() += 1;
    }
    Figures { records: file.len() as u64, kills, keeper_doubles, reader_doubles, filter_lost, filter_doubles }
}

/// Each record of `file` has come to `name`, the first time in order, and intact. Returns how many came again,
/// and how many at most in one go.
fn arrived(name: &str, seen: &[Arrived], file: &[Arrived]) -> (u64, u64) {
    let mut next = 0;
    let (mut doubles, mut most) = (0, 0);
    for (place, record) in seen.iter().enumerate() {
        let original = file.get(record.sequence as usize).map(|original| &original.text);
        assert_eq!(Some(&record.text), original, "{name}: record {} is another", record.sequence);
        if place > 0 && record.sequence != seen[place - 1].sequence + 1 {
            assert!(record.sequence <= next, "{name}: {next} to {} are missing", record.sequence);
            most = most.max(next - record.sequence);
        }
        if record.sequence < next {
            doubles += 1;
        } else {
            next = record.sequence + 1;
        }
    }
    assert_eq!(next, file.len() as u64, "{name}: the last are missing");
    (doubles, most)
}

/// Returns how many events were lost and how many came twice.
fn behind_the_filter(rig: &Rig, file: &[Value]) -> (u64, u64) {
    if rig.preprocess == Preprocess::None {
        return (0, 0);
    }
    let mut came: HashMap<&str, u64> = HashMap::new();
    for event in file {
        *came.entry(event["event_id"].as_str().unwrap()).or_default() += 1;
    }
    let stream = values(&rig.sandbox.export("stream.jsonl"));
    let emitted: Vec<(u64, &str)> = stream
        .iter()
        .flat_map(|object| object["events"].as_array().unwrap())
        .map(|event| (event["frame_id"].as_u64().unwrap(), event["id"].as_str().unwrap()))
        .collect();
    assert!(emitted.len() > 50, "only {} events: this proves nothing", emitted.len());
    // Inbox and log are two logs. Of the last frames before a kill one may have been written without the other.
    let last_of_life: HashSet<u64> = rig
        .lives
        .iter()
        .filter_map(|end| emitted.iter().map(|(frame, _)| *frame).filter(|frame| frame < end).max())
        .collect();
    let read: HashSet<String> = read_values(&rig.sandbox.path().join("filter"))
        .iter()
        .flat_map(|message| message.as_array().cloned().unwrap_or_else(|| vec![message.clone()]))
        .filter_map(|record| record["event_id"].as_str().map(str::to_owned))
        .collect();
    let mut lost = 0;
    for (frame, id) in emitted.iter().filter(|(_, id)| !came.contains_key(*id)) {
        if last_of_life.contains(frame) {
            continue;
        }
        assert!(rig.preprocess == Preprocess::Read, "event {id} of frame {frame} is lost, with acknowledge");
        assert!(read.contains(*id), "event {id} of frame {frame} is lost, and nobody had read it");
        lost += 1;
    }
    let doubles = came.values().map(|count| count - 1).sum();
    let deaths = rig.lives.len() as u64;
    assert!(doubles <= deaths * READ_WINDOW, "{doubles} events twice, of {deaths} kills");
    if rig.preprocess == Preprocess::Acknowledge {
        assert_eq!(doubles, 0, "an answer enters the log in the same write as the message leaves the inbox");
    }
    (lost, doubles)
}

/// Exactly one, through all crashes. Only a preprocess command that does not acknowledge may lose a start or an end, or
/// let one through twice: then it is the same.
fn every_start_has_one_end(records: &[Value], preprocess: Preprocess) {
    let of = |id: &'static str| records.iter().filter(move |record| record["$id"] == id);
    let text = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
    let mut ends: HashMap<String, HashSet<String>> = HashMap::new();
    for end in of("event-intrusion-end") {
        ends.entry(text(end, "ref_event_id")).or_default().insert(text(end, "event_id"));
    }
    for (start, ends) in &ends {
        assert_eq!(ends.len(), 1, "{start} has ended {} times", ends.len());
    }
    let starts: HashSet<String> = of("event-intrusion").map(|start| text(start, "event_id")).collect();
    assert!(!starts.is_empty());
    if preprocess != Preprocess::Read {
        let ended: HashSet<String> = ends.into_keys().collect();
        assert_eq!(starts, ended, "starts, and what has ended");
        assert_eq!(of("event-intrusion").count(), starts.len(), "a start twice");
        assert_eq!(of("event-intrusion-end").count(), starts.len(), "an end twice");
    }
}

fn lines(path: &Path) -> Vec<Arrived> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    // A line that a kill cut off does not parse, and was sent again.
    text.lines().filter_map(|line| Arrived::of(line.as_bytes())).collect()
}

fn values(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What lives of `read.py` have read wholly.
fn read_lines(folder: &Path) -> Vec<Arrived> {
    read(folder, b'\n').iter().filter_map(|message| Arrived::of(message)).collect()
}

fn read_values(folder: &Path) -> Vec<Value> {
    read(folder, 0).iter().map(|message| serde_json::from_slice(message).unwrap()).collect()
}

fn read(folder: &Path, end: u8) -> Vec<Vec<u8>> {
    let mut logs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("reads-")))
        .collect();
    logs.sort();
    let mut messages = Vec::new();
    for log in logs {
        let bytes = std::fs::read(log).unwrap();
        let whole = bytes.iter().rposition(|byte| *byte == end).map_or(0, |end| end + 1);
        let parts = bytes[..whole].split(|byte| *byte == end).filter(|part| !part.is_empty());
        messages.extend(parts.map(<[u8]>::to_vec));
    }
    messages
}

impl Arrived {
    fn of(line: &[u8]) -> Option<Self> {
        let value: Value = serde_json::from_slice(line).ok()?;
        let sequence = value["sequence"].as_u64().unwrap_or_else(|| panic!("no sequence: {value}"));
        Some(Self { sequence, text: String::from_utf8(line.to_vec()).ok()? })
    }
}
