//! Tables' rows on their way into files.

use watchpost_schema::tables::{Cell, Table};

use crate::receiver::Item;

/// Calls `with` for each row that `item` makes; says how many there were.
///
/// # Errors
/// If `item` is no JSON object.
pub(crate) fn for_each(table: Table, item: &Item, with: impl FnMut(&[Cell<'_>])) -> Result<u64, String> {
    table.for_each_row(&item.json, with).map(|rows| rows as u64).map_err(|error| error.to_string())
}

/// Appends `text` as a JSON string.
pub(crate) fn text(text: &str, out: &mut Vec<u8>) {
    // Writing into memory does not fail.
    let _written = serde_json::to_writer(out, text);
}
