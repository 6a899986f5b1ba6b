//! Text files: one line per row, by a template of the user's or readable as it is.

use std::borrow::Cow;

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use watchpost_schema::tables::Cell;
use watchpost_template::{Counts, Template};

use crate::{
    common::Shape,
    files::{Compress, Content, Head, Rolling, Rotate},
    format::{DataKind, Format, InstanceInfo},
    members::{Members, plain},
    metadata::{self, Data, FileSettings},
    receiver::Item,
    rows,
    tags::Tags,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "txt",
    title: "Text",
    summary: "One readable line per event, track or detection, or lines of your own making",
    schemes: &["txt"],
    accepts: &[DataKind::Records, DataKind::Objects, DataKind::Table],
    viewers: false,
    example: r#"{"uri": "txt:///events.txt", "sink": "", "config": {"schema_events": ["event-line-crossing:2"], "template": "{sys.time %F %T} {obj.object_class} crossed {obj.tripwire_name} ({obj.direction})"}}"#,
    settings: crate::settings::schema::<Settings>,
    plan: |request| metadata::plan::<Settings>(&FORMAT, request),
};

/// Keys of `config`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// A line, as a dynamic string; `{obj.NAME}` is a column of the row or a key of the object behind
    /// it. Absent: the time and everything that is known, as `name=value`.
    #[garde(skip)]
    template: Option<String>,
    /// Lines go behind what the file holds; otherwise each object is a file of its own.
    #[garde(skip)]
    append_only: bool,
    /// When the file has had enough: it is then rotated out under a numbered name. Absent: never.
    #[garde(dive)]
    rotate: Option<Rotate>,
    /// How files that were rotated out are compressed, in the background. Absent: not.
    #[garde(skip)]
    compress: Option<Compress>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { template: None, append_only: true, rotate: None, compress: None }
    }
}

impl FileSettings for Settings {
    const SHAPE: Shape = Shape::Tabular;

    fn appends(&self, _constant: bool) -> bool {
        self.append_only
    }

    fn problems(&self) -> Vec<(&'static str, String, String)> {
        let error = self.template.as_deref().and_then(|text| Template::parse(text).err());
        error
            .into_iter()
            .map(|error| ("template", format!("bad dynamic string {error}"), String::new()))
            .collect()
    }

    fn rolling(&self) -> Rolling {
        Rolling { rotate: self.rotate, compress: self.compress }
    }

    fn content(&self, data: Data, instance: &InstanceInfo) -> Box<dyn Content> {
        let template = self.template.as_deref().and_then(|text| Template::parse(text).ok());
        match template {
            Some(template) => {
                Box::new(Templated { template, data, tags: Tags::new(instance), line: String::new() })
            }
            None => Box::new(Readable { data }),
        }
    }
}

/// Lines by a template.
struct Templated {
    template: Template,
    data: Data,
    tags: Tags,
    line: String,
}

impl Content for Templated {
    fn write(
        &mut self,
        _head: &Head,
        item: &Item,
        time_ms: i64,
        counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String> {
        let mut object = if self.template.reads_object() {
            serde_json::from_slice(&item.json).map_err(|error| format!("not a JSON object: {error}"))?
        } else {
            Value::Object(serde_json::Map::new())
        };
        let Data::Table(table) = self.data else {
            self.line(&object, time_ms, counts, out);
            return Ok(1);
        };
        rows::for_each(table, item, |cells| {
            // Columns lie over the object's own keys, so both can be named.
            if let Some(map) = object.as_object_mut() {
                for (column, cell) in table.columns().iter().zip(cells) {
                    map.insert((*column).to_owned(), value(cell));
                }
            }
            self.line(&object, time_ms, counts, out);
        })
    }
}

impl Templated {
    fn line(&mut self, object: &Value, time_ms: i64, counts: &mut Counts, out: &mut Vec<u8>) {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let mut scope = self.tags.scope(object, time_ms, counts);
        self.template.render_into(&mut scope, &mut line);
        end_line(&line, out);
        self.line = line;
    }
}

/// The time, then `name=value` for all that is known.
struct Readable {
    data: Data,
}

/// Keys that say when and where, which the time at the line's beginning and the file already say.
const LEFT_OUT: [&str; 5] = ["frame_id", "frame_time", "system_timestamp", "system_date", "instance_id"];

impl Content for Readable {
    fn write(
        &mut self,
        _head: &Head,
        item: &Item,
        time_ms: i64,
        _counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String> {
        match self.data {
            Data::Objects => {
                let members = Members::of(&item.json)?.0;
                let values = members.iter().map(|(key, value)| (key.as_ref(), plain(value)));
                readable(time_ms, values, out);
                Ok(1)
            }
            Data::Table(table) => rows::for_each(table, item, |cells| {
                let values = table.columns().iter().copied().zip(cells.iter().map(Cell::text));
                readable(time_ms, values, out);
            }),
        }
    }
}

/// A cell as a template sees it; numbers keep their digits.
fn value(cell: &Cell<'_>) -> Value {
    match cell {
        Cell::Empty => Value::Null,
        Cell::Bool(yes) => Value::Bool(*yes),
        other => Value::from(other.text().as_ref()),
    }
}

fn readable<'v>(time_ms: i64, values: impl Iterator<Item = (&'v str, Cow<'v, str>)>, out: &mut Vec<u8>) {
    match jiff::Timestamp::from_millisecond(time_ms) {
        Ok(time) => out.extend_from_slice(format!("{time:.3}").as_bytes()),
        Err(_) => out.extend_from_slice(b"unknown"),
    }
    for (name, value) in values.filter(|(name, value)| !value.is_empty() && !LEFT_OUT.contains(name)) {
        out.push(b' ');
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        if value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"') {
            rows::text(&value, out);
        } else {
            out.extend_from_slice(value.as_bytes());
        }
    }
    out.push(b'\n');
}

/// Appends a line; line ends within it become spaces, for one row is one line.
fn end_line(line: &str, out: &mut Vec<u8>) {
    out.extend(line.bytes().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte }));
    out.push(b'\n');
}
