//! The tracks table: one row per `track` record of either version, or per track of an
//! `output-tracks` object.

use super::{
    Cell, NotTabular,
    fields::{Box4, Head, Lenient, List, Raw, Scratch, Skipped, Text},
    read,
    row::Row,
    scan::fields,
    with_frame_keys,
};

/// Columns of PRODUCT section 6.
pub(super) const COLUMNS: [&str; 14] = with_frame_keys([
    "track_id",
    "object_class",
    "x",
    "y",
    "width",
    "height",
    "confidence",
    "age_ms",
    "is_moving",
]);

fields! {
    /// What a record of either version has, and the list of an object.
    pub(super) struct Record {
        "$id" => id: Text<'a>,
        "$version" => version: Skipped,
        "record_id" => record_id: Skipped,
        "log_id" => log_id: Skipped,
        "sequence" => sequence: Skipped,
        // The fields of `Head`: flattening them would cost more than repeating them.
        "instance_id" => instance_id: Raw<'a>,
        "instance_name" => instance_name: Skipped,
        "frame_id" => frame_id: Raw<'a>,
        "frame_time" => frame_time: Raw<'a>,
        "frame_width" => frame_width: Skipped,
        "frame_height" => frame_height: Skipped,
        "event_timestamp_ms" => event_timestamp_ms: Raw<'a>,
        "system_timestamp" => system_timestamp: Raw<'a>,
        "system_date" => system_date: Raw<'a>,
        "timestamp" => timestamp: Raw<'a>,
        "tracking_id" => tracking_id: Raw<'a>,
        "object_class" => object_class: Raw<'a>,
        "confidence" => confidence: Raw<'a>,
        "detection_confidence" => detection_confidence: Raw<'a>,
        "location" => location: Lenient<Box4<'a>>,
        "age_ms" => age_ms: Raw<'a>,
        "is_moving" => is_moving: Raw<'a>,
        "events" => events: Skipped,
        "tracks" => tracks: List<Track<'a>>,
    }
}

fields! {
    /// One track of an object.
    struct Track {
        "x" => x: Raw<'a>,
        "y" => y: Raw<'a>,
        "width" => width: Raw<'a>,
        "height" => height: Raw<'a>,
        "label" => label: Skipped,
        "track_id" => track_id: Raw<'a>,
        "external_id" => external_id: Skipped,
        "class_label" => class_label: Raw<'a>,
        "is_moving" => is_moving: Raw<'a>,
        "track_age" => track_age: Raw<'a>,
        "confidence" => confidence: Raw<'a>,
        "events" => events: Skipped,
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
    match record.id.0.as_deref() {
        Some("track") => {
            let [x, y, width, height] = record.location.0.cells();
            row(cells.with([
                Cell::new(record.tracking_id),
                Cell::new(record.object_class),
                x,
                y,
                width,
                height,
                Cell::new(record.confidence).or(record.detection_confidence),
                Cell::new(record.age_ms),
                Cell::new(record.is_moving),
            ]));
            Ok(1)
        }
        Some(_) => Ok(0),
        None => {
            for track in &record.tracks.0 {
                row(cells.with([
                    Cell::new(track.track_id),
                    Cell::new(track.class_label),
                    Cell::new(track.x),
                    Cell::new(track.y),
                    Cell::new(track.width),
                    Cell::new(track.height),
                    Cell::new(track.confidence),
                    Cell::new(track.track_age),
                    Cell::new(track.is_moving),
                ]));
            }
            Ok(record.tracks.0.len())
        }
    }
}
