//! One example of every record, for the schema files, the docs and the conformance tests.

use std::sync::LazyLock;

use watchpost_model::{
    Attribute, AttributeValue, Crop, CrossingDirection, Diagnostics, Event, EventKind, Id, Instant,
    ObjectClass, ObjectState, Record, Rect, Severity, Size, Statistics, StreamTime, Subject, Timestamp,
    TrackRecord, ZoneRef,
};

use crate::{Context, SchemaId, Stamp, Version, encode};

/// An example of one schema: a model record and the moment it is of.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Which schema.
    pub id: SchemaId,
    /// What is recorded.
    pub record: Record,
    /// When.
    pub at: Instant,
}

const fn id(number: u128) -> Id {
    Id::from_u128(number)
}

const TRACK: Id = id(0x8a32_9a3f_d9fc_e038_3435_6766_5669_5b07);
const OTHER_TRACK: Id = id(0x1f8b_2c04_7a51_4e7e_9c1d_0b6a_3f52_d488);
const START: Id = id(0x5c1d_7e90_42ab_4f0e_8f6a_2b3c_4d5e_6f70);
const EVENT: Id = id(0x9e2f_1a6b_0c3d_4e8f_a1b2_c3d4_e5f6_0718);

/// The instance of every sample.
pub(crate) const CONTEXT: Context<'static> =
    Context { instance_id: id(0x3f0e_8d2c_6b1a_4957_8e0d_1c2b_3a49_5867), instance_name: "Main gate" };

/// The number of every sample in its log.
pub(crate) const STAMP: Stamp = Stamp {
    record_id: id(0x0192_f3a4_b5c6_47d8_89ea_0b1c_2d3e_4f50),
    log_id: id(0x7d6c_5b4a_3928_4716_a5b4_c3d2_e1f0_9f8e),
    sequence: 1042,
};

/// The moment of every sample: the example of REFERENCE "Records".
pub(crate) const AT: Instant = Instant {
    frame_id: 6556,
    time: StreamTime::from_nanos(262_344_500_000),
    timestamp: Timestamp(1_785_161_453_812),
    size: Some(Size { width: 1920, height: 1080 }),
};

/// One sample for each id, in the order of [`SchemaId::ALL`].
pub fn samples() -> &'static [Sample] {
    static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
        SchemaId::ALL.into_iter().map(|id| Sample { id, record: record(id), at: AT }).collect()
    });
    &SAMPLES
}

/// The sample of `id` as the bytes of `version`, with a stamp.
pub fn sample(id: SchemaId, version: Version) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(version, &record(id), &AT, &CONTEXT, Some(&STAMP), &mut bytes);
    bytes
}

