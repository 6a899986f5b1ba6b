//! The events table: one row per `event-*` record of either version, or per event of an
//! `eventsExport` object.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Cell, NotTabular,
    fields::{Box4, Count, Head, Lenient, List, Scratch},
    read, with_frame_keys,
};
use crate::{SchemaId, streams::schema_of_type};

/// Columns of PRODUCT section 6. `event_type` is the id of the schema, from either source.
/// `direction` of an `event-object-left-removed` is `left` or `removed`; an event of several
/// objects (`event-crowd-detection`) has `count` in place of class, track and box.
pub(super) const COLUMNS: [&str; 21] = with_frame_keys([
    "event_id",
    "event_type",
    "object_class",
    "track_id",
    "zone_id",
    "zone_name",
    "tripwire_id",
    "tripwire_name",
    "direction",
    "x",
    "y",
    "width",
    "height",
    "confidence",
    "duration_ms",
    "count",
]);

/// What a record of either version has, and the list of an envelope.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(rename = "$id", borrow)]
    id: Option<Cow<'a, str>>,
    // The fields of `Head`: flattening them would cost more than repeating them.
    frame_id: Option<&'a RawValue>,
    frame_time: Option<&'a RawValue>,
    event_timestamp_ms: Option<&'a RawValue>,
    system_timestamp: Option<&'a RawValue>,
    system_date: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    instance_id: Option<&'a RawValue>,
    event_id: Option<&'a RawValue>,
    object_class: Option<&'a RawValue>,
    tracking_id: Option<&'a RawValue>,
    ref_tracking_id: Option<&'a RawValue>,
    area: Lenient<Zone<'a>>,
    area_id: Option<&'a RawValue>,
    area_name: Option<&'a RawValue>,
    line: Lenient<Zone<'a>>,
    tripwire_id: Option<&'a RawValue>,
    tripwire_name: Option<&'a RawValue>,
    direction: Option<&'a RawValue>,
    crossing_direction: Option<&'a RawValue>,
    object_state: Option<&'a RawValue>,
    location: Lenient<Box4<'a>>,
    confidence: Option<&'a RawValue>,
    duration_ms: Option<&'a RawValue>,
    event_duration_ms: Option<&'a RawValue>,
    targets: Count,
    events: List<Old<'a>>,
}

#[derive(Default, Deserialize)]
struct Zone<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
}

/// One event of an envelope.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Old<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(rename = "type")]
    kind: Option<Cow<'a, str>>,
    zone_id: Option<&'a RawValue>,
    zone_name: Option<&'a RawValue>,
    tripwire_id: Option<&'a RawValue>,
    tripwire_name: Option<&'a RawValue>,
    extra: Lenient<Extra<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Extra<'a> {
    #[serde(borrow)]
    bbox: Lenient<Box4<'a>>,
    track_id: Option<&'a RawValue>,
    class: Option<&'a RawValue>,
    crossing_direction: Option<&'a RawValue>,
    duration: Option<&'a RawValue>,
    count: Option<&'a RawValue>,
}

pub(super) fn rows(bytes: &[u8], mut row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    let record: Record<'_> = read(bytes)?;
    let head = Head {
        frame_id: record.frame_id,
        frame_time: record.frame_time,
        event_timestamp_ms: record.event_timestamp_ms,
        system_timestamp: record.system_timestamp,
        system_date: record.system_date,
        timestamp: record.timestamp,
        instance_id: record.instance_id,
    };
    let mut scratch = Scratch::default();
    match &record.id {
        Some(id) if id.starts_with("event-") => {
            row(&record_cells(id, &record, head.cells(&mut scratch)));
            Ok(1)
        }
        Some(_) => Ok(0),
        None => {
            let frame = head.cells(&mut scratch);
            for event in &record.events.0 {
                row(&old_cells(event, frame.clone()));
            }
            Ok(record.events.0.len())
        }
    }
}

fn record_cells<'a>(id: &'a str, record: &Record<'a>, frame: [Cell<'a>; 5]) -> [Cell<'a>; COLUMNS.len()] {
    let [frame_id, frame_time, system_timestamp, system_date, instance_id] = frame;
    let [x, y, width, height] = record.location.0.cells();
    [
        frame_id,
        frame_time,
        system_timestamp,
        system_date,
        instance_id,
        Cell::new(record.event_id),
        Cell::Text(id.into()),
        Cell::new(record.object_class),
        Cell::new(record.tracking_id).or(record.ref_tracking_id),
        Cell::new(record.area.0.id).or(record.area_id),
        Cell::new(record.area.0.name).or(record.area_name),
        Cell::new(record.line.0.id).or(record.tripwire_id),
        Cell::new(record.line.0.name).or(record.tripwire_name),
        Cell::new(record.direction).or(record.crossing_direction).or(record.object_state),
        x,
        y,
        width,
        height,
        Cell::new(record.confidence),
        Cell::new(record.duration_ms).or(record.event_duration_ms),
        record.targets.0.map_or(Cell::Empty, |count| Cell::Int(count as i64)),
    ]
}

fn old_cells<'a>(event: &'a Old<'a>, frame: [Cell<'a>; 5]) -> [Cell<'a>; COLUMNS.len()] {
    let [frame_id, frame_time, system_timestamp, system_date, instance_id] = frame;
    let extra = &event.extra.0;
    let [x, y, width, height] = extra.bbox.0.cells();
    let kind = event.kind.as_deref().unwrap_or_default();
    let schema = schema_of_type(kind);
    let state =
        matches!(schema, Some(SchemaId::EventObjectLeftRemoved)).then(|| kind.trim_start_matches("object_"));
    // The envelope counts in seconds.
    let seconds = extra.duration.and_then(|raw| raw.get().parse::<f64>().ok());
    [
        frame_id,
        frame_time,
        system_timestamp,
        system_date,
        instance_id,
        Cell::new(event.id),
        Cell::Text(schema.map_or(kind, |id| id.as_str()).into()),
        Cell::new(extra.class),
        Cell::new(extra.track_id),
        Cell::new(event.zone_id),
        Cell::new(event.zone_name),
        Cell::new(event.tripwire_id),
        Cell::new(event.tripwire_name),
        state.map_or_else(|| Cell::new(extra.crossing_direction), |state| Cell::Text(state.into())),
        x,
        y,
        width,
        height,
        Cell::Empty,
        seconds.map_or(Cell::Empty, |seconds| Cell::Int((seconds * 1e3).round() as i64)),
        Cell::new(extra.count),
    ]
}
