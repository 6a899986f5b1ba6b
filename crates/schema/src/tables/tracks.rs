//! The tracks table: one row per `track` record of either version, or per track of an
//! `output-tracks` object.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Cell, NotTabular,
    fields::{Box4, Head, Lenient, List, Scratch},
    read, with_frame_keys,
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

/// What a record of either version has, and the list of an object.
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
    tracking_id: Option<&'a RawValue>,
    object_class: Option<&'a RawValue>,
    location: Lenient<Box4<'a>>,
    confidence: Option<&'a RawValue>,
    detection_confidence: Option<&'a RawValue>,
    age_ms: Option<&'a RawValue>,
    is_moving: Option<&'a RawValue>,
    tracks: List<Track<'a>>,
}

/// One track of an object.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Track<'a> {
    #[serde(borrow)]
    track_id: Option<&'a RawValue>,
    class_label: Option<&'a RawValue>,
    x: Option<&'a RawValue>,
    y: Option<&'a RawValue>,
    width: Option<&'a RawValue>,
    height: Option<&'a RawValue>,
    confidence: Option<&'a RawValue>,
    track_age: Option<&'a RawValue>,
    is_moving: Option<&'a RawValue>,
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
    let frame = head.cells(&mut scratch);
    match record.id.as_deref() {
        Some("track") => {
            let [x, y, width, height] = record.location.0.cells();
            row(&joined(
                frame,
                [
                    Cell::new(record.tracking_id),
                    Cell::new(record.object_class),
                    x,
                    y,
                    width,
                    height,
                    Cell::new(record.confidence).or(record.detection_confidence),
                    Cell::new(record.age_ms),
                    Cell::new(record.is_moving),
                ],
            ));
            Ok(1)
        }
        Some(_) => Ok(0),
        None => {
            for track in &record.tracks.0 {
                row(&joined(
                    frame.clone(),
                    [
                        Cell::new(track.track_id),
                        Cell::new(track.class_label),
                        Cell::new(track.x),
                        Cell::new(track.y),
                        Cell::new(track.width),
                        Cell::new(track.height),
                        Cell::new(track.confidence),
                        Cell::new(track.track_age),
                        Cell::new(track.is_moving),
                    ],
                ));
            }
            Ok(record.tracks.0.len())
        }
    }
}

fn joined<'a>(frame: [Cell<'a>; 5], own: [Cell<'a>; 9]) -> [Cell<'a>; COLUMNS.len()] {
    let [a, b, c, d, e] = frame;
    let [f, g, h, i, j, k, l, m, n] = own;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n]
}
