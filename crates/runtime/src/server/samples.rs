//! What the objects and records of an instance look like: the last that its log has, else one made up.

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use watchpost_export::{InstanceInfo, Selection};
use watchpost_schema::{
    SCHEMAS, SchemaId, Version, sample,
    streams::{StreamKind, StreamName, stream_sample},
};

use super::{OperationError, Server};
use crate::{entry::Body, log::InstanceLog};

/// How far back is looked: some minutes of a busy instance, read in some milliseconds.
const LOOK_BACK_ENTRIES: u64 = 2000;
const LOOK_BACK_BYTES: usize = 8 << 20;

/// One of each kind.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"streams": {"zone_stats": {"real": true, "object": {"frame_id": 7}}}, "records": {}}]))]
pub struct Samples {
    /// By stream; those of pictures have none.
    pub streams: BTreeMap<String, Sample>,
    /// By schema id, in version 2.
    pub records: BTreeMap<String, Sample>,
}

/// One object or record.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Sample {
    /// It was seen in this instance's log; else it is made up.
    pub real: bool,
    /// The object itself.
    pub object: Value,
}

impl Server {
    /// One of everything that the instance may export.
    ///
    /// # Errors
    /// No such instance.
    pub async fn samples(&self, instance: &str) -> Result<Samples, OperationError> {
        let log = self.find(instance)?.view().log().clone();
        let last = tokio::task::spawn_blocking(move || last_of_each(&log)).await;
        let (objects, records) = last.map_err(OperationError::failed)?;
        let shown = |seen: Option<&Bytes>, made: Option<Vec<u8>>| {
            let real = seen.and_then(|json| serde_json::from_slice(json).ok());
            let made = || made.and_then(|json| serde_json::from_slice(&json).ok());
            Some(Sample { real: real.is_some(), object: real.or_else(made)? })
        };
        let streams = StreamName::ALL.iter().filter(|stream| stream.kind() == StreamKind::Metadata);
        let streams = streams.filter_map(|stream| {
            let sample = shown(objects.get(stream), stream_sample(*stream, false))?;
            Some((stream.as_str().to_owned(), sample))
        });
        let records = SCHEMAS.iter().filter_map(|schema| {
            let sample = shown(records.get(&schema.id), Some(sample(schema.id, Version::V2)))?;
            Some((schema.id.as_str().to_owned(), sample))
        });
        Ok(Samples { streams: streams.collect(), records: records.collect() })
    }
}

fn last_of_each(log: &InstanceLog) -> (BTreeMap<StreamName, Bytes>, BTreeMap<SchemaId, Bytes>) {
    let (mut objects, mut records) = (BTreeMap::new(), BTreeMap::new());
    let mut next = log.end().saturating_sub(LOOK_BACK_ENTRIES).max(log.store().start());
    while next < log.store().durable_end() {
        let Ok(batch) = log.read(next, 500, LOOK_BACK_BYTES) else { break };
        for (_, entry) in &batch.entries {
            match &entry.body {
                Body::Object(stream, json) => {
                    objects.insert(*stream, json.clone());
                }
                Body::Group(group) => {
                    for record in group {
                        let json = record.json(Version::V2).unwrap_or_else(|| record.stored().clone());
                        records.insert(record.schema, json);
                    }
                }
            }
        }
        if batch.next <= next {
            break;
        }
        next = batch.next;
    }
    (objects, records)
}

/// The last object or record of a selection and its wall clock, Unix ms; one made up where the log has none. Blocks.
pub(super) fn last_like(log: &InstanceLog, selection: &Selection, info: &InstanceInfo) -> (Vec<u8>, i64) {
    let (mut last, mut next) = (None, log.end().saturating_sub(LOOK_BACK_ENTRIES).max(log.store().start()));
    while next < log.store().durable_end() {
        let Ok(batch) = log.read(next, 500, LOOK_BACK_BYTES) else { break };
        for (_, entry) in &batch.entries {
            let json = match (selection, &entry.body) {
                (Selection::Stream(wanted), Body::Object(stream, json)) if stream == wanted => {
                    Some(json.clone())
                }
                // What a group is about stands first.
                (Selection::Records(wanted), Body::Group(group)) => group
                    .iter()
                    .find_map(|record| wanted.get(&record.schema).and_then(|version| record.json(*version))),
                _ => None,
            };
            last = json.map(|json| (json.to_vec(), entry.time_ms)).or(last);
        }
        if batch.next <= next {
            break;
        }
        next = batch.next;
    }
    last.unwrap_or_else(|| {
        let made = super::send_test::sample_of(selection, info.id, &info.name);
        let json = made.map(|(item, _)| item.json.to_vec()).unwrap_or_default();
        (json, jiff::Timestamp::now().as_millisecond())
    })
}
