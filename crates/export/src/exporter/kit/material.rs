//! What the kit sends: every published sample, and what was recorded from the demo's clip.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};
use watchpost_schema::{SchemaId, Version, identify_value, sample};

use crate::receiver::{Item, ItemKind};

/// Six groups of the demo (the pedestrian clip `vtest.avi` of OpenCV's samples) as a `batch` exporter got them.
const RECORDED: [(Version, &str); 2] =
    [(Version::V1, include_str!("recorded-v1.jsonl")), (Version::V2, include_str!("recorded-v2.jsonl"))];

/// Size of a large crop's picture: a 4K frame as JPEG.
pub(super) const LARGE_BYTES: usize = 4 << 20;

/// Texts that people really give to areas and cameras, and what careless programs stumble over.
pub(super) const UNICODE: [(&str, &str); 9] = [
    ("umlauts", "Tür – Süd"),
    ("emoji outside the basic plane", "Gate 🚪👩‍👩‍👧"),
    ("right to left", "שער ראשי"),
    ("combining marks", "e\u{301}\u{323} vs ệ"),
    ("CJK", "東門・入口"),
    ("quotes and backslashes", "\"a\" \\ 'b' `c` $(d)"),
    ("control characters, escaped", "tab\tline\nreturn\rbell\u{7}"),
    ("NUL, escaped", "zero\0zero"),
    ("line separators of Unicode", "a\u{2028}b\u{2029}c\u{85}d"),
];

/// The sample of `id`, made a record of its own by `number`: ids, times and sequence differ.
pub(super) fn record(id: SchemaId, version: Version, number: u64) -> Value {
    let mut record: Value = serde_json::from_slice(&sample(id, version)).unwrap_or_default();
    for key in ["record_id", "event_id"] {
        if record.get(key).is_some() {
            record[key] =
                json!(watchpost_model::Id::from_u128(0x4000_8000 << 64 | u128::from(number)).to_string());
        }
    }
    if record.get("sequence").is_some() {
        record["sequence"] = json!(number);
    }
    // A frame of 25 a second; text forms of the time are left as they are: they are not unique anyway.
    if let Some(ms) = record.get("system_timestamp").and_then(Value::as_i64) {
        record["system_timestamp"] = json!(ms + 40 * number as i64);
    }
    record
}

/// As it goes to a receiver.
pub(super) fn item(id: SchemaId, version: Version, record: &Value) -> Item {
    Item { kind: ItemKind::Record(id, version), json: Bytes::from(record.to_string()) }
}

/// Recorded groups, cut down to what was agreed, as the log's selection does it.
pub(super) fn recorded(agreed: &BTreeMap<SchemaId, Version>) -> Vec<Vec<Item>> {
    let mut groups = Vec::new();
    for (recorded_in, text) in RECORDED {
        for line in text.lines() {
            let group: Vec<Value> = serde_json::from_str(line).unwrap_or_default();
            let wanted = group.iter().filter_map(|record| {
                let (id, version) = identify_value(record).ok()?;
                let fits = version == recorded_in && agreed.get(&id) == Some(&version);
                fits.then(|| item(id, version, record))
            });
            groups.push(wanted.collect::<Vec<_>>());
        }
    }
    groups.retain(|group| !group.is_empty());
    groups
}

/// An event with an attribute and crops, as far as they are agreed; `None` where that is not even two records.
pub(super) fn group(agreed: &BTreeMap<SchemaId, Version>, number: u64) -> Option<Vec<Item>> {
    let event = agreed.iter().find(|(id, _)| id.is_event());
    let of = |id: SchemaId| agreed.get_key_value(&id);
    let parts = [event, of(SchemaId::Attribute), of(SchemaId::Crop), of(SchemaId::Crop)];
    let items: Vec<Item> = (number..)
        .zip(parts.into_iter().flatten())
        .map(|(number, (id, version))| item(*id, *version, &record(*id, *version, number)))
        .collect();
    (items.len() > 1).then_some(items)
}

/// A crop whose picture, a real one that decoders read, is at least `bytes` long.
pub(super) fn large_crop(version: Version, number: u64, bytes: usize) -> Item {
    let mut crop = record(SchemaId::Crop, version, number);
    crop["image"] = json!(STANDARD.encode(padded(&recorded_picture(), bytes)));
    item(SchemaId::Crop, version, &crop)
}

fn recorded_picture() -> Vec<u8> {
    let groups = RECORDED[0].1.lines().filter_map(|line| serde_json::from_str::<Vec<Value>>(line).ok());
    let image = groups.flatten().find_map(|record| Some(record.get("image")?.as_str()?.to_owned()));
    image.and_then(|image| STANDARD.decode(image).ok()).unwrap_or_default()
}

/// JPEG with comment segments (`COM`, ITU-T T.81 B.2.4.5) behind the start marker: larger, the same picture.
fn padded(jpeg: &[u8], bytes: usize) -> Vec<u8> {
    /// A segment's length field counts itself and has 16 bits.
    const SEGMENT: usize = 0xffff;
    let (start, rest) = jpeg.split_at(jpeg.len().min(2));
    let mut large = start.to_vec();
    let mut letters = (b'a'..=b'z').cycle();
    while large.len() + rest.len() < bytes {
        large.extend([0xff, 0xfe, 0xff, 0xff]);
        large.extend(letters.by_ref().take(SEGMENT - 2));
    }
    large.extend_from_slice(rest);
    large
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_valid_and_has_pictures() {
        for (version, text) in RECORDED {
            let mut crops = 0;
            for line in text.lines() {
                for record in serde_json::from_str::<Vec<Value>>(line).unwrap() {
                    assert_eq!(identify_value(&record).unwrap().1, version);
                    assert_eq!(watchpost_schema::validate(&record).len(), 0, "{record}");
                    crops += u32::from(record["$id"] == "crop");
                }
            }
            assert!(crops >= 3);
        }
        let both = SchemaId::ALL.into_iter().map(|id| (id, Version::V2)).collect();
        assert_eq!(recorded(&both).len(), 6);
        assert_eq!(recorded(&BTreeMap::from([(SchemaId::Track, Version::V1)])).len(), 1);
    }

    #[test]
    fn records_of_their_own_stay_valid() {
        for id in SchemaId::ALL {
            for version in id.versions() {
                let record = record(id, version, 77);
                assert_eq!(watchpost_schema::validate(&record).len(), 0, "{record}");
            }
        }
    }

    #[test]
    fn a_large_crop_is_still_a_picture() {
        let picture = recorded_picture();
        let large = padded(&picture, LARGE_BYTES);
        assert!(large.len() >= LARGE_BYTES && large.len() < LARGE_BYTES + 0x1_0003);
        assert_eq!(large[..2], [0xff, 0xd8]);
        assert!(large.ends_with(&picture[2..]));
    }
}
