//! JSON files: objects one after another, or one file each.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_template::Counts;

use crate::{
    files::{Compress, Content, Head, Rolling, Rotate},
    format::{DataKind, Format, InstanceInfo},
    json_text::indented,
    metadata::{self, Data, FileSettings},
    receiver::Item,
    rows,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "json",
    title: "JSON",
    summary: "JSON objects in a file, one per line or indented, or a file for each",
    schemes: &["json"],
    accepts: &[DataKind::Records, DataKind::Objects, DataKind::Table],
    viewers: false,
    example: r#"{"uri": "json:///events.json", "sink": "", "config": {"schema_events": ["event-intrusion:2", "event-intrusion-end:2"], "append_only": true, "minify": true}}"#,
    settings: crate::settings::schema::<Settings>,
    plan: |request| metadata::plan::<Settings>(&FORMAT, request),
};

/// Keys of `config`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// One line per object; otherwise indented.
    #[garde(skip)]
    minify: bool,
    /// Objects go behind what the file holds; otherwise each object is a file of its own, which
    /// replaces one of the same name. Absent: on where the name has no dynamic part.
    #[garde(skip)]
    append_only: Option<bool>,
    /// When the file has had enough: it is then rotated out under a numbered name. Absent: never.
    #[garde(dive)]
    rotate: Option<Rotate>,
    /// How files that were rotated out are compressed, in the background. Absent: not.
    #[garde(skip)]
    compress: Option<Compress>,
}

impl FileSettings for Settings {
    fn appends(&self, constant: bool) -> bool {
        // One file that only ever holds the last object is hardly meant unless it is said.
        self.append_only.unwrap_or(constant)
    }

    fn rolling(&self) -> Rolling {
        Rolling { rotate: self.rotate, compress: self.compress }
    }

    fn content(&self, data: Data, _instance: &InstanceInfo) -> Box<dyn Content> {
        Box::new(JsonContent { minify: self.minify, data, row: Vec::new() })
    }
}

struct JsonContent {
    minify: bool,
    data: Data,
    row: Vec<u8>,
}

impl JsonContent {
    fn object(&self, json: &[u8], out: &mut Vec<u8>) {
        if self.minify {
            out.extend_from_slice(json);
        } else {
            indented(json, out);
        }
        out.push(b'\n');
    }
}

impl Content for JsonContent {
    fn write(
        &mut self,
        _head: &Head,
        item: &Item,
        _time_ms: i64,
        _counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String> {
        let Data::Table(table) = self.data else {
            self.object(&item.json, out);
            return Ok(1);
        };
        let mut row = std::mem::take(&mut self.row);
        let rows = rows::for_each(table, item, |cells| {
            row.clear();
            table.write_json(cells, &mut row);
            self.object(&row, out);
        });
        self.row = row;
        rows
    }
}
