//! What a preprocess command has written: one line, one group.

use serde_json::{Map, Value};
use watchpost_schema::{self as schema, Version};

use crate::recorder::Rewritten;

/// How much of a refused line is shown.
const SAMPLE_CHARS: usize = 200;

/// Reads one line: a list of records or one record, in JSON. Nothing, or `[]`, is no group at all.
///
/// # Errors
/// Says what is wrong and what was expected, with the beginning of the line.
pub(super) fn parse(line: &[u8], version: Version, validate: bool) -> Result<Vec<Rewritten>, String> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Ok(Vec::new());
    }
    let refuse = |what: String| format!("{what}; the line begins: {}", sample(line));
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| refuse(format!("the preprocess command wrote a line that is not JSON ({error})")))?;
    let records = match value {
        Value::Array(records) => records,
        record @ Value::Object(_) => vec![record],
        _ => {
            return Err(refuse(
                "the preprocess command wrote JSON that is neither a record nor a list of them".into(),
            ));
        }
    };
    records
        .into_iter()
        .enumerate()
        .map(|(index, record)| match record {
            Value::Object(fields) => {
                check(fields, version, validate).map_err(|what| format!("record {index}: {what}"))
            }
            _ => Err(format!("record {index} of the list is not a JSON object")),
        })
        .collect::<Result<_, _>>()
        .map_err(refuse)
}

fn check(fields: Map<String, Value>, version: Version, validate: bool) -> Result<Rewritten, String> {
    let value = Value::Object(fields);
    let (id, found) = schema::identify_value(&value).map_err(|error| error.to_string())?;
    if found != version {
        return Err(format!(
            "`{id}` of version {}, but the command was given version {} (`preprocess_version`)",
            found.number(),
            version.number()
        ));
    }
    if validate && let Some(violation) = schema::validate(&value).first() {
        return Err(format!("`{id}` against its schema: {}: {}", violation.path, violation.message));
    }
    match value {
        Value::Object(fields) => Ok(Rewritten { schema: id, fields }),
        _ => Err("not a JSON object".into()),
    }
}

fn sample(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut sample: String =
        text.chars().take(SAMPLE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if sample.len() < text.len() {
        sample.push('…');
    }
    sample
}
