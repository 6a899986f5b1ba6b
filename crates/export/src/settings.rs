//! From a handler's `config` to typed settings, with every problem at its path.

use garde::Validate;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use watchpost_config::{Handler, Problem};

use crate::{
    common::Common,
    schedule::{self, SCHEDULE},
};

/// The key that [`crate::selection`] reads.
pub(crate) const SCHEMA_EVENTS: &str = "schema_events";

/// A problem at `pointer` below the handler; the caller of `plan` knows the file and its lines.
pub(crate) fn problem(
    handler: &Handler,
    pointer: &str,
    message: impl Into<String>,
    fix: impl Into<String>,
) -> Problem {
    Problem {
        file: std::path::PathBuf::new(),
        path: format!("{}{pointer}", handler.path),
        line: None,
        message: message.into(),
        fix: fix.into(),
    }
}

/// Reads the common keys and those of `T`; what is wrong goes to `problems`.
pub(crate) fn read<T>(handler: &Handler, problems: &mut Vec<Problem>) -> Option<(Common, T)>
where
    T: DeserializeOwned + JsonSchema + Validate<Context = ()>,
{
    let before = problems.len();
    let (common_keys, own_keys) = (keys::<Common>(), keys::<T>());
    let (mut common, mut own) = (Map::new(), Map::new());
    for (key, value) in handler.config.iter().filter(|(_, value)| !value.is_null()) {
        if common_keys.contains(key) {
            common.insert(key.clone(), value.clone());
        } else if own_keys.contains(key) {
            own.insert(key.clone(), value.clone());
        } else if ![SCHEMA_EVENTS, SCHEDULE].contains(&key.as_str()) {
            problems.push(unknown(handler, key, &common_keys, &own_keys));
        }
    }
    let common = typed::<Common>(handler, common, problems);
    let own = typed::<T>(handler, own, problems);
    for (key, message) in common.iter().flat_map(Common::conflicts) {
        problems.push(problem(handler, &format!("/config/{key}"), message, ""));
    }
    (problems.len() == before).then_some(common.zip(own)).flatten()
}

/// Reads the keys of `T` alone: picture formats share none with the metadata formats.
pub(crate) fn read_own<T>(handler: &Handler, problems: &mut Vec<Problem>) -> Option<T>
where
    T: DeserializeOwned + JsonSchema + Validate<Context = ()>,
{
    let before = problems.len();
    let own_keys = keys::<T>();
    let mut own = Map::new();
    for (key, value) in handler.config.iter().filter(|(_, value)| !value.is_null()) {
        if own_keys.contains(key) {
            own.insert(key.clone(), value.clone());
        } else if ![SCHEMA_EVENTS, SCHEDULE].contains(&key.as_str()) {
            problems.push(unknown(handler, key, &[], &own_keys));
        }
    }
    typed::<T>(handler, own, problems).filter(|_| problems.len() == before)
}

/// Reads the keys of `A` and those of `B`: what several formats share, and a format's own.
pub(crate) fn read_both<A, B>(handler: &Handler, problems: &mut Vec<Problem>) -> Option<(A, B)>
where
    A: DeserializeOwned + JsonSchema + Validate<Context = ()>,
    B: DeserializeOwned + JsonSchema + Validate<Context = ()>,
{
    let before = problems.len();
    let (a_keys, b_keys) = (keys::<A>(), keys::<B>());
    let (mut a, mut b) = (Map::new(), Map::new());
    for (key, value) in handler.config.iter().filter(|(_, value)| !value.is_null()) {
        if a_keys.contains(key) {
            a.insert(key.clone(), value.clone());
        } else if b_keys.contains(key) {
            b.insert(key.clone(), value.clone());
        } else if ![SCHEMA_EVENTS, SCHEDULE].contains(&key.as_str()) {
            let all: Vec<String> = b_keys.iter().chain(&a_keys).cloned().collect();
            problems.push(unknown(handler, key, &[], &all));
        }
    }
    let (a, b) = (typed::<A>(handler, a, problems), typed::<B>(handler, b, problems));
    a.zip(b).filter(|_| problems.len() == before)
}

/// The JSON Schema of a `config` that [`read_both`] reads.
pub(crate) fn schema_of_both<A: JsonSchema, B: JsonSchema>() -> Schema {
    let (mut schema, other) = (own_schema::<A>(), schema_of::<B>());
    let merged = schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    if let (Some(merged), Some(other)) =
        (merged.as_object_mut(), other.get("properties").and_then(Value::as_object))
    {
        merged.extend(other.clone());
    }
    if let Some(about) = other.get("description") {
        schema.ensure_object().insert("description".to_owned(), about.clone());
    }
    schema
}