fn record(id: SchemaId) -> Record {
    let area = || ZoneRef {
        id: Id::from_u128(0x2b4d_6f80_91a2_43b4_85c6_d7e8_f90a_1b2c),
        name: "Loading bay".into(),
    };
    let line =
        || ZoneRef { id: Id::from_u128(0x6e5d_4c3b_2a19_4087_96a5_b4c3_d2e1_f00f), name: "Entrance".into() };
    let duration = StreamTime::from_nanos(8_720_000_000);
    let start = START;
    let event = |kind| Record::Event(Event { id: EVENT, kind, subjects: vec![person()] });
    match id {
        SchemaId::EventAreaEnter => event(EventKind::AreaEnter(area())),
        SchemaId::EventAreaExit => event(EventKind::AreaExit(area())),
        SchemaId::EventIntrusion => event(EventKind::Intrusion(area())),
        SchemaId::EventIntrusionEnd => event(EventKind::IntrusionEnd { area: area(), start, duration }),
        SchemaId::EventLoitering => event(EventKind::Loitering(area())),
        SchemaId::EventLoiteringEnd => event(EventKind::LoiteringEnd { area: area(), start, duration }),
        SchemaId::EventCrowdDetection => Record::Event(Event {
            id: EVENT,
            kind: EventKind::Crowd(area()),
            subjects: vec![
                person(),
                Subject { track_id: OTHER_TRACK, rect: Rect::new(0.52, 0.41, 0.06, 0.21), ..person() },
            ],
        }),
        SchemaId::EventLineCrossing => {
            event(EventKind::LineCrossing { line: line(), direction: CrossingDirection::Down })
        }
        SchemaId::EventTailgating => event(EventKind::Tailgating {
            line: line(),
            direction: CrossingDirection::Up,
            interval: StreamTime::from_nanos(640_000_000),
            first_track: OTHER_TRACK,
        }),
        SchemaId::EventObjectLeftRemoved => {
            event(EventKind::ObjectLeftRemoved { area: area(), state: ObjectState::Left })
        }
        SchemaId::EventArmedPerson => event(EventKind::ArmedPerson),
        SchemaId::EventArmedPersonEnd => event(EventKind::ArmedPersonEnd { start, duration }),
        SchemaId::EventFallenPerson => event(EventKind::FallenPerson),
        SchemaId::EventFallenPersonEnd => event(EventKind::FallenPersonEnd { start, duration }),
        SchemaId::Track => Record::Track(TrackRecord {
            track_id: TRACK,
            class: ObjectClass::Person,
            rect: person().rect,
            confidence: person().confidence,
            age: StreamTime::from_nanos(3_240_000_000),
            is_moving: true,
            events: vec![EVENT],
        }),
        SchemaId::Crop => Record::Crop(Crop {
            track_id: TRACK,
            event_id: Some(EVENT),
            taken_at: StreamTime::from_nanos(261_810_250_000),
            rect: Rect::new(0.28, 0.35, 0.08, 0.26),
            confidence: 0.93,
            jpeg: SMALLEST_JPEG.to_vec(),
        }),
        SchemaId::Attribute => Record::Attribute(Attribute {
            track_id: TRACK,
            name: "carrying_bag".into(),
            value: AttributeValue::Bool(true),
            confidence: Some(0.81),
        }),
        SchemaId::Diagnostics => Record::Diagnostics(Diagnostics {
            severity: Severity::Warning,
            title: "Receiver is behind".into(),
            message: "MQTT \"gate\" waits for mqtt://broker:1883: connection refused; next try in 8 s".into(),
        }),
        SchemaId::Statistics => Record::Statistics(Statistics {
            frames_processed: 6540,
            frames_dropped: 16,
            framerate: 24.96,
            source_framerate: Some(25.0),
            latency_ms: 3.4,
            input_queue_size: 1,
            started_at: Timestamp(1_785_161_191_468),
            format: Some("NV12".into()),
            resolution: Some(Size { width: 1280, height: 720 }),
            source_resolution: Some(Size { width: 1920, height: 1080 }),
        }),
    }
}

fn person() -> Subject {
    Subject {
        track_id: TRACK,
        class: ObjectClass::Person,
        rect: Rect::new(0.3, 0.35, 0.08, 0.26),
        confidence: 0.87,
    }
}

/// A whole grey JPEG file of one pixel.
const SMALLEST_JPEG: &[u8] = &[
    0xff, 0xd8, 0xff, 0xdb, 0x00, 0x43, 0x00, 0x03, 0x02, 0x02, 0x02, 0x02, 0x02, 0x03, 0x02, 0x02, 0x02,
    0x03, 0x03, 0x03, 0x03, 0x04, 0x06, 0x04, 0x04, 0x04, 0x04, 0x04, 0x08, 0x06, 0x06, 0x05, 0x06, 0x09,
    0x08, 0x0a, 0x0a, 0x09, 0x08, 0x09, 0x09, 0x0a, 0x0c, 0x0f, 0x0c, 0x0a, 0x0b, 0x0e, 0x0b, 0x09, 0x09,
    0x0d, 0x11, 0x0d, 0x0e, 0x0f, 0x10, 0x10, 0x11, 0x10, 0x0a, 0x0c, 0x12, 0x13, 0x12, 0x10, 0x13, 0x0f,
    0x10, 0x10, 0x10, 0xff, 0xc9, 0x00, 0x0b, 0x08, 0x00, 0x01, 0x00, 0x01, 0x01, 0x01, 0x11, 0x00, 0xff,
    0xcc, 0x00, 0x06, 0x00, 0x10, 0x10, 0x05, 0xff, 0xda, 0x00, 0x08, 0x01, 0x01, 0x00, 0x00, 0x3f, 0x00,
    0xd2, 0xcf, 0x20, 0xff, 0xd9,
];
