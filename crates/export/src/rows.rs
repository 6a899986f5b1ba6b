//! Tables' rows on their way into files.

use std::borrow::Cow;

use watchpost_schema::{StreamName, tables::Table};

use crate::receiver::Item;

/// One row's cells, as many as the table has columns; empty where nothing is known.
pub(crate) type Cells<'a> = [Cow<'a, str>];

/// The table of a stream; `None` for pictures.
pub(crate) fn table_of(stream: StreamName) -> Option<Table> {
    match stream {
        StreamName::OutputImage | StreamName::Source => None,
        StreamName::EventsExport => Some(Table::Events),
        StreamName::OutputTracks => Some(Table::Tracks),
        StreamName::OutputDetections => Some(Table::Detections),
        StreamName::ZoneStats => Some(Table::ZoneStats),
        StreamName::GlobalObjectStats => Some(Table::ObjectStats),
        StreamName::Statistics => Some(Table::Statistics),
    }
}

/// Calls `with` for each row that `item` makes.
///
/// # Errors
/// If `item` is not what the table is made of.
pub(crate) fn for_each(table: Table, item: &Item, mut with: impl FnMut(&Cells<'_>)) -> Result<(), String> {
    for row in table.rows(&item.json).map_err(|error| error.to_string())? {
        with(&row);
    }
    Ok(())
}

/// Appends a row as a flat JSON object; empty cells are null.
pub(crate) fn as_object(table: Table, cells: &Cells<'_>, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, (column, cell)) in table.columns().iter().zip(cells).enumerate() {
        if index > 0 {
            out.push(b',');
        }
        text(column, out);
        out.push(b':');
        text(cell, out);
    }
    out.push(b'}');
}

/// Appends `text` as a JSON string.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _written = serde_json::to_writer(out, text);
}
