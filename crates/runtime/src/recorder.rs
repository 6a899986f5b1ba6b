//! The last step before the log: gives each record its number and identity and appends it.
//!
//! Everything of an instance that ends in its log passes here, so numbers have no gaps: a record that
//! got one is in the log, in the same write as the number that follows it.

use std::sync::{Arc, atomic::AtomicU64};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use thiserror::Error;
use uuid::Uuid;
use watchpost_export::InstanceInfo;
use watchpost_journal as journal;
use watchpost_model::{Group, Id};
use watchpost_schema::{self as schema, Context, SchemaId, Stamp, Unnumbered, Version};

use crate::{
    entry::{Encoded, GroupWriter},
    ids::Ids,
    latest::event,
    log::{InstanceLog, StateChange},
    status::add,
    wanted::Wanted,
};

/// The state key of the next record's number.
const SEQUENCE: &str = "sequence";

/// Numbers records and appends them to one instance's log.
pub(crate) struct Recorder {
    log: InstanceLog,
    instance_id: Id,
    instance_name: RwLock<String>,
    /// The version records are stored in: 2, unless a preprocess command sees version 1.
    version: Version,
    wanted: Arc<Wanted>,
    /// Held from taking a number to appending, so that numbers rise with positions.
    numbers: Mutex<Numbers>,
    pub counts: RecorderCounts,
}

#[derive(Debug, Default)]
pub(crate) struct RecorderCounts {
    pub records: AtomicU64,
    pub objects: AtomicU64,
    /// How often a record was written as JSON, for the proof that it is once, whoever wants it.
    pub written: AtomicU64,
}

/// What kept records out of the log.
#[derive(Debug, Error)]
pub(crate) enum RecordError {
    #[error("writing the log: {0}")]
    Journal(#[from] journal::Error),
}

/// The number that the next record of a log gets.
pub(crate) fn next_sequence(log: &InstanceLog) -> u64 {
    let kept = log.store().state(SEQUENCE);
    kept.and_then(|number| number.as_ref().try_into().ok()).map_or(0, u64::from_le_bytes)
}

impl Recorder {
    pub fn new(log: InstanceLog, instance: &InstanceInfo, version: Version, wanted: Arc<Wanted>) -> Self {
        let numbers = Numbers { log_id: log.id(), next: next_sequence(&log), ids: Ids::default() };
        Self {
            log,
            instance_id: instance.id,
            instance_name: RwLock::new(instance.name.clone()),
            version,
            wanted,
            numbers: Mutex::new(numbers),
            counts: RecorderCounts::default(),
        }
    }

    pub fn log(&self) -> &InstanceLog {
        &self.log
    }

    /// Appends what somebody selected of `groups`, and `objects`, and `state` in the same write.
    pub fn record(
        &self,
        groups: &[&Group],
        objects: Vec<Encoded>,
        state: Vec<StateChange>,
    ) -> Result<(), RecordError> {
        let name = self.instance_name.read();
        let context = Context { instance_id: self.instance_id, instance_name: &name };
        let _counted = self.append(state, objects.len() as u64, |numbers| {
            let mut entries = Vec::with_capacity(groups.len() + objects.len());
            for group in groups {
                let mut entry = GroupWriter::new(group.at.timestamp.0);
                for record in &group.records {
                    let id = SchemaId::of(record);
                    if !self.wanted.record(id) {
                        continue;
                    }
                    let stamp = numbers.next();
                    entry.record(id, self.version, |out| {
                        add(&self.counts.written, 1);
                        schema::encode(self.version, record, &group.at, &context, Some(&stamp), out);
                    });
                }
                let Some(entry) = entry.finish() else { continue };
                if let Some(event) = group.records.iter().find_map(event) {
                    self.log.latest().enters(event.id, self.log.end() + entries.len() as u64);
                }
                entries.push(entry);
            }
            entries.extend(objects);
            entries
        })?;
        Ok(())
    }

    /// The version records are stored in.
    pub fn version(&self) -> Version {
        self.version
    }

    /// As [`Self::record`], for groups that have passed the preprocess command. False if there was no room:
    /// neither they nor `state` are in the log.
    pub fn record_rewritten(
        &self,
        groups: Vec<Vec<Unnumbered>>,
        state: Vec<StateChange>,
    ) -> Result<bool, RecordError> {
        let mut events = Vec::new();
        let appended = self.append(state, 0, |numbers| {
            let mut entries = Vec::with_capacity(groups.len());
            for group in &groups {
                let wanted = || group.iter().filter(|record| self.wanted.record(record.schema()));
                let time_ms = wanted().filter_map(Unnumbered::time_ms).next_back();
                let mut entry = GroupWriter::new(time_ms.unwrap_or_default());
                for record in wanted() {
                    let stamp = numbers.next();
                    entry.record(record.schema(), self.version, |out| record.write(&stamp, out));
                }
                let Some(entry) = entry.finish() else { continue };
                if let Some(event) = wanted().find_map(Unnumbered::event_id) {
                    self.log.latest().enters(event, self.log.end() + entries.len() as u64);
                    events.push(event);
                }
                entries.push(entry);
            }
            entries
        })?;
        if appended {
            events.into_iter().for_each(|event| self.log.latest().preprocessed(event));
        }
        Ok(appended)
    }

    /// The records of `groups` as the preprocess command sees them: not numbered yet, one message a
    /// group.
    pub fn messages(&self, groups: &[&Group]) -> Vec<Bytes> {
        let name = self.instance_name.read();
        let context = Context { instance_id: self.instance_id, instance_name: &name };
        groups
            .iter()
            .map(|group| {
                let list = group.records.len() > 1;
                let mut message = Vec::with_capacity(512 * group.records.len());
                for (index, record) in group.records.iter().enumerate() {
                    if list {
                        message.push(if index == 0 { b'[' } else { b',' });
                    }
                    schema::encode(self.version, record, &group.at, &context, None, &mut message);
                }
                if list {
                    message.push(b']');
                }
                message.into()
            })
            .collect()
    }

