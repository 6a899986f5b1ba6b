//! PRODUCT 7: what a conversion from version 2 to 1 loses is only what version 1 has no place for.
//!
//! Every single value of every published sample is changed in turn: if version 1 does not show the change, the value
//! was lost. What is lost is listed here, and none of it may be a key of version 1.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watchpost_schema::{SchemaId, Version, convert, json_schema, sample};

/// What version 1 has no place for, of any id that has lost it. `timestamp` repeats `system_timestamp`, which stays;
/// `confidence` is lost where version 1 has none: of events, not of tracks and crops.
const LOST: [&str; 11] = [
    "confidence",
    "frame_height",
    "frame_id",
    "frame_width",
    "instance_name",
    "log_id",
    "record_id",
    "ref_event_id",
    "sequence",
    "targets[]/confidence",
    "timestamp",
];

#[test]
fn only_what_version_1_has_no_place_for_is_lost() {
    let mut lost = BTreeSet::new();
    for id in SchemaId::ALL {
        let v2: Value = serde_json::from_slice(&sample(id, Version::V2)).unwrap();
        let before = to_v1(&v2);
        let mut leaves = Vec::new();
        pointers(&v2, String::new(), &mut leaves);
        for pointer in leaves.iter().filter(|pointer| !pointer.starts_with("/$")) {
            let mut changed = v2.clone();
            change(changed.pointer_mut(pointer).unwrap());
            if to_v1(&changed) == before {
                let place = place(json_schema(id, Version::V1), pointer);
                assert!(place.is_null(), "{id}: {pointer} is lost, but version 1 has it: {place}");
                lost.insert(pointer.trim_start_matches('/').replace("/0", "[]").replace("/1", "[]"));
            }
        }
    }
    assert_eq!(lost.iter().map(String::as_str).collect::<Vec<_>>(), LOST);
}

/// What a schema says of a value; null where it knows none of that name.
fn place(mut schema: Value, pointer: &str) -> Value {
    for part in pointer.split('/').skip(1) {
        let number = part.chars().all(|c| c.is_ascii_digit());
        schema = if number { schema["items"].take() } else { schema["properties"][part].take() };
    }
    schema
}

fn to_v1(v2: &Value) -> Value {
    serde_json::from_slice(&convert(v2.to_string().as_bytes(), Version::V2, Version::V1).unwrap()).unwrap()
}

fn pointers(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, value)| pointers(value, format!("{at}/{key}"), found))
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, value)| pointers(value, format!("{at}/{n}"), found))
        }
        _ => found.push(at),
    }
}

/// Another value of the same form.
fn change(value: &mut Value) {
    *value = match &*value {
        Value::Bool(on) => json!(!on),
        Value::Number(number) if number.is_i64() => json!(number.as_i64().unwrap() + 5000),
        Value::Number(number) => json!(number.as_f64().unwrap() / 2.0 + 100.0),
        // Ids, times and words alike: one digit or letter of them.
        Value::String(text) => {
            let other = |c: char| if c == '1' { '2' } else { '1' };
            let mut letters: Vec<char> = text.chars().collect();
            match letters.iter_mut().rfind(|c| c.is_ascii_digit()) {
                Some(digit) => *digit = other(*digit),
                None => letters.push('x'),
            }
            letters.into_iter().collect::<String>().into()
        }
        other => other.clone(),
    };
}
