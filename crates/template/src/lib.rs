//! Dynamic strings (PRODUCT section 11): parse, render, confine.
//!
//! One language serves file paths, MQTT topics and lines of text:
//!
//! | tag | value |
//! |---|---|
//! | `{obj.a.b}` | any value of the exported object or record, list items by number |
//! | `{sys.time [strftime]}` | the object's own time, `%F_%H%M%S` where no format is given |
//! | `{sys.count [label]}` | how many objects this export has named so, from 1 |
//! | `{instance.id}`, `{instance.name}` | the instance |
//! | `{{`, `}}` | a literal brace |
//!
//! Filters follow in order, each after a `|`: `pad:6` (zeros to the left), `lower`, `slug`,
//! `default:TEXT`. Whatever has no value is the text `unknown`, and is counted.
//!
//! A template is checked once, when it is saved ([`Template::parse`], [`Template::parse_path`]); after
//! that rendering cannot fail. What it renders depends on nothing but the [`Scope`]: the same
//! object, time and counts give the same text. Nothing here touches the disk.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod filter;
mod parse;
mod path;
mod render;
mod scope;
mod time;

pub use path::{MAX_COMPONENT_BYTES, MAX_PATH_BYTES, MAX_VALUE_BYTES};
pub use scope::{Counts, FrameKeys, Scope};

use filter::Filter;

/// A template may have at most this many bytes: far more than a line of text needs, little enough
/// that a file read by mistake is refused.
pub const MAX_TEMPLATE_BYTES: usize = 16 * 1024;

/// A template may have at most this many tags; each is a lookup per object.
pub const MAX_TAGS: usize = 128;

/// A parsed dynamic string.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    /// Why this template cannot name a file; found once, at parse.
    path_fault: Option<ParseError>,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {message}")]
pub struct ParseError {
    /// Which character (not byte) of the template, the first being 1.
    pub position: usize,
    /// What was found, what was expected, and the valid choices.
    pub message: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Literal(String),
    Tag(Tag),
}

#[derive(Clone, Debug, PartialEq)]
struct Tag {
    value: Value,
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    /// Keys and list positions, outermost first; never empty.
    Object(Vec<String>),
    /// A strftime format that was tried at parse.
    Time(String),
    Count {
        label: String,
        /// Whether this is the label's first tag in the template: that one counts, the others repeat it.
        advances: bool,
    },
    InstanceId,
    InstanceName,
}

impl Template {
    /// Parses a template for text or a topic.
    ///
    /// # Errors
    /// Says where it is wrong, and what may stand there.
    pub fn parse(source: &str) -> Result<Self, ParseError> {
        let parts = parse::parse(source)?;
        let path_fault = path::fault(&parts, source);
        Ok(Self { source: source.to_owned(), parts, path_fault })
    }

    /// Parses a template that names a file; [`Self::render_path`] of it never fails.
    ///
    /// # Errors
    /// As [`Self::parse`]; and if it names a folder, climbs (`..`) after its first tag, holds control
    /// characters, or could grow past [`MAX_COMPONENT_BYTES`] or [`MAX_PATH_BYTES`].
    pub fn parse_path(source: &str) -> Result<Self, ParseError> {
        let template = Self::parse(source)?;
        template.path_fault.clone().map_or(Ok(template), Err)
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it renders to the same text for every object.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }

    /// Whether rendering it advances [`Scope::counts`].
    pub fn has_counts(&self) -> bool {
        let counts = |part: &Part| matches!(part, Part::Tag(Tag { value: Value::Count { .. }, .. }));
        self.parts.iter().any(counts)
    }

    /// Whether it looks into the object, so that the object must be parsed to render it.
    pub fn reads_object(&self) -> bool {
        let reads = |part: &Part| matches!(part, Part::Tag(Tag { value: Value::Object(_), .. }));
        self.parts.iter().any(reads)
    }
}
