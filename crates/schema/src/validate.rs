//! Whether a record follows its schema.

use std::sync::OnceLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::{SchemaId, Version, identify_value, json_schema};

/// What is wrong with a record, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", if .path.is_empty() { String::new() } else { format!("{path}: ") })]
pub struct Violation {
    /// JSON pointer (RFC 6901) of the wrong value; empty: the record itself.
    pub path: String,
    /// What was expected.
    pub message: String,
}

/// A record of many wrong values says the same again and again.
const VIOLATIONS_MAX: usize = 100;

/// Checks `record` against the schema that its `$id` and `$version` name. Empty: it follows it.
/// At most the first 100 violations are listed.
///
/// Added keys are always allowed. A record without a known `$id` and `$version` has one violation,
/// at its root.
pub fn validate(record: &Value) -> Vec<Violation> {
    let validator = match identify_value(record) {
        Ok((id, version)) => validator(id, version),
        Err(error) => return vec![Violation { path: String::new(), message: error.to_string() }],
    };
    let Some(validator) = validator else {
        let message = "its schema cannot be compiled: this is a fault of Watchpost".to_owned();
        return vec![Violation { path: String::new(), message }];
    };
    let errors = validator.iter_errors(record).take(VIOLATIONS_MAX);
    errors
        .map(|error| Violation { path: error.instance_path().to_string(), message: shown(words(&error)) })
        .collect()
}

/// As the validator says it, but with every valid choice: it names only the first.
fn words(error: &ValidationError<'_>) -> String {
    let ValidationErrorKind::Enum { options } = error.kind() else { return error.to_string() };
    let choices: Vec<_> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
    let value: String = error.instance().to_string().chars().take(100).collect();
    format!("{value} is not one of {}", choices.join(", "))
}

/// What is wrong shows the value itself, which may be a picture.
fn shown(mut message: String) -> String {
    /// Every list of valid values fits.
    const SHOWN_CHARS: usize = 700;
    if let Some((end, _)) = message.char_indices().nth(SHOWN_CHARS) {
        message.replace_range(end.., "...");
    }
    message
}

/// Compiled at first use, then kept.
fn validator(id: SchemaId, version: Version) -> Option<&'static Validator> {
    static COMPILED: [[OnceLock<Option<Validator>>; Version::ALL.len()]; SchemaId::ALL.len()] =
        [const { [const { OnceLock::new() }; Version::ALL.len()] }; SchemaId::ALL.len()];
    let place = COMPILED.get(id as usize)?.get(usize::from(version.number()) - 1)?;
    place.get_or_init(|| jsonschema::validator_for(&json_schema(id, version)).ok()).as_ref()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sample;

    fn valid(id: SchemaId, version: Version) -> Value {
        serde_json::from_slice(&sample(id, version)).unwrap()
    }

    #[test]
    fn every_sample_is_valid() {
        for id in SchemaId::ALL {
            for version in id.versions() {
                assert_eq!(validate(&valid(id, version)), [], "{id}:{version}");
            }
        }
    }

    #[test]
    fn violations_name_the_place() {
        let mut record = valid(SchemaId::EventIntrusion, Version::V2);
        record["location"]["x"] = json!(1.5);
        record["object_class"] = json!("Dog");
        record["added"] = json!(null);
        let violations = validate(&record);
        let paths: Vec<&str> = violations.iter().map(|violation| violation.path.as_str()).collect();
        assert_eq!(paths, ["/object_class", "/location/x"], "{violations:?}");
        let said = r#""Dog" is not one of "Person", "Vehicle", "Animal", "Face", "Unknown""#;
        assert_eq!(violations[0].message, said);
    }

    #[test]
    fn a_missing_key_is_a_violation() {
        for version in SchemaId::Attribute.versions() {
            let mut record = valid(SchemaId::Attribute, version);
            record.as_object_mut().unwrap().shift_remove("name");
            assert!(validate(&record)[0].message.contains("\"name\" is a required property"));
        }
        assert_eq!(validate(&json!([])).len(), 1);
    }
}
