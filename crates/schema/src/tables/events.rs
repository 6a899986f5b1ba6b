//! The events table: one row per `event-*` record of either version, or per event of an
//! `eventsExport` object.

use super::{
    Cell, NotTabular,
    fields::{Box4, Count, Head, Lenient, List, Raw, Scratch, Text},
    read,
    row::Row,
    scan::fields,
    with_frame_keys,
};
use crate::{
    SchemaId,
    streams::{FRAME_KEYS, schema_of_type},
};

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

fields! {
    /// What a record of either version has, and the list of an envelope.
    pub(super) struct Record {
        "$id" => id: Text<'a>,
        // The fields of `Head`: flattening them would cost more than repeating them.
        "frame_id" => frame_id: Raw<'a>,
        "frame_time" => frame_time: Raw<'a>,
        "event_timestamp_ms" => event_timestamp_ms: Raw<'a>,
        "system_timestamp" => system_timestamp: Raw<'a>,
        "system_date" => system_date: Raw<'a>,
        "timestamp" => timestamp: Raw<'a>,
        "instance_id" => instance_id: Raw<'a>,
        "event_id" => event_id: Raw<'a>,
        "object_class" => object_class: Raw<'a>,
        "tracking_id" => tracking_id: Raw<'a>,
        "ref_tracking_id" => ref_tracking_id: Raw<'a>,
        "area" => area: Lenient<Zone<'a>>,
        "area_id" => area_id: Raw<'a>,
        "area_name" => area_name: Raw<'a>,
        "line" => line: Lenient<Zone<'a>>,
        "tripwire_id" => tripwire_id: Raw<'a>,
        "tripwire_name" => tripwire_name: Raw<'a>,
        "direction" => direction: Raw<'a>,
        "crossing_direction" => crossing_direction: Raw<'a>,
        "object_state" => object_state: Raw<'a>,
        "location" => location: Lenient<Box4<'a>>,
        "confidence" => confidence: Raw<'a>,
        "duration_ms" => duration_ms: Raw<'a>,
        "event_duration_ms" => event_duration_ms: Raw<'a>,
        "targets" => targets: Count,
        "events" => events: List<Old<'a>>,
    }
}

fields! {
    struct Zone {
        "id" => id: Raw<'a>,
        "name" => name: Raw<'a>,
    }
}

fields! {
    /// One event of an envelope.
    struct Old {
        "id" => id: Raw<'a>,
        "type" => kind: Text<'a>,
        "zone_id" => zone_id: Raw<'a>,
        "zone_name" => zone_name: Raw<'a>,
        "tripwire_id" => tripwire_id: Raw<'a>,
        "tripwire_name" => tripwire_name: Raw<'a>,
        "extra" => extra: Lenient<Extra<'a>>,
    }
}

fields! {
    struct Extra {
        "bbox" => bbox: Lenient<Box4<'a>>,
        "track_id" => track_id: Raw<'a>,
        "class" => class: Raw<'a>,
        "crossing_direction" => crossing_direction: Raw<'a>,
        "duration" => duration: Raw<'a>,
        "count" => count: Raw<'a>,
    }
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
    let mut cells = Row::<{ COLUMNS.len() }>::of(head.cells(&mut scratch));
    match &record.id.0 {
        Some(id) if id.starts_with("event-") => {
            row(cells.with(record_cells(id, &record)));
            Ok(1)
        }
        Some(_) => Ok(0),
        None => {
            for event in &record.events.0 {
                row(cells.with(old_cells(event)));
            }
            Ok(record.events.0.len())
        }
    }
}

/// Columns behind those of the frame.
const OWN: usize = COLUMNS.len() - FRAME_KEYS.len();

fn record_cells<'a>(id: &'a str, record: &Record<'a>) -> [Cell<'a>; OWN] {
    let [x, y, width, height] = record.location.0.cells();
    [
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

fn old_cells<'a>(event: &'a Old<'a>) -> [Cell<'a>; OWN] {
    let extra = &event.extra.0;
    let [x, y, width, height] = extra.bbox.0.cells();
    let kind = event.kind.0.as_deref().unwrap_or_default();
    let schema = schema_of_type(kind);
    let state =
        matches!(schema, Some(SchemaId::EventObjectLeftRemoved)).then(|| kind.trim_start_matches("object_"));
    // The envelope counts in seconds.
    let seconds = extra.duration.0.and_then(|raw| raw.parse::<f64>().ok());
    [
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
