//! CSV files (RFC 4180): rows of fixed columns.

use garde::Validate;
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_schema::tables::Cell;
use watchpost_template::Counts;

use crate::{
    common::Shape,
    files::{Compress, Content, Head, Rolling, Rotate},
    format::{DataKind, Format, InstanceInfo},
    json_text::indented,
    members::{Members, is_nested, plain},
    metadata::{self, Data, FileSettings},
    receiver::Item,
    rows,
};

/// See the module.
pub static FORMAT: Format = Format {
    name: "csv",
    title: "CSV",
    summary: "Rows with fixed columns for spreadsheets and data tools",
    schemes: &["csv"],
    accepts: &[DataKind::Records, DataKind::Objects, DataKind::Table],
    viewers: false,
    example: r#"{"uri": "csv:///tracks-{sys.time %F}.csv", "sink": "output-tracks", "config": {"separator": ";"}}"#,
    settings: crate::settings::schema::<Settings>,
    plan: |request| metadata::plan::<Settings>(&FORMAT, request),
};

/// Keys of `config`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Settings {
    /// Between two cells: one ASCII character, `tab` for a tab.
    #[garde(skip)]
    separator: String,
    /// Nested values stand in their cells as JSON on one line; otherwise indented.
    #[garde(skip)]
    minify: bool,
    /// Rows go behind what the file holds; otherwise each object is a file of its own.
    #[garde(skip)]
    append_only: bool,
    /// The first line of a file names the columns.
    #[garde(skip)]
    header: bool,
    /// When the file has had enough: it is then rotated out under a numbered name. Absent: never.
    #[garde(dive)]
    rotate: Option<Rotate>,
    /// How files that were rotated out are compressed, in the background. Absent: not.
    #[garde(skip)]
    compress: Option<Compress>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            separator: ",".to_owned(),
            minify: false,
            append_only: true,
            header: true,
            rotate: None,
            compress: None,
        }
    }
}

impl Settings {
    fn separator(&self) -> Option<u8> {
        match self.separator.as_bytes() {
            b"tab" => Some(b'\t'),
            [one] if one.is_ascii() && !b"\"\r\n".contains(one) && (*one >= b' ' || *one == b'\t') => {
                Some(*one)
            }
            _ => None,
        }
    }
}

impl FileSettings for Settings {
    const SHAPE: Shape = Shape::Tabular;

    fn appends(&self, _constant: bool) -> bool {
        self.append_only
    }

    fn problems(&self) -> Vec<(&'static str, String, String)> {
        let shown = &self.separator;
        match self.separator() {
            Some(_) => Vec::new(),
            None => vec![(
                "separator",
                format!("`{shown}` cannot separate cells"),
                "expected one ASCII character such as \",\" or \";\", or \"tab\"".to_owned(),
            )],
        }
    }

    fn rolling(&self) -> Rolling {
        Rolling { rotate: self.rotate, compress: self.compress }
    }

    fn content(&self, data: Data, _instance: &InstanceInfo) -> Box<dyn Content> {
        let separator = self.separator().unwrap_or(b',');
        // Digits, signs and points need quotes only where one of them separates cells.
        let bare_numbers = !b"+-.eE0123456789".contains(&separator);
        Box::new(CsvContent { separator, bare_numbers, minify: self.minify, header: self.header, data })
    }
}

/// The last column where columns come from a file's first object: what later ones have besides.
const MORE: &str = "more";

struct CsvContent {
    separator: u8,
    bare_numbers: bool,
    minify: bool,
    header: bool,
    data: Data,
}

impl Content for CsvContent {
    fn head(&mut self, item: &Item) -> Result<Head, String> {
        let mut head = Head::default();
        let mut line = Vec::new();
        match self.data {
            Data::Table(table) => self.line(table.columns().iter().copied(), &mut line),
            Data::Objects => {
                let members = Members::of(&item.json)?;
                head.columns = members.0.into_iter().map(|(key, _)| key.into_owned()).collect();
                self.line(head.columns.iter().map(String::as_str).chain([MORE]), &mut line);
            }
        }
        if self.header {
            head.line = String::from_utf8(line).map_err(|error| error.to_string())?;
        }
        Ok(head)
    }

    fn write(
        &mut self,
        head: &Head,
        item: &Item,
        _time_ms: i64,
        _counts: &mut Counts,
        out: &mut Vec<u8>,
    ) -> Result<u64, String> {
        match self.data {
            Data::Objects => self.object(head, item, out).map(|()| 1),
            Data::Table(table) => rows::for_each(table, item, |cells| self.row(cells, out)),
        }
    }
}

impl CsvContent {
    fn line<'c>(&self, cells: impl Iterator<Item = &'c str>, out: &mut Vec<u8>) {
        for (index, text) in cells.enumerate() {
            if index > 0 {
                out.push(self.separator);
            }
            cell(text.as_bytes(), self.separator, out);
        }
        out.extend_from_slice(LINE_END);
    }

    fn row(&self, cells: &[Cell<'_>], out: &mut Vec<u8>) {
        for (index, value) in cells.iter().enumerate() {
            if index > 0 {
                out.push(self.separator);
            }
            match value {
                Cell::Empty => {}
                Cell::Number(number) if self.bare_numbers => out.extend_from_slice(number.as_bytes()),
                Cell::Json(json) if !self.minify => {
                    let mut text = Vec::new();
                    indented(json.as_bytes(), &mut text);
                    cell(&text, self.separator, out);
                }
                other => cell(other.text().as_bytes(), self.separator, out),
            }
        }
        out.extend_from_slice(LINE_END);
    }

    fn object(&self, head: &Head, item: &Item, out: &mut Vec<u8>) -> Result<(), String> {
        let mut members = Members::of(&item.json)?.0;
        let mut text = Vec::new();
        for column in &head.columns {
            // Objects of a kind have their keys in one order, so it is nearly always the first left.
            if let Some(index) = members.iter().position(|(key, _)| key == column) {
                let (_, value) = members.remove(index);
                if is_nested(value) && !self.minify {
                    text.clear();
                    indented(value.get().as_bytes(), &mut text);
                    cell(&text, self.separator, out);
                } else {
                    cell(plain(value).as_bytes(), self.separator, out);
                }
            }
            out.push(self.separator);
        }
        if !members.is_empty() {
            let mut more = b"{".to_vec();
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    more.push(b',');
                }
                rows::text(key, &mut more);
                more.push(b':');
                more.extend_from_slice(value.get().as_bytes());
            }
            more.push(b'}');
            text.clear();
            if self.minify {
                text = more;
            } else {
                indented(&more, &mut text);
            }
            cell(&text, self.separator, out);
        }
        out.extend_from_slice(LINE_END);
        Ok(())
    }
}

/// RFC 4180 section 2.1.
const LINE_END: &[u8] = b"\r\n";

/// Appends a cell, in quotes where it holds something that would end it (RFC 4180 sections 2.6, 2.7).
fn cell(text: &[u8], separator: u8, out: &mut Vec<u8>) {
    // No early end: so the compiler looks at 16 bytes at once.
    let special = |byte: &u8| *byte == separator || matches!(byte, b'"' | b'\r' | b'\n');
    if !text.iter().fold(false, |found, byte| found | special(byte)) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for piece in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(piece);
        if piece.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}
