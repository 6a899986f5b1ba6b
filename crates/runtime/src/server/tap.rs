//! Records and objects of a running instance, looked at while they come. A tap keeps nobody waiting and nothing
//! in the log; one that is slower than the log is kept loses, and is told how much.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
    time::Duration,
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use watchpost_export::Selection;
use watchpost_journal::Commit;
use watchpost_schema::{SchemaId, Version, streams::StreamName};

use super::{OperationError, Server};
use crate::{
    entry::Body,
    log::InstanceLog,
    wanted::{Guard, Wanted},
};

/// Entries read at once.
const READ_ENTRIES: usize = 256;
const READ_BYTES: usize = 1 << 20;

/// What of an instance is looked at. Everything that is not given lets everything pass.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Filter {
    /// A stream's objects instead of records.
    pub stream: Option<String>,
    /// Schema ids; `event-*` stands for all that begin so.
    pub types: Vec<String>,
    /// Classes of objects.
    pub classes: Vec<String>,
    /// Names of areas and lines.
    pub zones: Vec<String>,
    /// Least confidence, 0 to 1.
    pub min_confidence: Option<f64>,
    /// Records of version 1, as the reference system has them, in place of 2.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub version_1: bool,
}

/// A filter that nothing can pass.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum FilterError {
    /// No such stream.
    #[error("no stream `{stream}`; expected one of {}", names(StreamName::ALL.iter().map(|s| s.as_str())))]
    Stream {
        /// What was given.
        stream: String,
    },
    /// No schema id begins so.
    #[error("no records of type `{id}`; expected one of {}", names(SchemaId::ALL.iter().map(|id| id.as_str())))]
    Type {
        /// What was given.
        id: String,
    },
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

/// Live records or objects of one instance.
pub struct Tap {
    log: InstanceLog,
    selection: Selection,
    filter: Filter,
    next: u64,
    ready: VecDeque<(Place, Tapped)>,
    /// Somebody has seen everything up to here before.
    after: Option<Place>,
    /// While it is held, what the tap selects is logged.
    _wanted: Guard,
}

/// Where in an instance's log something stands: to go on behind it another time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The log entry.
    pub position: u64,
    /// Which of its records.
    pub index: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.position, self.index)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (position, index) = text.split_once('.').ok_or(())?;
        Ok(Self { position: position.parse().map_err(|_| ())?, index: index.parse().map_err(|_| ())? })
    }
}

/// What a [`Tap`] yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tapped {
    /// A record or object: one JSON object.
    Json(Bytes),
    /// So many log entries were gone before they could be looked at.
    Lost(u64),
}

impl Filter {
    pub(super) fn selection(&self) -> Result<Selection, FilterError> {
        if let Some(stream) = &self.stream {
            let known = stream.parse().map_err(|_| FilterError::Stream { stream: stream.clone() })?;
            return Ok(Selection::Stream(known));
        }
        let matches = |pattern: &str, id: &str| match pattern.strip_suffix('*') {
            Some(beginning) => id.starts_with(beginning),
            None => id == pattern,
        };
        if let Some(vain) =
            self.types.iter().find(|t| !SchemaId::ALL.iter().any(|id| matches(t, id.as_str())))
        {
            return Err(FilterError::Type { id: vain.clone() });
        }
        let wanted = SchemaId::ALL.iter().filter(|id| {
            self.types.is_empty() || self.types.iter().any(|pattern| matches(pattern, id.as_str()))
        });
        Ok(Selection::Records(wanted.map(|id| (*id, Version::V2)).collect::<BTreeMap<_, _>>()))
    }

    /// Whether an object passes. What it does not say, it does not pass for.
    fn passes(&self, json: &[u8]) -> bool {
        if self.classes.is_empty() && self.zones.is_empty() && self.min_confidence.is_none() {
            return true;
        }
        let Ok(object) = serde_json::from_slice::<Value>(json) else { return false };
        let is_one_of = |wanted: &[String], values: &[&Value]| {
            wanted.is_empty()
                || values.iter().filter_map(|value| value.as_str()).any(|v| wanted.iter().any(|w| w == v))
        };
        let class = [&object["object_class"], &object["class"], &object["label"]];
        let zone = [
            &object["area"]["name"],
            &object["line"]["name"],
            &object["zone_name"],
            &object["tripwire_name"],
        ];
        let sure =
            self.min_confidence.is_none_or(|least| object["confidence"].as_f64().is_some_and(|c| c >= least));
        is_one_of(&self.classes, &class) && is_one_of(&self.zones, &zone) && sure
    }
}

impl Server {
    /// Looks at what comes from now on.
    ///
    /// # Errors
    /// No such instance, or a filter that nothing can pass.
    pub fn tap(&self, instance: &str, filter: Filter) -> Result<Tap, OperationError> {
        self.tap_after(instance, filter, None)
    }

