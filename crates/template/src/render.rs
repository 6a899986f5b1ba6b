//! From parts and an object to text.

use std::{borrow::Cow, fmt::Write as _};

use serde_json::Value as Json;

use crate::{Part, Scope, Tag, Template, Value, time};

/// Stands where a value is missing.
pub(crate) const UNKNOWN: &str = "unknown";

impl Template {
    /// The text for this object, values as they are.
    pub fn render(&self, scope: &mut Scope<'_>) -> String {
        let mut out = String::with_capacity(self.source.len() + 32);
        self.render_into(scope, &mut out);
        out
    }

    /// Appends the text for this object; for callers that write many into one buffer.
    pub fn render_into(&self, scope: &mut Scope<'_>, out: &mut String) {
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Tag(tag) => out.push_str(&tag.text(scope)),
            }
        }
    }

    /// The MQTT topic for this object: values lose `/`, `+`, `#` and control characters, so data
    /// never adds a level or a wildcard (MQTT 5.0 section 4.7).
    pub fn render_topic(&self, scope: &mut Scope<'_>) -> String {
        let mut out = String::with_capacity(self.source.len() + 32);
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Tag(tag) => {
                    let no_level = |c: char| if c.is_control() || "/+#".contains(c) { '_' } else { c };
                    out.extend(tag.text(scope).chars().map(no_level));
                }
            }
        }
        out
    }
}

impl Tag {
    /// The tag's value with its filters; a missing one is counted.
    pub(crate) fn text<'t, 's: 't>(&'t self, scope: &mut Scope<'s>) -> Cow<'t, str> {
        let value = self.value.text(scope);
        let value = self.filters.iter().fold(value, |value, filter| filter.apply(value));
        value.unwrap_or_else(|| {
            scope.missing = scope.missing.saturating_add(1);
            Cow::Borrowed(UNKNOWN)
        })
    }
}

impl Value {
    fn text<'t, 's: 't>(&'t self, scope: &mut Scope<'s>) -> Option<Cow<'t, str>> {
        match self {
            Self::Object(path) => lookup(scope.object, path).or_else(|| frame_key(path, scope)),
            Self::Time(format) => time::text(scope.time_ms, scope.time_zone, format).map(Cow::Owned),
            Self::Count { label, advances } => {
                let count = if *advances { scope.counts.advance(label) } else { scope.counts.last(label) };
                Some(Cow::Owned(count.to_string()))
            }
            Self::InstanceId => Some(Cow::Borrowed(scope.instance_id)),
            Self::InstanceName => Some(Cow::Borrowed(scope.instance_name)),
        }
    }
}

/// The value at `path`: text as it is, numbers bare, lists and objects as JSON. A null is no value.
fn lookup<'s>(object: &'s Json, path: &[String]) -> Option<Cow<'s, str>> {
    let value = path.iter().try_fold(object, |value, key| match value {
        Json::Object(map) => map.get(key),
        Json::Array(items) => items.get(key.parse::<usize>().ok()?),
        _ => None,
    })?;
    match value {
        Json::Null => None,
        Json::String(text) => Some(Cow::Borrowed(text)),
        Json::Bool(true) => Some(Cow::Borrowed("true")),
        Json::Bool(false) => Some(Cow::Borrowed("false")),
        Json::Number(number) => Some(Cow::Owned(match number.as_f64() {
            Some(float) if number.is_f64() => float_text(float),
            _ => number.to_string(),
        })),
        Json::Array(_) | Json::Object(_) => Some(Cow::Owned(value.to_string())),
    }
}

/// The shortest text that reads back as the same number: `40`, `0.25`, `1e300`.
fn float_text(float: f64) -> String {
    let mut text = String::new();
    // Beyond 2^53 and below 1e-5 the plain form grows zeros that say nothing.
    let plain = float == 0.0 || (1e-5..9_007_199_254_740_992.0).contains(&float.abs());
    let _written = if plain { write!(text, "{float}") } else { write!(text, "{float:e}") };
    text
}

/// The five frame keys are always there (PRODUCT section 11), also for version 1 records, which do
/// not carry them all.
fn frame_key<'s>(path: &[String], scope: &Scope<'s>) -> Option<Cow<'s, str>> {
    let [key] = path else { return None };
    match key.as_str() {
        "frame_id" => scope.frame.map(|frame| Cow::Owned(frame.id.to_string())),
        "frame_time" => match scope.frame {
            Some(frame) => Some(Cow::Owned(float_text(frame.time_ms))),
            // Version 1 carries the same clock under this name, in whole milliseconds.
            None => scope
                .object
                .get("event_timestamp_ms")
                .and_then(Json::as_u64)
                .map(|ms| Cow::Owned(ms.to_string())),
        },
        "system_timestamp" => Some(Cow::Owned(scope.time_ms.to_string())),
        "system_date" => time::rfc3339(scope.time_ms).map(Cow::Owned),
        "instance_id" => Some(Cow::Borrowed(scope.instance_id)),
        _ => None,
    }
}
