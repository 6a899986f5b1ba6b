//! What must hold for any line that a preprocess command writes; shared by the fuzz target and the plain test.

use serde_json::Value;
use watchpost_model::Id;
use watchpost_schema::{Stamp, Unnumbered, Version, identify};

use super::parse;

/// Longest text that says what is wrong with a line, however long that is.
const MAX_SAID_BYTES: usize = 4096;
/// Deepest nesting of what goes on to receivers: serde_json, for one, reads 128 levels, and a group is a list more.
const MAX_LEVELS: usize = 120;

/// `data`: a line, without its newline.
pub(crate) fn check(data: &[u8]) {
    for version in Version::ALL {
        let records = match parse(data, version, false) {
            Ok(records) => records,
            Err(why) => {
                assert!(why.len() < MAX_SAID_BYTES, "{why}");
                assert!(!why.chars().any(char::is_control), "{why:?}");
                continue;
            }
        };
        for record in &records {
            assert_eq!(record.version(), version);
            is_fit_for_receivers(record);
        }
        if let Ok(value) = serde_json::from_slice::<Value>(data) {
            let count = value.as_array().map_or(1, Vec::len);
            assert_eq!(records.len(), count, "a line is one group, whole or not at all");
        }
        // Checking against the schemas may refuse more, and changes nothing else.
        if let Ok(checked) = parse(data, version, true) {
            assert_eq!(checked, records);
        }
    }
}

/// One line of JSON that says what it is, and that whoever reads it can read.
fn is_fit_for_receivers(record: &Unnumbered) {
    let stamp = Stamp { record_id: Id::from_u128(1), log_id: Id::from_u128(2), sequence: 3 };
    let mut line = Vec::new();
    record.write(&stamp, &mut line);
    let shown = String::from_utf8_lossy(&line);
    assert!(line.iter().all(|byte| *byte >= b' '), "{shown:?}");
    assert_eq!(identify(&line), Ok((record.schema(), record.version())), "{shown:?}");
    serde_json::from_slice::<serde::de::IgnoredAny>(&line).unwrap();
    assert!(levels(&line) <= MAX_LEVELS, "nested {} levels", levels(&line));
}

fn levels(json: &[u8]) -> usize {
    let (mut level, mut most, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                level += 1;
                most = most.max(level);
            }
            b'}' | b']' if !in_text => level = level.saturating_sub(1),
            _ => {}
        }
    }
    most
}
