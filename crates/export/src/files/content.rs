//! What a format is to the shared machinery: bytes for an item.

use serde::{Deserialize, Serialize};
use watchpost_template::Counts;

use crate::receiver::Item;

/// Turns items into bytes. One per receiver; buffers inside it are reused.
pub(crate) trait Content: Send {
    /// What a file that begins with `item` has at its top. Asked once per file and kept over restarts.
    ///
    /// # Errors
    /// Why `item` can never be written.
    fn head(&mut self, item: &Item) -> Result<Head, String> {
        let _any = item;
        Ok(Head::default())
    }

    /// Appends `item` to `out`, line end included; says how many rows or objects that made (0: there
    /// was nothing to write).
    ///
    /// # Errors
    /// Why `item` can never be written; `out` may then hold a part of it, which the caller cuts.
    fn write(
        &mut self,
        head: &Head,
        item: &Item,
        time_ms: i64,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String>;
}

/// What the first item of a file settled for all that follow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Head {
    /// The file's first line, line end included; empty for none. A file with another first line is
    /// not appended to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub line: String,
    /// Names of the columns, where a row has some.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}
