//! What some bytes are.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::Value;

use crate::{SchemaId, Version};

/// Why something is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARecord {
    /// It is not JSON, or `$id` and `$version` have the wrong types.
    #[error("not a record: {0}; expected a JSON object with a text `$id` and an integer `$version`")]
    Malformed(String),
    /// The JSON value is something else than an object.
    #[error("not a record: expected a JSON object, found {0}")]
    NotAnObject(&'static str),
    /// The object names no schema.
    #[error("not a record: the key `{0}` is missing")]
    Missing(&'static str),
    /// The schema it names is unknown.
    #[error(transparent)]
    UnknownId(#[from] crate::UnknownId),
    /// The schema it names has no such version.
    #[error(transparent)]
    UnknownVersion(#[from] crate::UnknownVersion),
}

/// Of what is wrong: a record may be of any size, and so may its `$version`.
const SHOWN_CHARS: usize = 200;

impl NotARecord {
    /// [`Self::Malformed`], in a text that fits a line.
    pub(crate) fn malformed(what: impl std::fmt::Display) -> Self {
        let mut what = what.to_string();
        if let Some((end, _)) = what.char_indices().nth(SHOWN_CHARS) {
            what.replace_range(end.., "...");
        }
        Self::Malformed(what)
    }
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "$id", borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "$version")]
    version: Option<u64>,
}

/// Which schema and version the record in `bytes` follows.
///
/// What [`crate::encode`], [`crate::convert`] and [`crate::Unnumbered`] write is told by its first
/// bytes alone, and then the rest is not looked at; anything else is parsed as a whole.
///
/// # Errors
/// [`NotARecord`] tells what is missing and what was expected.
pub fn identify(bytes: &[u8]) -> Result<(SchemaId, Version), NotARecord> {
    if let Some(found) = identify_own(bytes) {
        return Ok(found);
    }
    if let Some(other) = not_an_object(bytes) {
        return Err(NotARecord::NotAnObject(other));
    }
    let head: Head<'_> = serde_json::from_slice(bytes).map_err(NotARecord::malformed)?;
    let id = head.id.ok_or(NotARecord::Missing("$id"))?.parse()?;
    let version = head.version.ok_or(NotARecord::Missing("$version"))?;
    Ok((id, version.try_into()?))
}

/// The first bytes of a record as we write it: `{"$id":"ID","$version":N,`.
fn identify_own(bytes: &[u8]) -> Option<(SchemaId, Version)> {
    let rest = bytes.strip_prefix(br#"{"$id":""#)?;
    let end = rest.iter().take(32).position(|byte| *byte == b'"')?;
    let (id, rest) = rest.split_at(end);
    let id = std::str::from_utf8(id).ok()?.parse().ok()?;
    match rest.strip_prefix(br#"","$version":"#)? {
        [b'1', b',' | b'}', ..] => Some((id, Version::V1)),
        [b'2', b',' | b'}', ..] => Some((id, Version::V2)),
        _ => None,
    }
}

/// Names the JSON value that `bytes` begin with, if it is not an object. serde would take a list
/// for a struct given as a list of its fields.
pub(crate) fn not_an_object(bytes: &[u8]) -> Option<&'static str> {
    match bytes.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => Some("a list"),
        Some(b'"') => Some("a text"),
        Some(b't' | b'f') => Some("a truth value"),
        Some(b'n') => Some("null"),
        Some(b'-' | b'0'..=b'9') => Some("a number"),
        _ => None,
    }
}

/// Which schema and version the record `value` follows.
///
/// # Errors
/// As [`identify`].
pub fn identify_value(value: &Value) -> Result<(SchemaId, Version), NotARecord> {
    let record = match value {
        Value::Object(record) => record,
        Value::Array(_) => return Err(NotARecord::NotAnObject("a list")),
        Value::String(_) => return Err(NotARecord::NotAnObject("a text")),
        Value::Bool(_) => return Err(NotARecord::NotAnObject("a truth value")),
        Value::Number(_) => return Err(NotARecord::NotAnObject("a number")),
        Value::Null => return Err(NotARecord::NotAnObject("null")),
    };
    let wrong = |key: &str, value: &Value| NotARecord::malformed(format!("`{key}` is {value}"));
    let id = record.get("$id").ok_or(NotARecord::Missing("$id"))?;
    let id = id.as_str().ok_or_else(|| wrong("$id", id))?.parse()?;
    let version = record.get("$version").ok_or(NotARecord::Missing("$version"))?;
    let version = version.as_u64().ok_or_else(|| wrong("$version", version))?;
    Ok((id, version.try_into()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const FOUND: Result<(SchemaId, Version), NotARecord> = Ok((SchemaId::Track, Version::V2));

    #[test]
    fn keys_are_found_wherever_they_stand() {
        for text in [
            r#"{"$id":"track","$version":2,"x":1}"#,
            r#"{"$id":"track","$version":2}"#,
            r#" { "a": [1, {}], "$version": 2, "$id": "tr\u0061ck" } "#,
        ] {
            assert_eq!(identify(text.as_bytes()), FOUND, "{text}");
            assert_eq!(identify_value(&serde_json::from_str(text).unwrap()), FOUND, "{text}");
        }
    }

    #[test]
    fn what_is_no_record_is_told_why() {
        let message = |text: &str| identify(text.as_bytes()).unwrap_err().to_string();
        assert!(message("[]").contains("found a list"));
        assert!(message("{").contains("not a record: EOF"));
        assert!(message("{}").contains("`$id` is missing"));
        assert!(message(r#"{"$id":"crop"}"#).contains("`$version` is missing"));
        assert!(
            message(r#"{"$id":"event-dwelling","$version":1}"#).contains("expected one of event-area-enter")
        );
        assert!(message(r#"{"$id":"crop","$version":3}"#).contains("version 3: expected 1 or 2"));
        assert!(message(r#"{"$id":"crop","$version":"1"}"#).contains("not a record: invalid type"));
        assert_eq!(
            identify_value(&json!({"$id": 1})).unwrap_err().to_string(),
            "not a record: `$id` is 1; expected a JSON object with a text `$id` and an integer `$version`"
        );
    }
}
