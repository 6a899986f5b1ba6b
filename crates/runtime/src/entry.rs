//! What one entry of an instance's log is.
//!
//! The journal stores bytes and does not care; this is their layout (integers little endian):
//!
//! ```text
//! u8 kind      1 = group, 2 = stream object
//! i64 time_ms  the wall clock it speaks of, Unix ms
//! group:       per record: u8 n, n bytes schema id; u8 version; u32 m, m bytes JSON
//! object:      u8 n, n bytes stream name; the rest is JSON
//! ```
//!
//! A record is stored in the one version it was made in, and written straight to where it is stored. The
//! other version is made when the first receiver asks for it and then shared by all, so N receivers of a
//! version cost one serialisation.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use thiserror::Error;
use watchpost_schema::{SchemaId, Version, streams::StreamName};

const GROUP: u8 = 1;
const OBJECT: u8 = 2;

/// One entry of an instance's log, as read: the JSON in it is where the journal has it.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The wall clock it speaks of, Unix ms.
    pub time_ms: i64,
    pub body: Body,
}

#[derive(Debug)]
pub(crate) enum Body {
    /// Records that travel together, in order. Never empty.
    Group(Vec<Stored>),
    /// One object of a stream.
    Object(StreamName, Bytes),
}

/// One record in the version it was made in.
#[derive(Debug)]
pub(crate) struct Stored {
    pub schema: SchemaId,
    pub version: Version,
    json: Bytes,
    /// The other version, once somebody has asked; `None` inside: it cannot be made.
    converted: OnceLock<Option<Bytes>>,
}

/// How often a record was turned into another version, for the proof that receivers share the result.
pub(crate) static CONVERSIONS: AtomicU64 = AtomicU64::new(0);

impl Stored {
    fn new(schema: SchemaId, version: Version, json: Bytes) -> Self {
        Self { schema, version, json, converted: OnceLock::new() }
    }

    /// Bytes of its JSON, as stored.
    pub fn len(&self) -> usize {
        self.json.len()
    }

    /// Its JSON as it is stored.
    pub fn stored(&self) -> &Bytes {
        &self.json
    }

    /// Its JSON in `version`; `None` if it is stored in one that cannot be turned into that.
    pub fn json(&self, version: Version) -> Option<Bytes> {
        if version == self.version {
            return Some(self.json.clone());
        }
        self.converted
            .get_or_init(|| {
                CONVERSIONS.fetch_add(1, Ordering::Relaxed);
                watchpost_schema::convert(&self.json, self.version, version).map(Bytes::from).ok()
            })
            .clone()
    }
}

/// An entry as it is appended.
#[derive(Clone, Debug)]
pub(crate) struct Encoded(pub Bytes);

impl Encoded {
    /// One object of a stream, which `write` writes as JSON; `None` if it says that there is none.
    pub fn object(
        time_ms: i64,
        stream: StreamName,
        write: impl FnOnce(&mut Vec<u8>) -> bool,
    ) -> Option<Self> {
        let mut out = begin(OBJECT, time_ms);
        put_name(&mut out, stream.as_str());
        write(&mut out).then(|| Self(out.into()))
    }
}

/// Writes a group, record by record.
pub(crate) struct GroupWriter {
    time_ms: i64,
    out: Vec<u8>,
}

impl GroupWriter {
    pub fn new(time_ms: i64) -> Self {
        Self { time_ms, out: Vec::new() }
    }