/// The JSON Schema of a picture format's `config`: its own keys and `schedule`.
pub(crate) fn own_schema<T: JsonSchema>() -> Schema {
    let mut schema = schema_of::<T>();
    let properties = schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    if let Some(properties) = properties.as_object_mut() {
        properties.insert(SCHEDULE.to_owned(), schedule::schema());
    }
    schema
}

/// The JSON Schema of a format's `config`: its own keys and the common ones.
pub(crate) fn schema<T: JsonSchema>() -> Schema {
    let mut schema = schema_of::<T>();
    let common = schema_of::<Common>();
    let merged = schema.ensure_object().entry("properties").or_insert_with(|| json!({}));
    if let (Some(merged), Some(common)) =
        (merged.as_object_mut(), common.get("properties").and_then(Value::as_object))
    {
        merged.insert(
            SCHEMA_EVENTS.to_owned(),
            json!({
                "description": "Records to export, each as `id:version`; `sink` is then empty. `{}` for none.",
                "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object", "maxProperties": 0}]
            }),
        );
        merged.extend(common.clone());
        merged.insert(SCHEDULE.to_owned(), schedule::schema());
    }
    schema
}

fn schema_of<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    SchemaGenerator::new(settings).into_root_schema_for::<T>()
}

fn keys<T: JsonSchema>() -> Vec<String> {
    let schema = schema_of::<T>();
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|map| map.keys().cloned().collect()).unwrap_or_default()
}

fn unknown(handler: &Handler, key: &str, common: &[String], own: &[String]) -> Problem {
    let pointer = format!("/config/{}", escape(key));
    let records = (!common.is_empty()).then_some(SCHEMA_EVENTS);
    let also = records.into_iter().chain([SCHEDULE]);
    let known: Vec<_> = own.iter().chain(common).map(String::as_str).chain(also).collect();
    problem(
        handler,
        &pointer,
        format!("unknown key `{key}`"),
        format!("expected one of {}", known.join(", ")),
    )
}

/// Deserialises `map`, one problem per bad key: a bad one is told, taken out, and the rest tried again.
fn typed<T>(handler: &Handler, mut map: Map<String, Value>, problems: &mut Vec<Problem>) -> Option<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let mut good = true;
    loop {
        let error = match serde_path_to_error::deserialize::<_, T>(Value::Object(map.clone())) {
            Ok(settings) => return checked(handler, settings, problems).filter(|_| good),
            Err(error) => error,
        };
        good = false;
        let names: Vec<String> = error.path().iter().map(segment).collect();
        let pointer: String = names.iter().map(|name| format!("/{}", escape(name))).collect();
        let (message, fix) = in_our_words(&error.inner().to_string());
        problems.push(problem(handler, &format!("/config{pointer}"), message, fix));
        if names.first().is_none_or(|key| map.shift_remove(key).is_none()) {
            return None;
        }
    }
}

/// Message and fix out of serde's "invalid type: string \"yes\", expected a boolean".
fn in_our_words(text: &str) -> (String, String) {
    let Some((what, expected)) = text.rsplit_once(", expected ") else {
        return (text.to_owned(), String::new());
    };
    let what =
        ["invalid type: ", "invalid value: ", "unknown variant "].iter().find_map(|p| what.strip_prefix(p));
    let Some(what) = what else { return (text.to_owned(), String::new()) };
    let expected = match expected {
        "a boolean" => "true or false",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "an object",
        "a string" | "string" => "a text",
        other => other,
    };
    let what =
        what.replacen("string ", "the text ", 1).replacen("integer ", "", 1).replacen("boolean ", "", 1);
    (format!("is {what}"), format!("expected {expected}"))
}

fn checked<T: Validate<Context = ()>>(
    handler: &Handler,
    settings: T,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Err(report) = settings.validate() else { return Some(settings) };
    for (path, error) in report.iter() {
        let pointer = path.to_string().replace(['.', '['], "/").replace(']', "");
        problems.push(problem(handler, &format!("/config/{pointer}"), error.to_string(), ""));
    }
    None
}

fn segment(segment: &serde_path_to_error::Segment) -> String {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => index.to_string(),
        Segment::Map { key } => key.clone(),
        Segment::Enum { variant } => variant.clone(),
        Segment::Unknown => "?".to_owned(),
    }
}

/// A key as a part of a JSON pointer (RFC 6901 section 3).
fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
