//! What a preprocess command has written: one line, one group.

use serde::de::IgnoredAny;
use serde_json::{Value, value::RawValue};
use watchpost_schema::{self as schema, NotARecord, Unnumbered, Version};

/// How much of a refused line is shown.
const SAMPLE_CHARS: usize = 200;
/// How much is said of what is wrong with it: the list of all schemas fits.
const WHAT_CHARS: usize = 1000;

/// Reads one line: a list of records or one record, in JSON. Nothing, or `[]`, is no group at all.
///
/// # Errors
/// Says what is wrong and what was expected, with the beginning of the line.
pub(super) fn parse(line: &[u8], version: Version, validate: bool) -> Result<Vec<Unnumbered>, String> {
    let line = line.trim_ascii();
    let records = match line.first() {
        None => return Ok(Vec::new()),
        Some(b'[') => list(line),
        _ => one(line),
    };
    let records = records.map_err(|what| refuse(what, line))?;
    let read =
        |(index, record): (usize, &str)| check(record, version, validate).map_err(|what| (index, what));
    records.into_iter().enumerate().map(read).collect::<Result<_, _>>().map_err(|(index, what)| {
        // What a record lacks is said of it; of a line that is no JSON at all nothing else can be said.
        refuse(not_json(line).unwrap_or_else(|| format!("record {index}: {what}")), line)
    })
}

fn list(line: &[u8]) -> Result<Vec<&str>, String> {
    let records: Vec<&RawValue> = serde_json::from_slice(line).map_err(|error| no_json(&error))?;
    let records = records.into_iter().map(RawValue::get).enumerate();
    let object = |(index, record): (usize, _)| match record {
        record if str::starts_with(record, '{') => Ok(record),
        _ => Err(format!("record {index} of the list is not a JSON object")),
    };
    records.map(object).collect()
}

fn one(line: &[u8]) -> Result<Vec<&str>, String> {
    match std::str::from_utf8(line) {
        Ok(text) if text.starts_with('{') => return Ok(vec![text]),
        Err(error) if line.starts_with(b"{") => return Err(no_json(&error)),
        _ => {}
    }
    let other = "the preprocess command wrote JSON that is neither a record nor a list of them";
    Err(not_json(line).unwrap_or_else(|| other.to_owned()))
}

/// Why `line` is no JSON; `None`: it is.
fn not_json(line: &[u8]) -> Option<String> {
    serde_json::from_slice::<IgnoredAny>(line).err().map(|error| no_json(&error))
}

fn no_json(error: &impl std::fmt::Display) -> String {
    format!("the preprocess command wrote a line that is not JSON ({error})")
}

fn refuse(what: String, line: &[u8]) -> String {
    format!(
        "{}; the line begins: {}",
        shown(&what, WHAT_CHARS),
        shown(&String::from_utf8_lossy(line), SAMPLE_CHARS)
    )
}

fn check(text: &str, version: Version, validate: bool) -> Result<Unnumbered, String> {
    let record = Unnumbered::parse(text).map_err(|error: NotARecord| error.to_string())?;
    let id = record.schema();
    if record.version() != version {
        return Err(format!(
            "`{id}` of version {}, but the command was given version {} (`preprocess_version`)",
            record.version().number(),
            version.number()
        ));
    }
    if validate {
        let value: Value = serde_json::from_str(text).map_err(|error| no_json(&error))?;
        if let Some(violation) = schema::validate(&value).first() {
            return Err(format!("`{id}` against its schema: {}: {}", violation.path, violation.message));
        }
    }
    Ok(record)
}

/// What fits a line of a log, and does not steer a terminal: it is shown to people, and the command's own words.
fn shown(text: &str, chars: usize) -> String {
    let mut shown: String = text.chars().take(chars).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
#[path = "../../tests/corpus/answer.rs"]
mod check;

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_replays() {
        watchpost_testkit::replay("answer", super::check::check);
    }
}
