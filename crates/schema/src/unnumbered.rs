//! A record that somebody else has written: a preprocess command's answer, before it is numbered.

use std::borrow::Cow;

use watchpost_model::Id;

use crate::{
    NotARecord, SchemaId, Stamp, Version,
    convert::{Parts, levels, one_line},
    encode::write,
    identify::not_an_object,
};

/// The keys of a stamp: what the record has under them is overwritten.
const STAMP: [&str; 3] = ["record_id", "log_id", "sequence"];
/// What stands before them.
const FIRST: [&str; 2] = ["$id", "$version"];

/// A record without the three keys of a [`Stamp`], with a place for them right after `$id` and `$version`.
///
/// It is kept as text. Of its values only those are looked at that say what it is, so numbers keep the digits
/// that they were written with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unnumbered {
    schema: SchemaId,
    version: Version,
    time_ms: Option<i64>,
    event_id: Option<Id>,
    /// Its members, compact, without the braces around them.
    members: String,
    /// Where in `members` the stamp goes.
    stamp_at: usize,
}

impl Unnumbered {
    /// Reads one JSON object. Of a key that comes twice the last value stands.
    ///
    /// # Errors
    /// [`NotARecord`] tells what is missing and what was expected.
    pub fn parse(json: &str) -> Result<Self, NotARecord> {
        if let Some(other) = not_an_object(json.as_bytes()) {
            return Err(NotARecord::NotAnObject(other));
        }
        let mut parts = Parts::parse(json.as_bytes()).map_err(NotARecord::malformed)?;
        let mut members: Vec<(Cow<'_, str>, &str)> = parts.rest().collect();
        let find = |key: &str| members.iter().find(|(known, _)| known == key).map(|(_, raw)| *raw);
        let wrong = |key: &str, raw: &str| NotARecord::malformed(format!("`{key}` is {raw}"));
        let id = find(FIRST[0]).ok_or(NotARecord::Missing(FIRST[0]))?;
        let id: String = serde_json::from_str(id).map_err(|_| wrong(FIRST[0], id))?;
        let version = find(FIRST[1]).ok_or(NotARecord::Missing(FIRST[1]))?;
        let version: u64 = version.parse().map_err(|_| wrong(FIRST[1], version))?;
        let (schema, version) = (id.parse::<SchemaId>()?, Version::try_from(version)?);
        let time_ms = find("system_timestamp").and_then(|raw| raw.parse().ok());
        let event_id = find("event_id").filter(|_| schema.is_event());
        let event_id = event_id.and_then(|raw| serde_json::from_str::<String>(raw).ok()?.parse().ok());
        let mut text = Text(Vec::with_capacity(json.len()));
        let mut stamp_at = 0;
        if version.has_stamp() {
            let mut first = members.iter().filter(|(key, _)| FIRST.contains(&&**key));
            first.try_for_each(|(key, raw)| text.put(key, raw))?;
            stamp_at = text.0.len();
            members.retain(|(key, _)| !FIRST.contains(&&**key) && !STAMP.contains(&&**key));
        }
        members.iter().try_for_each(|(key, raw)| text.put(key, raw))?;
        // Put together of text and of what serde_json has written.
        let members = String::from_utf8(text.0).map_err(NotARecord::malformed)?;
        Ok(Self { schema, version, time_ms, event_id, members, stamp_at })
    }

    /// Which schema it follows.
    pub fn schema(&self) -> SchemaId {
        self.schema
    }

    /// In which version.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its `system_timestamp`, Unix ms; `None` where it has none, or no number.
    pub fn time_ms(&self) -> Option<i64> {
        self.time_ms
    }

    /// The `event_id` of an event; `None` where it has none any more, or is no event.
    pub fn event_id(&self) -> Option<Id> {
        self.event_id
    }

    /// Appends the record with `stamp` to `out`, as compact JSON without a line end. Version 1 has no place for
    /// a stamp.
    pub fn write(&self, stamp: &Stamp, out: &mut Vec<u8>) {
        let (first, rest) = self.members.split_at(self.stamp_at);
        out.push(b'{');
        out.extend_from_slice(first.as_bytes());
        if self.version.has_stamp() {
            let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
            for (key, id) in [(STAMP[0], stamp.record_id), (STAMP[1], stamp.log_id)] {
                out.extend_from_slice(b",\"");
                out.extend_from_slice(key.as_bytes());
                out.extend_from_slice(b"\":\"");
                out.extend_from_slice(id.hyphenated().encode_lower(&mut text).as_bytes());
                out.push(b'"');
            }
            out.extend_from_slice(b",\"sequence\":");
            write(&stamp.sequence, out);
        }
        out.extend_from_slice(rest.as_bytes());
        out.push(b'}');
    }
}

/// Members, one after another.
struct Text(Vec<u8>);

impl Text {
    fn put(&mut self, key: &str, raw: &str) -> Result<(), NotARecord> {
        if !self.0.is_empty() {
            self.0.push(b',');
        }
        write(key, &mut self.0);
        self.0.push(b':');
        self.0.extend_from_slice(one_line(raw).as_bytes());
        let levels = levels(raw);
        if levels > MAX_LEVELS {
            let what = format!(
                "`{key}` is nested {levels} levels deep, and at most {MAX_LEVELS} can be read by all"
            );
            return Err(NotARecord::malformed(what));
        }
        Ok(())
    }
}

/// Levels of nesting in one value of a record. serde_json reads 128 in all, and a record may stand in a list in an object.
const MAX_LEVELS: usize = 100;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::{sample, samples::STAMP as GIVEN};