    fn append(
        &self,
        mut state: Vec<StateChange>,
        objects: u64,
        build: impl FnOnce(&mut Numbers) -> Vec<Encoded>,
    ) -> Result<bool, RecordError> {
        let mut numbers = self.numbers.lock();
        let first = numbers.next;
        let entries = build(&mut numbers);
        if entries.is_empty() && state.is_empty() {
            return Ok(true);
        }
        if numbers.next > first {
            state.push((SEQUENCE.to_owned(), Some(Bytes::copy_from_slice(&numbers.next.to_le_bytes()))));
        }
        // Nobody else appends entries: what is told of events above is where they will be.
        let end = self.log.end();
        let appended = self.log.append(entries, state).map(|position| position.is_some());
        if !matches!(appended, Ok(true)) {
            self.log.latest().did_not_enter(end);
        }
        let records = numbers.next - first;
        match appended {
            Ok(true) => {
                add(&self.counts.records, records);
                add(&self.counts.objects, objects);
            }
            // Their numbers go to those that follow: a gap would look like a loss behind the log.
            _ => numbers.next = first,
        }
        if let Ok(false) = appended {
            self.log.entrance().lose(records + objects);
        }
        Ok(appended?)
    }
}

/// Gives out numbers; they count only once the entries are appended.
struct Numbers {
    log_id: Uuid,
    next: u64,
    ids: Ids,
}

impl Numbers {
    fn next(&mut self) -> Stamp {
        let sequence = self.next;
        self.next += 1;
        Stamp { record_id: self.ids.next(), log_id: self.log_id, sequence }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::{BTreeMap, HashSet},
        time::Duration,
    };

    use serde_json::Value;
    use watchpost_export::Selection;
    use watchpost_journal::{Journal, Options};
    use watchpost_model::{Diagnostics, Instant, Record, Severity, StreamTime, Timestamp};

    use super::*;

    fn recorder(journal: &Journal, ids: &[SchemaId]) -> Recorder {
        let wanted = Arc::new(Wanted::default());
        let ids: BTreeMap<_, _> = ids.iter().map(|id| (*id, Version::V2)).collect();
        wanted.set([&Selection::Records(ids)]);
        let info =
            InstanceInfo { id: Id::nil(), name: "Gate".into(), time_zone: "UTC".into(), lossless: true };
        Recorder::new(InstanceLog::new(journal.log("log").unwrap()), &info, Version::V2, wanted)
    }

    fn group() -> Group {
        let record = || {
            Record::Diagnostics(Diagnostics {
                severity: Severity::Info,
                title: "t".into(),
                message: "m".into(),
            })
        };
        let at = Instant { frame_id: 1, time: StreamTime::default(), timestamp: Timestamp(7), size: None };
        Group { at, records: vec![record(), record()] }
    }

    fn records(log: &InstanceLog) -> Vec<Value> {
        assert!(log.sync(Duration::from_secs(20)));
        let mut records = Vec::new();
        let mut from = 0;
        while from < log.end() {
            let batch = log.read(from, 1000, 1 << 20).unwrap();
            assert_eq!(batch.lost, 0);
            for (_, entry) in &batch.entries {
                let crate::entry::Body::Group(group) = &entry.body else { panic!("a group") };
                let json = group.iter().map(|record| record.json(Version::V2).unwrap());
                records.extend(json.map(|json| serde_json::from_slice::<Value>(&json).unwrap()));
            }
            from = batch.next;
        }
        records
    }

    #[test]
    fn numbers_have_no_gap_over_restarts_and_every_record_its_own_id() {
        let dir = tempfile::tempdir().unwrap();
        for run in 0..3 {
            let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
            let recorder = recorder(&journal, &[SchemaId::Diagnostics]);
            for _ in 0..5 {
                recorder.record(&[&group()], vec![], vec![]).unwrap();
            }
            let records = records(recorder.log());
            let sequences: Vec<_> = records.iter().map(|r| r["sequence"].as_u64().unwrap()).collect();
            assert_eq!(sequences, (0..(run + 1) * 10).collect::<Vec<_>>());
            let ids: HashSet<_> = records.iter().map(|r| r["record_id"].to_string()).collect();
            assert_eq!(ids.len(), records.len());
            let logs: HashSet<_> = records.iter().map(|r| r["log_id"].to_string()).collect();
            assert_eq!(logs.len(), 1);
            journal.close();
        }
    }

    #[test]
    fn all_receivers_share_one_entry_and_so_one_serialisation() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
        let recorder = recorder(&journal, &[SchemaId::Diagnostics]);
        recorder.record(&[&group()], vec![], vec![]).unwrap();
        assert!(recorder.log().sync(Duration::from_secs(20)));
        let read = || recorder.log().read(0, 10, 1 << 20).unwrap().entries.remove(0).1;
        assert!(Arc::ptr_eq(&read(), &read()));
    }

    #[test]
    fn only_what_somebody_selected_is_logged_and_numbered() {
        let dir = tempfile::tempdir().unwrap();
        let (journal, _) = Journal::open(&dir.path().join("journal"), Options::default()).unwrap();
        let recorder = recorder(&journal, &[SchemaId::EventIntrusion]);
        recorder.record(&[&group()], vec![], vec![]).unwrap();
        assert_eq!(recorder.log().end(), 0);
        assert_eq!(recorder.numbers.lock().next, 0);
    }
}
