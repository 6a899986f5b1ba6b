//! What both versions say of the same record agrees, whatever comes.

use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Value, json};
use watchpost_model::{Id, Instant, Record};
use watchpost_schema::{
    Context, ConvertError, SchemaId, Stamp, Unnumbered, Version, convert, encode, identify, identify_value,
    sample, tables::Table, validate,
};

use Version::{V1, V2};

use crate::common;

fn encoded(version: Version, record: &Record, at: &Instant, name: &str, stamp: Option<&Stamp>) -> Vec<u8> {
    let context = Context { instance_id: Id::from_u128(7), instance_name: name };
    let mut out = Vec::new();
    encode(version, record, at, &context, stamp, &mut out);
    out
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn object(bytes: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(bytes).unwrap()
}

proptest! {
    #[test]
    fn version_1_is_the_same_directly_and_by_way_of_version_2(
        record in common::record(), at in common::instant(), name in ".*", stamp in common::stamp(),
    ) {
        let direct = encoded(V1, &record, &at, &name, None);
        for stamp in [None, Some(&stamp)] {
            let v2 = encoded(V2, &record, &at, &name, stamp);
            let converted = convert(&v2, V2, V1).unwrap();
            prop_assert_eq!(text(&converted), text(&direct));
        }
    }

    #[test]
    fn version_1_survives_the_way_up_and_down(record in common::record(), at in common::instant()) {
        let v1 = encoded(V1, &record, &at, "", None);
        let up = convert(&v1, V1, V2).unwrap();
        prop_assert_eq!(identify(&up), Ok((SchemaId::of(&record), V2)));
        let down = convert(&up, V2, V1).unwrap();
        prop_assert_eq!(text(&down), text(&v1));
    }

    #[test]
    fn every_record_follows_its_schema(
        record in common::record(), at in common::instant(), stamp in common::stamp(),
    ) {
        for version in SchemaId::of(&record).versions() {
            let bytes = encoded(version, &record, &at, "name", Some(&stamp));
            let value = Value::from(object(&bytes));
            prop_assert_eq!(validate(&value), vec![], "{}", text(&bytes));
            prop_assert_eq!(identify(&bytes), Ok((SchemaId::of(&record), version)));
            prop_assert_eq!(identify_value(&value), Ok((SchemaId::of(&record), version)));
        }
    }

    #[test]
    fn unknown_keys_are_kept_both_ways(
        record in common::record(), at in common::instant(), added in vec("x_[a-z]{1,9}", 0..5), value in ".*",
    ) {
        for (from, to) in [(V1, V2), (V2, V1), (V1, V1), (V2, V2)] {
            let mut changed = object(&encoded(from, &record, &at, "", None));
            let plain = object(&convert(&serde_json::to_vec(&changed).unwrap(), from, to).unwrap());
            for key in &added {
                changed.insert(key.clone(), json!({ "deep": [&value, 1.50, null] }));
            }
            let converted = object(&convert(&serde_json::to_vec(&changed).unwrap(), from, to).unwrap());
            for key in &added {
                prop_assert_eq!(&converted[key], &changed[key]);
            }
            let without_added: Map<_, _> =
                converted.into_iter().filter(|(key, _)| !added.contains(key)).collect();
            prop_assert_eq!(without_added, plain);
        }
    }

    #[test]
    fn missing_keys_and_other_types_are_no_error(
        record in common::record(), at in common::instant(), keep in any::<u32>(), other in any::<u32>(),
    ) {
        for (from, to) in [(V1, V2), (V2, V1)] {
            let all = object(&encoded(from, &record, &at, "", None));
            let some: Map<_, _> = all
                .into_iter()
                .enumerate()
                .filter(|(index, _)| *index < 2 || keep & (1 << (index % 32)) != 0)
                .map(|(index, (key, value))| {
                    let odd = json!([{ "id": 1 }]);
                    (key, if index >= 2 && other & (1 << (index % 32)) != 0 { odd } else { value })
                })
                .collect();
            let bytes = serde_json::to_vec(&some).unwrap();
            let converted = convert(&bytes, from, to).unwrap();
            prop_assert_eq!(identify(&converted), Ok((SchemaId::of(&record), to)));
            for table in Table::ALL {
                table.rows(&bytes).unwrap();
                table.rows(&converted).unwrap();
            }
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop_oneof![
        vec(any::<u8>(), 0..200),
        r#"[\{\}\[\]",:$a-z0-9 \\.]{0,200}"#.prop_map(String::into_bytes),
        ".*".prop_map(|text: String| format!(r#"{{"$id":"track","$version":2,{text}"#).into_bytes()),
    ]) {
        let _ = identify(&bytes);
        for (from, to) in [(V1, V2), (V2, V1)] {
            let _ = convert(&bytes, from, to);
        }
        for table in Table::ALL {
            let _ = table.rows(&bytes);
        }
        if let Ok(value) = serde_json::from_slice::<Value>(&bytes) {
            let _ = (identify_value(&value), validate(&value));
        }
    }

    /// A record cut or altered anywhere, as a preprocess command or a broken file may leave it.
    #[test]
    fn damaged_records_never_panic(
        record in common::record(), at in common::instant(), place in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        for version in SchemaId::of(&record).versions() {
            let mut bytes = encoded(version, &record, &at, "name", None);
            let place = place.index(bytes.len());
            bytes[place] = byte;
            for bytes in [&bytes[..], &bytes[..place]] {
                let _ = identify(bytes);
                let _ = convert(bytes, version, if version == V1 { V2 } else { V1 });
                for table in Table::ALL {
                    let _ = table.rows(bytes);
                }
            }
        }
    }
}

#[test]
fn keys_stand_in_the_promised_order() {
    const HEADER: [&str; 13] = [
        "$id",
        "$version",
        "record_id",
        "log_id",
        "sequence",
        "instance_id",
        "instance_name",
        "frame_id",
        "frame_time",
        "frame_width",
        "frame_height",
        "system_timestamp",
        "timestamp",
    ];
    for id in SchemaId::ALL {
        let v1: Vec<String> = object(&sample(id, V1)).into_iter().map(|(key, _)| key).collect();
        assert_eq!(v1[..2], ["$id", "$version"], "{id}");
        assert!(v1[2..].is_sorted(), "{id}: {v1:?}");
        let v2: Vec<String> = object(&sample(id, V2)).into_iter().map(|(key, _)| key).collect();
        assert_eq!(v2[..13], HEADER, "{id}");
        let converted: Vec<String> =
            object(&convert(&sample(id, V1), V1, V2).unwrap()).into_iter().map(|(key, _)| key).collect();
        let expected: Vec<String> = v2.into_iter().filter(|key| converted.contains(key)).collect();
        assert_eq!(converted, expected, "{id}");
    }
}

#[test]
fn version_1_has_no_more_than_the_reference_system() {
    let v1 = object(&sample(SchemaId::EventLineCrossing, V1));
    let keys: Vec<&str> = v1.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "$id",
            "$version",
            "crossing_direction",
            "event_id",
            "event_timestamp_ms",
            "instance_id",
            "location",
            "object_class",
            "ref_tracking_id",
            "system_datetime",
            "system_timestamp",
            "tripwire_id",
            "tripwire_name"
        ]
    );
    assert_eq!(v1["event_timestamp_ms"], json!(262_344));
    assert_eq!(v1["system_timestamp"], json!(1_785_161_453_812_i64));
    assert_eq!(v1["system_datetime"], json!("2026-07-27T14:10:53Z"));
    assert_eq!(v1["location"], json!({"x": 0.3, "y": 0.35, "width": 0.08, "height": 0.26}));
    assert_eq!(object(&sample(SchemaId::Attribute, V1))["value"], json!("true"));
    assert_eq!(object(&sample(SchemaId::Statistics, V1))["current_framerate"], json!("24.96"));
}

#[test]
fn the_stamp_overwrites_what_a_filter_wrote() {
    let given = Stamp { record_id: Id::from_u128(1), log_id: Id::from_u128(2), sequence: 3 };
    let filtered = r#"{"sequence": 9, "a": 1, "$id": "track", "$version": 2, "record_id": "mine", "b": 2}"#;
    let mut stamped = Vec::new();
    Unnumbered::parse(filtered).unwrap().write(&given, &mut stamped);
    assert_eq!(
        String::from_utf8(stamped).unwrap(),
        concat!(
            r#"{"$id":"track","$version":2,"record_id":"00000000-0000-0000-0000-000000000001","#,
            r#""log_id":"00000000-0000-0000-0000-000000000002","sequence":3,"a":1,"b":2}"#
        )
    );
}

#[test]
fn a_key_of_the_other_version_does_not_stand_twice() {
    let bytes = br#"{"$id":"track","$version":2,"confidence":0.5,"detection_confidence":1,"timestamp":"2026-07-27T14:10:53.812Z"}"#;
    let v1 = convert(bytes, V2, V1).unwrap();
    assert_eq!(
        text(&v1),
        concat!(
            r#"{"$id":"track","$version":1,"detection_confidence":0.5,"#,
            r#""system_datetime":"2026-07-27T14:10:53Z","system_timestamp":1785161453812}"#
        )
    );
}

#[test]
fn nested_keys_are_kept_too() {
    let bytes = br#"{"$id":"event-intrusion","$version":2,"area":{"id":"a","floor":3,"name":"n"}}"#;
    let v1 = convert(bytes, V2, V1).unwrap();
    assert_eq!(
        text(&v1),
        r#"{"$id":"event-intrusion","$version":1,"area":{"floor":3},"area_id":"a","area_name":"n"}"#
    );
    let v2 = convert(&v1, V1, V2).unwrap();
    assert_eq!(text(&v2), r#"{"$id":"event-intrusion","$version":2,"area":{"id":"a","name":"n","floor":3}}"#);
}

#[test]
fn the_version_must_be_the_one_said() {
    let bytes = sample(SchemaId::Track, V1);
    assert!(matches!(
        convert(&bytes, V2, V1),
        Err(ConvertError::OtherVersion { found: V1, expected: V2, .. })
    ));
    assert!(matches!(convert(b"[]", V2, V1), Err(ConvertError::NotARecord(_))));
}

#[test]
fn an_indented_record_becomes_one_line() {
    for id in SchemaId::ALL {
        let indented = serde_json::to_vec_pretty(&object(&sample(id, V2))).unwrap();
        assert_eq!(text(&convert(&indented, V2, V1).unwrap()), text(&sample(id, V1)));
    }
}
