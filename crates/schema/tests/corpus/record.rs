//! What must hold for any record that somebody else has written; shared by the fuzz target and the plain test.

use serde_json::{Map, Value};
use watchpost_model::Id;
use watchpost_schema::{
    SchemaId, Stamp, Unnumbered, Version, convert, facts, identify, identify_value, json_schema,
    tables::Table, validate,
};

/// Longest text that says what is wrong with a record, however large it is.
const MAX_SAID_BYTES: usize = 4096;

/// `data`: a record's JSON.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        assert!(Version::ALL.iter().all(|from| convert(data, *from, Version::V1).is_err()));
        return;
    };
    let value = serde_json::from_str::<Value>(text).ok();
    if let Some(value) = &value {
        for violation in validate(value) {
            assert!(violation.to_string().len() < MAX_SAID_BYTES, "{violation}");
        }
    }
    let record = match Unnumbered::parse(text) {
        Ok(record) => record,
        Err(error) => {
            assert!(error.to_string().len() < MAX_SAID_BYTES, "{error}");
            return;
        }
    };
    let (id, version) = (record.schema(), record.version());
    let object = value.as_ref().and_then(Value::as_object);
    let line = numbered(&record, object);
    if identify(data) == Ok((id, version)) {
        converted(data, id, version, object);
    }
    read_by_others(&line);
}

/// What is numbered is one line, says what it is, and has everything that it had.
fn numbered(record: &Unnumbered, before: Option<&Map<String, Value>>) -> Vec<u8> {
    let stamp = Stamp { record_id: Id::from_u128(7), log_id: Id::from_u128(8), sequence: 9 };
    let mut line = Vec::new();
    record.write(&stamp, &mut line);
    is_one_line(&line);
    assert_eq!(identify(&line), Ok((record.schema(), record.version())));
    let Some(before) = before else { return line };
    let after: Map<String, Value> = serde_json::from_slice(&line).unwrap();
    let is_stamp =
        |key: &str| record.version() == Version::V2 && ["record_id", "log_id", "sequence"].contains(&key);
    for (key, value) in before.iter().filter(|(key, _)| !is_stamp(key)) {
        assert_eq!(after.get(key), Some(value), "{key}");
    }
    if record.version() == Version::V2 {
        assert_eq!(after["sequence"], 9);
    }
    line
}

/// A conversion never fails, keeps what nobody knows, and makes a valid record of a valid one.
fn converted(data: &[u8], id: SchemaId, from: Version, before: Option<&Map<String, Value>>) {
    for to in Version::ALL {
        let line = convert(data, from, to).unwrap();
        is_one_line(&line);
        assert_eq!(identify(&line), Ok((id, to)));
        let Some(before) = before else { continue };
        let after: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(identify_value(&after), Ok((id, to)));
        let known = Version::ALL.map(|version| json_schema(id, version)["properties"].take());
        let unknown = before.iter().filter(|(key, _)| known.iter().all(|known| known.get(key).is_none()));
        for (key, value) in unknown {
            assert_eq!(after.get(key), Some(value), "{key}");
        }
        if to == Version::V1 && validate(&Value::Object(before.clone())).is_empty() {
            assert_eq!(validate(&after), [], "{}", String::from_utf8_lossy(&line));
        }
    }
}

/// Rows and filters read it too, whatever is in it.
fn read_by_others(data: &[u8]) {
    for table in Table::ALL {
        let rows = table.for_each_row(data, |cells| {
            assert_eq!(cells.len(), table.columns().len());
            let mut row = Vec::new();
            table.write_json(cells, &mut row);
            serde_json::from_slice::<serde::de::IgnoredAny>(&row).unwrap();
        });
        rows.unwrap();
    }
    let _time = facts::stream_time_ms(data);
    let facts = facts::Facts::of(data).unwrap();
    let _answers =
        (facts.class_is(|_| true), facts.zone_is(|_| true), facts.confidence(), facts.type_is(|_| true));
}

fn is_one_line(line: &[u8]) {
    assert!(line.iter().all(|byte| *byte >= b' '), "{:?}", String::from_utf8_lossy(line));
    assert!(
        serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok(),
        "{:?}",
        String::from_utf8_lossy(line)
    );
}
