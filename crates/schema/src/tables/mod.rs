//! Records and stream objects as flat rows with fixed columns (PRODUCT section 6 "Tabular shape").
//!
//! Rows are made from JSON bytes of either version without building values: cells borrow from the
//! bytes, and a number keeps the digits it was written with. What a record lacks is an empty cell.

mod cell;
mod detections;
mod events;
pub(crate) mod fields;
pub(crate) mod figures;
mod row;
pub(crate) mod scan;
mod tracks;

use serde::Deserialize;

use self::scan::Scan;
use crate::{SchemaId, streams::StreamName};

pub use cell::Cell;

/// A table: what its rows are and which columns it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// One row per `event-*` record, or per event of an `eventsExport` object.
    Events,
    /// One row per `track` record, or per track of an `output-tracks` object.
    Tracks,
    /// One row per detection of an `output-detections` object.
    Detections,
    /// One row per `zone_stats` object.
    ZoneStats,
    /// One row per `global_object_stats` object.
    ObjectStats,
    /// One row per `statistics` object or record.
    Statistics,
}

/// Why no rows can be made of some bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no row can be made of this: {0}; expected a JSON object")]
pub struct NotTabular(String);

impl From<serde_json::Error> for NotTabular {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Why a set of records has no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "these records do not fit one table: rows are made of `event-*` records or of `track` records alone; \
     choose those, or set `shape` to `objects`"
)]
pub struct MixedTable;

impl Table {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Events, Self::Tracks, Self::Detections, Self::ZoneStats, Self::ObjectStats, Self::Statistics];

    /// The table of a stream; pictures have none.
    pub const fn of_stream(stream: StreamName) -> Option<Self> {
        match stream {
            StreamName::OutputImage | StreamName::Source => None,
            StreamName::Events => Some(Self::Events),
            StreamName::Tracks => Some(Self::Tracks),
            StreamName::Detections => Some(Self::Detections),
            StreamName::ZoneStats => Some(Self::ZoneStats),
            StreamName::ObjectStats => Some(Self::ObjectStats),
            StreamName::Statistics => Some(Self::Statistics),
        }
    }

    /// The table of an export of records (PRODUCT section 10).
    ///
    /// # Errors
    /// If `ids` are neither all events nor `track` alone.
    pub fn of_records(ids: &[SchemaId]) -> Result<Self, MixedTable> {
        match ids {
            [] => Err(MixedTable),
            _ if ids.iter().all(|id| id.is_event()) => Ok(Self::Events),
            _ if ids.iter().all(|id| *id == SchemaId::Track) => Ok(Self::Tracks),
            _ => Err(MixedTable),
        }
    }

    /// Names of the columns; the first five are those of every stream object.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Events => &events::COLUMNS,
            Self::Tracks => &tracks::COLUMNS,
            Self::Detections => &detections::COLUMNS,
            Self::ZoneStats => &figures::ZONE_COLUMNS,
            Self::ObjectStats => &figures::OBJECT_COLUMNS,
            Self::Statistics => &figures::STATISTICS_COLUMNS,
        }
    }

    /// Calls `row` with the cells of each row that the record or object in `bytes` makes, as many
    /// cells as there are columns. Answers how many rows there were: 0 for a record of another
    /// kind than the table's, or a frame with nothing in it.
    ///
    /// # Errors
    /// If `bytes` are no JSON object.
    pub fn for_each_row(self, bytes: &[u8], row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
        match self {
            Self::Events => events::rows(bytes, row),
            Self::Tracks => tracks::rows(bytes, row),
            Self::Detections => detections::rows(bytes, row),
            Self::ZoneStats => figures::zone_rows(bytes, row),
            Self::ObjectStats => figures::object_rows(bytes, row),
            Self::Statistics => figures::statistics_rows(bytes, row),
        }
    }

    /// The same rows, all at once and independent of `bytes`; slower.
    ///
    /// # Errors
    /// As [`Self::for_each_row`].
    pub fn rows(self, bytes: &[u8]) -> Result<Vec<Vec<Cell<'static>>>, NotTabular> {
        let mut rows = Vec::new();
        self.for_each_row(bytes, |cells| rows.push(cells.iter().map(Cell::to_static).collect()))?;
        Ok(rows)
    }

    /// Appends one row as a JSON object, column → value, to `out`; empty cells are left out.
    pub fn write_json(self, cells: &[Cell<'_>], out: &mut Vec<u8>) {
        out.push(b'{');
        let mut first = true;
        for (column, cell) in self.columns().iter().zip(cells) {
            if matches!(cell, Cell::Empty) {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.push(b',');
            }
            crate::encode::write(column, out);
            out.push(b':');
            cell.write_json(out);
        }
        out.push(b'}');
    }
}

/// Reads a JSON object, quickly if it is written as we write.
pub(crate) fn read<'a, T: Scan<'a> + Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, NotTabular> {
    let text = text_of(bytes)?;
    scan::scan(text).map_or_else(|| read_slowly(text), Ok)
}

/// Reads any JSON object.
fn read_slowly<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, NotTabular> {
    Ok(serde_json::from_str(text)?)
}

/// Checked as a whole: serde_json would do so value by value, which is slower by about a third.
fn text_of(bytes: &[u8]) -> Result<&str, NotTabular> {
    std::str::from_utf8(bytes).map_err(|error| NotTabular(error.to_string()))
}

/// The five columns that every table begins with, then its own.
const fn with_frame_keys<const N: usize, const M: usize>(own: [&'static str; M]) -> [&'static str; N] {
    let frame = crate::streams::FRAME_KEYS;
    assert!(N == M + frame.len());
    let mut columns = [""; N];
    let mut index = 0;
    while index < N {
        columns[index] = if index < frame.len() { frame[index] } else { own[index - frame.len()] };
        index += 1;
    }
    columns
}
