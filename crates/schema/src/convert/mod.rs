//! One version into the other.
//!
//! A conversion works on the record's text: it takes the record apart into keys and untouched
//! values, follows the rules of its schema (`records/<family>/mod.rs`), and puts it together
//! again. So a number keeps its digits, and the work is a fraction of parsing into values.

mod parts;
mod rule;
mod text;
pub(crate) mod value;

use std::borrow::Cow;

use crate::{NotARecord, SchemaId, UnknownVersion, Version, identify, records, table};

pub(crate) use parts::Parts;
pub(crate) use rule::Rule;
pub(crate) use text::{levels, one_line};

use rule::Output;

/// Why a record could not be converted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// It is no record.
    #[error(transparent)]
    NotARecord(#[from] NotARecord),
    /// It is of another version than the caller said.
    #[error("the record is {id}:{found}, but {id}:{expected} was to be converted")]
    OtherVersion {
        /// The record's schema.
        id: SchemaId,
        /// The version it is of.
        found: Version,
        /// The version it should have been of.
        expected: Version,
    },
}

impl From<UnknownVersion> for ConvertError {
    fn from(error: UnknownVersion) -> Self {
        Self::NotARecord(error.into())
    }
}

/// The record in `bytes`, of version `from`, in version `to`, as one line of compact JSON.
///
/// - Keys that the schema does not know are kept, sorted in (version 1) or after the known ones
///   (version 2); of two keys of the same name, the schema's own stays.
/// - A missing key stays missing, a value of an unexpected type passes as it is: a record that a
///   preprocess command has changed is never refused here.
/// - 2 → 1 drops what version 1 has no place for: `record_id`, `log_id`, `sequence`,
///   `instance_name`, `frame_id`, `frame_width`, `frame_height`, `timestamp`, the `confidence` of
///   events and attributes, and the `ref_event_id` of an end. `frame_time` loses its fraction.
/// - 1 → 2 cannot know them again, so its result lacks keys that the schema of version 2
///   requires; `timestamp` is made from `system_timestamp`, or from `system_datetime` (then in
///   whole seconds). The value of an attribute becomes typed only where it is `"true"` or
///   `"false"`.
///
/// # Errors
/// If `bytes` are no record, or one of another version than `from`.
pub fn convert(bytes: &[u8], from: Version, to: Version) -> Result<Vec<u8>, ConvertError> {
    let (id, found) = identify(bytes)?;
    if found != from {
        return Err(ConvertError::OtherVersion { id, found, expected: from });
    }
    let mut parts = Parts::parse(bytes).map_err(NotARecord::malformed)?;
    // Untouched values keep the white space in them, and one record must be one line.
    let text = if bytes.iter().any(|byte| *byte < b' ') {
        std::str::from_utf8(bytes).map_or(Cow::Borrowed(""), one_line)
    } else {
        Cow::Borrowed("")
    };
    if !text.is_empty() {
        parts = Parts::parse(text.as_bytes()).map_err(NotARecord::malformed)?;
    }
    let mut output = Output::with_capacity(parts.len() + 4);
    if from == to {
        output.rest(&mut parts);
    } else {
        for rule in std::iter::once(records::header::HEADER).chain(table::rules(id).iter().copied()).flatten()
        {
            rule.apply(to, &mut parts, &mut output);
        }
        output.rest(&mut parts);
        if to == Version::V1 {
            output.sort();
        }
    }
    Ok(output.write(bytes.len()))
}