    fn written(json: &str) -> String {
        let mut out = Vec::new();
        Unnumbered::parse(json).unwrap().write(&GIVEN, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn our_own_records_come_out_as_they_went_in() {
        for id in SchemaId::ALL {
            for version in id.versions() {
                let record = String::from_utf8(sample(id, version)).unwrap();
                assert_eq!(written(&record), record);
                let read = Unnumbered::parse(&record).unwrap();
                let time = serde_json::from_str::<Value>(&record).unwrap()["system_timestamp"].as_i64();
                assert_eq!((read.schema(), read.version(), read.time_ms()), (id, version, time));
            }
        }
    }

    #[test]
    fn what_python_writes_becomes_compact_and_numbers_keep_their_digits() {
        let python = r#"{"$id": "track", "x": {"a": [1, 2.50], "b c": " d "}, "sequence": 3, "$version": 2, "y": 0.10, "y": 1e400}"#;
        let stamped = written(python);
        let stamp = r#","record_id":"0192f3a4-b5c6-47d8-89ea-0b1c2d3e4f50","log_id":"7d6c5b4a-3928-4716-a5b4-c3d2e1f09f8e","sequence":1042"#;
        assert_eq!(
            stamped,
            format!(r#"{{"$id":"track","$version":2{stamp},"x":{{"a":[1,2.50],"b c":" d "}},"y":1e400}}"#)
        );
        assert_eq!(
            written(r#"{"sequence":3,"$version":1,"$id":"track"}"#),
            r#"{"sequence":3,"$version":1,"$id":"track"}"#
        );
    }

    #[test]
    fn a_record_of_very_many_keys_is_read_at_once_and_each_key_stands_once() {
        let keys = (0..200_000).map(|n| format!(r#","k{}":{n}"#, n % 100_000));
        let written = written(&format!(r#"{{"$id":"track","$version":1{}}}"#, keys.collect::<String>()));
        let read: serde_json::Map<String, Value> = serde_json::from_str(&written).unwrap();
        assert_eq!((read.len(), &read["k7"]), (100_002, &Value::from(100_007)));
        assert_eq!(written.matches(r#""k7":"#).count(), 1);
    }

    #[test]
    fn what_not_everybody_can_read_is_no_record() {
        let nested = |levels: usize| {
            format!(r#"{{"$id":"track","$version":2,"x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels))
        };
        assert!(Unnumbered::parse(&nested(MAX_LEVELS)).is_ok());
        let error = Unnumbered::parse(&nested(MAX_LEVELS + 1)).unwrap_err().to_string();
        assert!(error.contains("`x` is nested 101 levels deep"), "{error}");
    }

    #[test]
    fn what_is_no_record_is_said() {
        for (json, said) in [
            ("[]", "not a record: expected a JSON object, found a list"),
            ("{}", "not a record: the key `$id` is missing"),
            (r#"{"$id":"track"}"#, "not a record: the key `$version` is missing"),
            (r#"{"$id":5,"$version":2}"#, "`$id` is 5"),
            (r#"{"$id":"track","$version":"2"}"#, "`$version` is \"2\""),
            (r#"{"$id":"track","$version":2"#, "not a record: EOF while parsing an object"),
        ] {
            let error = Unnumbered::parse(json).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
