//! Records of every kind, at random.

use proptest::{collection::vec, option, prelude::*};
use watchpost_model::{
    Attribute, AttributeValue, Crop, CrossingDirection, Diagnostics, Event, EventKind, Id, Instant,
    ObjectClass, ObjectState, Record, Rect, Severity, Size, Statistics, StreamTime, Subject, Timestamp,
    TrackRecord, ZoneRef,
};
use watchpost_schema::Stamp;

pub fn id() -> impl Strategy<Value = Id> {
    any::<u128>().prop_map(Id::from_u128)
}

/// Up to some 300 years, so beyond where a float holds every nanosecond.
fn stream_time() -> impl Strategy<Value = StreamTime> {
    prop_oneof![any::<u64>(), 0..100_000_000_000_000_u64].prop_map(|nanos| StreamTime::from_nanos(nanos / 2))
}

fn size() -> impl Strategy<Value = Size> {
    any::<(u32, u32)>().prop_map(|(width, height)| Size { width, height })
}

/// Years 0001 to 9999.
fn timestamp() -> impl Strategy<Value = Timestamp> {
    (-62_135_596_800_000..=253_402_207_200_000_i64).prop_map(Timestamp)
}

pub fn instant() -> impl Strategy<Value = Instant> {
    (any::<u64>(), stream_time(), timestamp(), option::of(size()))
        .prop_map(|(frame_id, time, timestamp, size)| Instant { frame_id, time, timestamp, size })
}

pub fn stamp() -> impl Strategy<Value = Stamp> {
    (id(), id(), any::<u64>()).prop_map(|(record_id, log_id, sequence)| Stamp { record_id, log_id, sequence })
}

fn class() -> impl Strategy<Value = ObjectClass> {
    prop::sample::select(ObjectClass::ALL.to_vec())
}

/// Any part of the frame, and what must not be but may come.
fn part() -> impl Strategy<Value = f32> {
    prop_oneof![8 => 0.0..=1.0_f32, 1 => any::<f32>()]
}

fn rect() -> impl Strategy<Value = Rect> {
    (part(), part(), part(), part()).prop_map(|(x, y, width, height)| Rect { x, y, width, height })
}

fn subject() -> impl Strategy<Value = Subject> {
    (id(), class(), rect(), part()).prop_map(|(track_id, class, rect, confidence)| Subject {
        track_id,
        class,
        rect,
        confidence,
    })
}

fn zone() -> impl Strategy<Value = ZoneRef> {
    (id(), ".*").prop_map(|(id, name)| ZoneRef { id, name })
}

fn direction() -> impl Strategy<Value = CrossingDirection> {
    prop_oneof![Just(CrossingDirection::Up), Just(CrossingDirection::Down)]
}

fn kind() -> impl Strategy<Value = EventKind> {
    let state = prop_oneof![Just(ObjectState::Left), Just(ObjectState::Removed)];
    prop_oneof![
        zone().prop_map(EventKind::AreaEnter),
        zone().prop_map(EventKind::AreaExit),
        zone().prop_map(EventKind::Intrusion),
        (zone(), id(), stream_time()).prop_map(|(area, start, duration)| EventKind::IntrusionEnd {
            area,
            start,
            duration
        }),
        zone().prop_map(EventKind::Loitering),
        (zone(), id(), stream_time()).prop_map(|(area, start, duration)| EventKind::LoiteringEnd {
            area,
            start,
            duration
        }),
        zone().prop_map(EventKind::Crowd),
        (zone(), direction()).prop_map(|(line, direction)| EventKind::LineCrossing { line, direction }),
        (zone(), direction(), stream_time(), id()).prop_map(|(line, direction, interval, first_track)| {
            EventKind::Tailgating { line, direction, interval, first_track }
        }),
        (zone(), state).prop_map(|(area, state)| EventKind::ObjectLeftRemoved { area, state }),
        Just(EventKind::ArmedPerson),
        (id(), stream_time()).prop_map(|(start, duration)| EventKind::ArmedPersonEnd { start, duration }),
        Just(EventKind::FallenPerson),
        (id(), stream_time()).prop_map(|(start, duration)| EventKind::FallenPersonEnd { start, duration }),
    ]
}

fn event() -> impl Strategy<Value = Event> {
    (id(), kind(), vec(subject(), 1..4)).prop_map(|(id, kind, subjects)| Event { id, kind, subjects })
}

fn track() -> impl Strategy<Value = TrackRecord> {
    (id(), class(), rect(), part(), stream_time(), any::<bool>(), vec(id(), 0..4)).prop_map(
        |(track_id, class, rect, confidence, age, is_moving, events)| TrackRecord {
            track_id,
            class,
            rect,
            confidence,
            age,
            is_moving,
            events,
        },
    )
}

fn crop() -> impl Strategy<Value = Crop> {
    (id(), option::of(id()), stream_time(), rect(), part(), vec(any::<u8>(), 0..64)).prop_map(
        |(track_id, event_id, taken_at, rect, confidence, jpeg)| Crop {
            track_id,
            event_id,
            taken_at,
            rect,
            confidence,
            jpeg,
        },
    )
}

fn attribute() -> impl Strategy<Value = Attribute> {
    let value = prop_oneof![
        ".*".prop_map(AttributeValue::Text),
        any::<bool>().prop_map(AttributeValue::Bool),
        any::<f64>().prop_map(AttributeValue::Number),
        (-1000..1000_i32).prop_map(|number| AttributeValue::Number(number.into())),
    ];
    (id(), ".*", value, option::of(part())).prop_map(|(track_id, name, value, confidence)| Attribute {
        track_id,
        name,
        value,
        confidence,
    })
}

fn diagnostics() -> impl Strategy<Value = Diagnostics> {
    let severity = prop_oneof![Just(Severity::Info), Just(Severity::Warning), Just(Severity::Error)];
    (severity, ".*", ".*").prop_map(|(severity, title, message)| Diagnostics { severity, title, message })
}

fn statistics() -> impl Strategy<Value = Statistics> {
    let counts = (any::<u64>(), any::<u64>(), any::<u64>());
    let rates = (any::<f64>(), option::of(any::<f64>()), any::<f64>());
    let rest = (timestamp(), option::of(".*"), option::of(size()), option::of(size()));
    (counts, rates, rest).prop_map(|(counts, rates, rest)| Statistics {
        frames_processed: counts.0,
        frames_dropped: counts.1,
        input_queue_size: counts.2,
        framerate: rates.0,
        source_framerate: rates.1,
        latency_ms: rates.2,
        started_at: rest.0,
        format: rest.1,
        resolution: rest.2,
        source_resolution: rest.3,
    })
}

pub fn record() -> impl Strategy<Value = Record> {
    prop_oneof![
        8 => event().prop_map(Record::Event),
        1 => track().prop_map(Record::Track),
        1 => crop().prop_map(Record::Crop),
        2 => attribute().prop_map(Record::Attribute),
        1 => diagnostics().prop_map(Record::Diagnostics),
        2 => statistics().prop_map(Record::Statistics),
    ]
}