    /// As [`Server::tap`], from behind `after` on as far as that is still kept.
    ///
    /// # Errors
    /// As [`Server::tap`].
    pub fn tap_after(
        &self,
        instance: &str,
        filter: Filter,
        after: Option<Place>,
    ) -> Result<Tap, OperationError> {
        let selection = filter.selection().map_err(|error| OperationError::invalid(error.to_string()))?;
        let view = self.find(instance)?.view();
        let (log, wanted) = (view.log().clone(), view.wanted());
        let wanted = Wanted::also(&wanted, &selection);
        let end = log.end();
        // A place of another log, or of one that was lost in a crash, is none.
        let after = after.filter(|after| after.position < end);
        let next = after.map_or(end, |after| after.position);
        Ok(Tap { log, selection, filter, next, ready: VecDeque::new(), after, _wanted: wanted })
    }
}

/// State keys of the places of those who come back, by name.
const KEPT: &str = "tap/";

impl Server {
    /// As [`Server::tap`], but from where [`Tap::keep`] was called last under this `name`, if that is less than `lapses`
    /// ago: also by another life of this process.
    ///
    /// # Errors
    /// As [`Server::tap`].
    pub fn tap_again(
        &self,
        instance: &str,
        filter: Filter,
        name: &str,
        lapses: Duration,
    ) -> Result<Tap, OperationError> {
        let tap = self.tap(instance, filter)?;
        let Some((at_ms, place)) =
            tap.log.store().state(&format!("{KEPT}{name}")).and_then(|kept| read(&kept))
        else {
            return Ok(tap);
        };
        let age = Timestamp::now().as_millisecond().saturating_sub(at_ms);
        let is_fresh = u64::try_from(age).is_ok_and(|age| age < lapses.as_millis() as u64);
        // A place beyond the end is of a log that was lost.
        if !is_fresh || place.position > tap.next {
            return Ok(tap);
        }
        let after = place.index.checked_sub(1).map(|index| Place { index, ..place });
        Ok(Tap { next: place.position, after, ..tap })
    }
}

/// When a place was kept, Unix ms, and the first place that was not seen then: three numbers, little-endian.
fn read(kept: &[u8]) -> Option<(i64, Place)> {
    let (at_ms, rest) = kept.split_first_chunk::<8>()?;
    let (position, rest) = rest.split_first_chunk::<8>()?;
    let index = u32::from_le_bytes(rest.try_into().ok()?);
    Some((i64::from_le_bytes(*at_ms), Place { position: u64::from_le_bytes(*position), index }))
}

impl Tap {
    /// Keeps how far this has come, for [`Server::tap_again`]. While the journal cannot be written, nothing is kept.
    pub fn keep(&self, name: &str) {
        let next = self.ready.front().map_or(Place { position: self.next, index: 0 }, |(place, _)| *place);
        let mut kept = Vec::with_capacity(20);
        kept.extend(Timestamp::now().as_millisecond().to_le_bytes());
        kept.extend(next.position.to_le_bytes());
        kept.extend(next.index.to_le_bytes());
        let state = vec![(format!("{KEPT}{name}"), Some(Bytes::from(kept)))];
        if let Err(error) = self.log.store().try_append(Commit { entries: Vec::new(), state }) {
            tracing::debug!("a viewer's place is not kept: {error}");
        }
    }

    /// Waits for the next one; `None` when the instance is deleted or the server ends.
    pub async fn next(&mut self) -> Option<Tapped> {
        self.next_placed().await.map(|(_, tapped)| tapped)
    }

    /// The same with its place.
    pub async fn next_placed(&mut self) -> Option<(Place, Tapped)> {
        loop {
            if let Some(tapped) = self.ready.pop_front() {
                return Some(tapped);
            }
            self.log.wait_past(self.next).await.ok()?;
            let batch = self.log.read(self.next, READ_ENTRIES, READ_BYTES).ok()?;
            if batch.lost > 0 {
                let place = Place { position: batch.next.saturating_sub(1), index: u32::MAX };
                self.ready.push_back((place, Tapped::Lost(batch.lost)));
            }
            for (position, entry) in &batch.entries {
                let placed = (0..).zip(self.select(&entry.body)).map(|(index, json)| {
                    let position = *position;
                    (Place { position, index }, json)
                });
                let new = placed.filter(|(place, _)| self.after.is_none_or(|after| *place > after));
                let passes = new.filter(|(_, json)| self.filter.passes(json));
                self.ready.extend(passes.map(|(place, json)| (place, Tapped::Json(json))));
            }
            self.next = batch.next;
        }
    }

    fn select(&self, body: &Body) -> Vec<Bytes> {
        match (&self.selection, body) {
            (Selection::Stream(wanted), Body::Object(stream, json)) if stream == wanted => vec![json.clone()],
            (Selection::Records(wanted), Body::Group(records)) => {
                let wanted = records.iter().filter(|record| wanted.contains_key(&record.schema));
                // Behind a preprocess command that sees version 1 there is no other.
                let (first, second) = if self.filter.version_1 {
                    (Version::V1, Version::V2)
                } else {
                    (Version::V2, Version::V1)
                };
                wanted.filter_map(|r| r.json(first).or_else(|| r.json(second))).collect()
            }
            _ => Vec::new(),
        }
    }
}