    /// Adds a record, which `write` writes as JSON.
    pub fn record(&mut self, schema: SchemaId, version: Version, write: impl FnOnce(&mut Vec<u8>)) {
        if self.out.is_empty() {
            self.out = begin(GROUP, self.time_ms);
        }
        let out = &mut self.out;
        put_name(out, schema.as_str());
        out.push(version.number());
        let length_at = out.len();
        out.extend_from_slice(&[0; 4]);
        write(out);
        let length = (out.len() - length_at - 4) as u32;
        out[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The entry; `None` without a record.
    pub fn finish(self) -> Option<Encoded> {
        (!self.out.is_empty()).then(|| Encoded(self.out.into()))
    }
}

/// Room for a record or object of the usual size; a larger one costs copying.
const USUAL_BYTES: usize = 1024;

fn begin(kind: u8, time_ms: i64) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    out.push(kind);
    out.extend_from_slice(&time_ms.to_le_bytes());
    out
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    // Names are from closed sets, all far shorter than 255 bytes.
    out.push(name.len() as u8);
    out.extend_from_slice(name.as_bytes());
}

/// Bytes that are no entry: written by a newer Watchpost, or by something else.
#[derive(Debug, Error)]
#[error("log entry at position {position}: {what}")]
pub(crate) struct Unreadable {
    position: u64,
    what: &'static str,
}

impl Entry {
    /// Reads an entry without copying its JSON.
    pub fn decode(position: u64, data: &Bytes) -> Result<Self, Unreadable> {
        let bad = |what| Unreadable { position, what };
        let mut rest = Cursor { data, at: 0 };
        let kind = rest.u8().ok_or(bad("is empty"))?;
        let time_ms =
            rest.take(8).and_then(|b| b.try_into().ok()).map(i64::from_le_bytes).ok_or(bad("is cut off"))?;
        let body = match kind {
            GROUP if rest.at == data.len() => return Err(bad("has no record")),
            GROUP => {
                let mut records = Vec::with_capacity(2);
                while rest.at < data.len() {
                    records.push(
                        rest.record().ok_or(bad("has a record that is cut off or of an unknown schema"))?,
                    );
                }
                Body::Group(records)
            }
            OBJECT => {
                let stream =
                    rest.name().and_then(|n| n.parse().ok()).ok_or(bad("is of an unknown stream"))?;
                Body::Object(stream, data.slice(rest.at..))
            }
            _ => return Err(bad("is of an unknown kind")),
        };
        Ok(Self { time_ms, body })
    }
}

struct Cursor<'a> {
    data: &'a Bytes,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let piece = self.data.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        Some(piece)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|b| b[0])
    }

    fn name(&mut self) -> Option<&'a str> {
        let length = self.u8()?;
        std::str::from_utf8(self.take(length.into())?).ok()
    }

    fn record(&mut self) -> Option<Stored> {
        let schema = self.name()?.parse().ok()?;
        let version = Version::try_from(u64::from(self.u8()?)).ok()?;
        let length = self.take(4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes)? as usize;
        let start = self.at;
        self.take(length)?;
        Some(Stored::new(schema, version, self.data.slice(start..start + length)))
    }
}

#[cfg(test)]
#[path = "../tests/corpus/entry.rs"]
mod check;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What goes in: the time, and records or an object.
    type Given = (i64, Result<Vec<(SchemaId, Version, Vec<u8>)>, (StreamName, Vec<u8>)>);

    fn given() -> impl Strategy<Value = Given> {
        let json = || prop::collection::vec(any::<u8>(), 0..200);
        let version = prop_oneof![Just(Version::V1), Just(Version::V2)];
        let record = (prop::sample::select(SchemaId::ALL.to_vec()), version, json());
        let group = prop::collection::vec(record, 1..5).prop_map(Ok);
        let object = (prop::sample::select(StreamName::ALL.to_vec()), json()).prop_map(Err);
        (any::<i64>(), prop_oneof![group, object])
    }

    fn encode((time_ms, given): &Given) -> Bytes {
        match given {
            Ok(records) => {
                let mut group = GroupWriter::new(*time_ms);
                for (schema, version, json) in records {
                    group.record(*schema, *version, |out| out.extend_from_slice(json));
                }
                group.finish().unwrap().0
            }
            Err((stream, json)) => {
                let write = |out: &mut Vec<u8>| {
                    out.extend_from_slice(json);
                    true
                };
                Encoded::object(*time_ms, *stream, write).unwrap().0
            }
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(given in given()) {
            let entry = Entry::decode(0, &encode(&given)).unwrap();
            let body = match &entry.body {
                Body::Group(records) => {
                    Ok(records.iter().map(|r| (r.schema, r.version, r.json.to_vec())).collect())
                }
                Body::Object(stream, json) => Err((*stream, json.to_vec())),
            };
            prop_assert_eq!((entry.time_ms, body), given);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Entry::decode(0, &Bytes::from(bytes));
        }

        #[test]
        fn a_cut_or_changed_entry_never_panics(given in given(), cut in 0usize..400, change in any::<(usize, u8)>()) {
            let mut bytes = encode(&given).to_vec();
            let at = change.0 % bytes.len();
            bytes[at] = change.1;
            bytes.truncate(cut);
            let _ = Entry::decode(0, &Bytes::from(bytes));
        }
    }

    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("entry", check::check);
    }

    #[test]
    fn nothing_is_no_entry() {
        assert!(GroupWriter::new(0).finish().is_none());
        assert!(Encoded::object(0, StreamName::Tracks, |_| false).is_none());
    }

    #[test]
    fn many_receivers_of_a_version_cost_one_conversion() {
        let sample = br#"{"$id":"diagnostics","$version":2,"severity":"info","title":"t","message":"m"}"#;
        let stored = Stored::new(SchemaId::Diagnostics, Version::V2, Bytes::from_static(sample));
        let before = CONVERSIONS.load(Ordering::Relaxed);
        let of_one: Vec<_> = (0..50).map(|_| stored.json(Version::V1).unwrap()).collect();
        assert!(of_one.iter().all(|json| json.as_ptr() == of_one[0].as_ptr()), "all share the bytes");
        let of_two: Vec<_> = (0..50).map(|_| stored.json(Version::V2).unwrap()).collect();
        assert!(of_two.iter().all(|json| json.as_ptr() == sample.as_ptr()));
        assert_eq!(CONVERSIONS.load(Ordering::Relaxed) - before, 1);
    }
}
