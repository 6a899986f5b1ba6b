//! Stream objects and the rows made of them.

use serde_json::{Value, json};
use watchpost_model::{
    AttributeValue, Detection, Event, EventKind, Group, Id, Instant, ObjectClass, ObjectState, Record, Rect,
    Size, Statistics, StreamTime, Subject, Timestamp, Track, TrackPhase, ZoneRef,
};
use watchpost_schema::{
    Context, SchemaId, Version, convert, sample, samples,
    streams::{
        FRAME_KEYS, ObjectStats, StreamKind, StreamName, Thumbnail, TrackItem, ZoneStats, encode_detections,
        encode_events_envelope, encode_object_stats, encode_statistics, encode_tracks, encode_zone_stats,
        replace_pictures,
    },
    tables::{Cell, Table},
};

const CONTEXT: Context<'static> = Context { instance_id: Id::from_u128(7), instance_name: "Gate" };

const AT: Instant = Instant {
    frame_id: 41,
    time: StreamTime::from_nanos(1_640_000_000),
    timestamp: Timestamp(1_785_161_453_812),
    size: Some(Size { width: 640, height: 480 }),
};

fn track(number: u128) -> Track {
    Track {
        id: Id::from_u128(number),
        external_id: (number == 2).then(|| "p-2".into()),
        class: ObjectClass::Person,
        rect: Rect::new(0.1, 0.2, 0.3, 0.4),
        confidence: 0.9,
        age: StreamTime::from_nanos(1_500_000_000),
        is_moving: true,
        phase: TrackPhase::Locked,
    }
}

fn detection() -> Detection {
    Detection {
        class: ObjectClass::Vehicle,
        label: "forklift \"3\"".into(),
        confidence: 0.8,
        rect: Rect::new(0.1, 0.2, 0.3, 0.4),
        track_id: Some("t9".into()),
        attributes: vec![("loaded".into(), AttributeValue::Bool(true))],
    }
}

/// The group of the sample of `id`, with the sample crop.
fn group(id: SchemaId) -> Group {
    let record = |id| samples()[id as usize].record.clone();
    Group { at: AT, records: vec![record(id), record(SchemaId::Crop)] }
}

fn made(encode: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = Vec::new();
    encode(&mut out);
    String::from_utf8(out).unwrap()
}

/// One object of every stream of metadata.
fn objects() -> Vec<(StreamName, String)> {
    let statistics = samples().iter().find_map(|sample| match &sample.record {
        Record::Statistics(statistics) => Some(statistics.clone()),
        _ => None,
    });
    let statistics: Statistics = statistics.unwrap();
    let [first, second] = [track(1), track(2)];
    let thumbnail = Some(Thumbnail { jpeg: &[1, 2, 3], confidence: 0.5 });
    let items =
        [TrackItem::from(&first), TrackItem { track: &second, events: &[Id::from_u128(5)], thumbnail }];
    let events = SchemaId::ALL.into_iter().filter(|id| id.is_event()).map(group).collect::<Vec<_>>();
    vec![
        (StreamName::Tracks, made(|out| encode_tracks(&AT, &CONTEXT, items, out))),
        (StreamName::Detections, made(|out| encode_detections(&AT, &CONTEXT, &[detection()], None, out))),
        (
            StreamName::ZoneStats,
            made(|out| encode_zone_stats(&AT, &CONTEXT, ZoneStats { occupied: 1, vacant: 3 }, out)),
        ),
        (
            StreamName::ObjectStats,
            made(|out| encode_object_stats(&AT, &CONTEXT, ObjectStats::from_iter(ObjectClass::ALL), out)),
        ),
        (StreamName::Statistics, made(|out| encode_statistics(&AT, &CONTEXT, &statistics, out))),
        (StreamName::Events, made(|out| assert!(encode_events_envelope(&AT, &CONTEXT, &events, out)))),
    ]
}

