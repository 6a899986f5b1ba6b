//! The tables of figures: one row per object of `zone_stats`, `global_object_stats`,
//! `statistics`, or per `statistics` record.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Cell, NotTabular,
    fields::{Head, Raw, Scratch},
    read_slowly, text_of, with_frame_keys,
};
use crate::{SchemaId, Version, convert, identify};

/// Columns of `zone_stats`.
pub(super) const ZONE_COLUMNS: [&str; 8] =
    with_frame_keys(["occupancyRate", "numOccupiedZones", "numVacantZones"]);

/// Columns of `global_object_stats`.
pub(super) const OBJECT_COLUMNS: [&str; 9] =
    with_frame_keys(["numPeople", "numVehicles", "numAnimals", "numUnknown"]);

/// Columns of `statistics`; the sizes are in pixels.
pub(super) const STATISTICS_COLUMNS: [&str; 17] = with_frame_keys([
    "started_at",
    "frames_processed",
    "frames_dropped",
    "framerate",
    "source_framerate",
    "latency_ms",
    "input_queue_size",
    "format",
    "width",
    "height",
    "source_width",
    "source_height",
]);

/// Any object of figures: they come once per second, so all share one slow and simple way, a list
/// of key and value.
pub(crate) struct Figures<'a>(pub(crate) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Figures<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Figures<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push((key.into(), value));
                }
                Ok(Figures(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl<'a> Figures<'a> {
    fn get(&self, key: &str) -> Raw<'a> {
        Raw(self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.get()))
    }

    /// The value at `key`, or at `inner` of the object at `key`.
    fn within(&self, key: &str, inner: &str) -> Raw<'a> {
        let object = self.get(key).0.and_then(|raw| serde_json::from_str::<Figures<'a>>(raw).ok());
        object.map_or(Raw(None), |object| object.get(inner))
    }
}

fn one_row(bytes: &[u8], columns: &[&str], mut row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    let figures: Figures<'_> = read_slowly(text_of(bytes)?)?;
    let head = Head {
        frame_id: figures.get("frame_id"),
        frame_time: figures.get("frame_time"),
        event_timestamp_ms: figures.get("event_timestamp_ms"),
        system_timestamp: figures.get("system_timestamp"),
        system_date: figures.get("system_date"),
        timestamp: figures.get("timestamp"),
        instance_id: figures.get("instance_id"),
    };
    let mut scratch = Scratch::default();
    let mut cells = head.cells(&mut scratch).to_vec();
    cells.extend(columns.iter().skip(cells.len()).map(|column| {
        Cell::new(match *column {
            "width" | "height" => figures.within("resolution", column),
            "source_width" => figures.within("source_resolution", "width"),
            "source_height" => figures.within("source_resolution", "height"),
            _ => figures.get(column),
        })
    }));
    row(&cells);
    Ok(1)
}

pub(super) fn zone_rows(bytes: &[u8], row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    one_row(bytes, &ZONE_COLUMNS, row)
}

pub(super) fn object_rows(bytes: &[u8], row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    one_row(bytes, &OBJECT_COLUMNS, row)
}

/// A version 1 record has its figures as text: it is read as version 2.
pub(super) fn statistics_rows(bytes: &[u8], row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    match identify(bytes) {
        Ok((SchemaId::Statistics, Version::V1)) => {
            let converted =
                convert(bytes, Version::V1, Version::V2).map_err(|error| NotTabular(error.to_string()))?;
            one_row(&converted, &STATISTICS_COLUMNS, row)
        }
        Ok((SchemaId::Statistics, _)) | Err(_) => one_row(bytes, &STATISTICS_COLUMNS, row),
        Ok(_) => Ok(0),
    }
}