#[test]
fn objects_are_as_reviewed() {
    let lines = objects().into_iter().map(|(name, object)| format!("{name} {object}"));
    insta::assert_snapshot!("streams", lines.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_stream_of_metadata_has_the_frame_keys_first_and_a_table() {
    let objects = objects();
    for name in StreamName::ALL.into_iter().filter(|name| name.kind() == StreamKind::Metadata) {
        let (_, object) = objects.iter().find(|(other, _)| *other == name).unwrap();
        let value: serde_json::Map<String, Value> = serde_json::from_str(object).unwrap();
        assert!(value.keys().take(5).eq(FRAME_KEYS), "{name}: {object}");
        let table = Table::of_stream(name).unwrap();
        assert_eq!(table.columns()[..5], FRAME_KEYS, "{name}");
        let rows = table.rows(object.as_bytes()).unwrap();
        assert!(!rows.is_empty(), "{name}");
        for row in rows {
            assert_eq!(row.len(), table.columns().len(), "{name}");
            assert_eq!(row[3], Cell::Text("2026-07-27T14:10:53.812Z".into()), "{name}");
        }
    }
}

#[test]
fn a_frame_without_events_has_no_envelope() {
    let group = Group { at: AT, records: vec![samples()[SchemaId::Track as usize].record.clone()] };
    assert_eq!(made(|out| assert!(!encode_events_envelope(&AT, &CONTEXT, &[group], out))), "");
}

#[test]
fn pictures_can_be_taken_out() {
    for (name, object) in objects() {
        let mut object: Value = serde_json::from_str(&object).unwrap();
        let mut count = 0;
        replace_pictures(&mut object, |_| {
            count += 1;
            None
        });
        let expected = match name {
            StreamName::Tracks => 1,
            StreamName::Events => 14,
            _ => 0,
        };
        assert_eq!(count, expected, "{name}");
        assert!(!object.to_string().contains("\"image\""), "{name}: {object}");
    }
}

/// One row as a JSON object.
fn row(table: Table, bytes: &[u8]) -> Value {
    let mut rows = Vec::new();
    let count = table.for_each_row(bytes, |cells| {
        let mut out = Vec::new();
        table.write_json(cells, &mut out);
        rows.push(serde_json::from_slice(&out).unwrap());
    });
    assert_eq!(count, Ok(1));
    rows.swap_remove(0)
}

#[test]
fn events_give_the_same_row_from_either_version() {
    for id in SchemaId::ALL.into_iter().filter(|id| id.is_event()) {
        let v2 = row(Table::Events, &sample(id, Version::V2));
        let mut v1 = row(Table::Events, &sample(id, Version::V1));
        // What version 1 does not say, and what it has lost a fraction of.
        for key in ["frame_id", "frame_time", "confidence"] {
            assert_eq!(v1.get(key).is_some(), key == "frame_time", "{id}");
            match v2.get(key) {
                Some(value) => v1[key] = value.clone(),
                None => assert_eq!((id, key), (SchemaId::EventCrowdDetection, "confidence")),
            }
        }
        assert_eq!(v1, v2, "{id}");
        assert_eq!(v2["event_type"], id.as_str());
    }
}

#[test]
fn rows_have_what_the_record_says() {
    let crossing = row(Table::Events, &sample(SchemaId::EventLineCrossing, Version::V2));
    assert_eq!(crossing["tripwire_name"], "Entrance");
    assert_eq!(crossing["direction"], "down");
    assert_eq!(crossing["x"], json!(0.3));
    let end = row(Table::Events, &sample(SchemaId::EventIntrusionEnd, Version::V1));
    assert_eq!((&end["zone_name"], &end["duration_ms"]), (&json!("Loading bay"), &json!(8720)));
    let crowd = row(Table::Events, &sample(SchemaId::EventCrowdDetection, Version::V1));
    assert_eq!((crowd.get("track_id"), &crowd["count"]), (None, &json!(2)));
    let left = row(Table::Events, &sample(SchemaId::EventObjectLeftRemoved, Version::V1));
    assert_eq!(left["direction"], "left");
    for version in SchemaId::Track.versions() {
        let track = row(Table::Tracks, &sample(SchemaId::Track, version));
        assert_eq!((&track["age_ms"], &track["is_moving"]), (&json!(3240), &json!(true)));
        assert_eq!(track["confidence"], json!(0.87));
        let statistics = row(Table::Statistics, &sample(SchemaId::Statistics, version));
        assert_eq!((&statistics["framerate"], &statistics["source_width"]), (&json!(24.96), &json!(1920)));
        assert_eq!(Table::Events.rows(&sample(SchemaId::Track, version)), Ok(vec![]));
        assert_eq!(Table::Tracks.rows(&sample(SchemaId::Attribute, version)), Ok(vec![]));
    }
}

#[test]
fn the_envelope_gives_the_rows_of_its_records() {
    let id = SchemaId::EventObjectLeftRemoved;
    let mut group = group(id);
    if let Record::Event(Event { kind: EventKind::ObjectLeftRemoved { state, .. }, .. }) =
        &mut group.records[0]
    {
        *state = ObjectState::Removed;
    }
    let envelope = made(|out| assert!(encode_events_envelope(&AT, &CONTEXT, &[group], out)));
    let row = row(Table::Events, envelope.as_bytes());
    assert_eq!((&row["event_type"], &row["direction"]), (&json!(id.as_str()), &json!("removed")));
    assert_eq!((&row["zone_name"], &row["width"]), (&json!("Loading bay"), &json!(0.08)));
}

#[test]
fn records_of_one_table_only() {
    use SchemaId::{Crop, EventAreaEnter, EventTailgating, Track};
    assert_eq!(Table::of_records(&[EventAreaEnter, EventTailgating]), Ok(Table::Events));
    assert_eq!(Table::of_records(&[Track]), Ok(Table::Tracks));
    for mixed in [&[EventAreaEnter, Track][..], &[EventAreaEnter, Crop], &[Crop], &[]] {
        assert!(Table::of_records(mixed).is_err(), "{mixed:?}");
    }
}

/// A name with everything that CSV and JSON find awkward survives both versions.
#[test]
fn awkward_names_survive() {
    let name = "a,\"b\"\n\\ é 𝄞";
    let area = ZoneRef { id: Id::from_u128(1), name: name.into() };
    let subject = Subject {
        track_id: Id::from_u128(2),
        class: ObjectClass::Animal,
        rect: Rect::new(0.0, 0.0, 1.0, 1.0),
        confidence: 1.0,
    };
    let event = Event { id: Id::from_u128(3), kind: EventKind::AreaEnter(area), subjects: vec![subject] };
    let v2 = made(|out| {
        watchpost_schema::encode(Version::V2, &Record::Event(event), &AT, &CONTEXT, None, out);
    });
    let v1 = convert(v2.as_bytes(), Version::V2, Version::V1).unwrap();
    for bytes in [v2.as_bytes(), &v1] {
        assert_eq!(row(Table::Events, bytes)["zone_name"], name);
    }
}
