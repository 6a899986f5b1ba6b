//! A JSON Schema's properties as a Markdown table: key, values, default, meaning.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::cell;

pub fn table(settings: &Map<String, Value>) -> String {
    let mut text = String::from("| key | values | default | meaning |\n|---|---|---|---|\n");
    rows("", settings, &mut text);
    text
}

fn rows(prefix: &str, settings: &Map<String, Value>, text: &mut String) {
    for (key, setting) in settings {
        let name = format!("{prefix}{key}");
        // Keys of an object have rows of their own, with their own defaults.
        let default = setting.get("default").filter(|default| !default.is_null() && !default.is_object());
        let default = default.map_or(String::new(), |default| format!("`{default}`"));
        let _infallible = writeln!(
            text,
            "| `{name}` | {} | {} | {} |",
            cell(&values(setting)),
            cell(&default),
            cell(&meaning(setting))
        );
        if let Some(keys) = alternatives(setting).find_map(keys) {
            rows(&format!("{name}."), keys, text);
        }
    }
}

/// What a setting may be: itself, or each member of its `anyOf` or `oneOf` and of theirs, null left out.
fn alternatives(setting: &Value) -> impl Iterator<Item = &Value> {
    let mut found = Vec::new();
    collect(setting, &mut found);
    found.into_iter()
}

fn collect<'s>(setting: &'s Value, found: &mut Vec<&'s Value>) {
    match ["anyOf", "oneOf"].iter().find_map(|key| setting.get(key)?.as_array()) {
        Some(choices) => choices.iter().for_each(|choice| collect(choice, found)),
        None if setting.get("type").and_then(Value::as_str) == Some("null") => {}
        None => found.push(setting),
    }
}

/// An object's keys, where it tells of them one by one.
fn keys(setting: &Value) -> Option<&Map<String, Value>> {
    let keys = setting.get("properties")?.as_object()?;
    keys.values().any(|key| key.get("description").is_some()).then_some(keys)
}

fn values(setting: &Value) -> String {
    let mut words: Vec<_> = alternatives(setting).map(one).collect();
    words.dedup();
    words.join(" or ")
}

fn one(setting: &Value) -> String {
    if let Some(choice) = setting.get("const") {
        return format!("`{choice}`");
    }
    if let Some(choices) = setting.get("enum").and_then(Value::as_array) {
        let choices = choices.iter().filter(|choice| !choice.is_null());
        return choices.map(|choice| format!("`{choice}`")).collect::<Vec<_>>().join(" or ");
    }
    let name = match setting.get("type") {
        Some(Value::String(name)) => name.as_str(),
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("any")
        }
        _ => "any",
    };
    match (name, setting.get("properties").and_then(Value::as_object)) {
        ("object", Some(keys)) => format!("`{{{}}}`", keys.keys().cloned().collect::<Vec<_>>().join(", ")),
        ("object", None) if setting.get("maxProperties") == Some(&Value::from(0)) => "`{}`".to_owned(),
        ("array", _) => {
            let item = setting.get("items").map_or("value".to_owned(), one);
            format!("list of {item}")
        }
        ("string", _) => "text".to_owned(),
        ("boolean", _) => "`true` or `false`".to_owned(),
        (name, _) => format!("{name}{}", range(setting)),
    }
}

fn range(setting: &Value) -> String {
    let bound = |key| setting.get(key).and_then(Value::as_f64);
    // An unsigned type's own bound says nothing.
    match (bound("minimum").filter(|low| *low != 0.0), bound("maximum")) {
        (Some(low), Some(high)) => format!(", {low} to {high}"),
        (Some(low), None) => format!(", at least {low}"),
        (None, Some(high)) => format!(", at most {high}"),
        (None, None) => String::new(),
    }
}

/// The description, and that of each choice that has one.
fn meaning(setting: &Value) -> String {
    let description = |value: &Value| value.get("description").and_then(Value::as_str).map(str::to_owned);
    let mut text = description(setting).unwrap_or_default();
    for choice in alternatives(setting) {
        if let (Some(value), Some(meaning)) = (choice.get("const"), description(choice)) {
            let _infallible = write!(text, " `{value}`: {}", lower_first(&meaning));
        }
    }
    text
}

/// A choice's description goes on behind a colon.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_setting_is_told_in_words() {
        assert_eq!(values(&json!({"type": "integer", "minimum": 1, "maximum": 100})), "integer, 1 to 100");
        assert_eq!(values(&json!({"type": ["number", "null"], "minimum": 0.5})), "number, at least 0.5");
        assert_eq!(values(&json!({"anyOf": [{"enum": ["source"]}, {"type": "null"}]})), "`\"source\"`");
        let nested = json!({"anyOf": [{"oneOf": [{"const": "a"}, {"const": "b"}]}, {"type": "null"}]});
        assert_eq!(values(&nested), "`\"a\"` or `\"b\"`");
        let choice = json!({"description": "What.", "oneOf": [{"const": "a", "description": "This."}]});
        assert_eq!(meaning(&choice), "What. `\"a\"`: this.");
    }

    #[test]
    fn keys_of_objects_have_rows() {
        let settings = json!({"codec": {"type": "object", "properties": {
            "name": {"type": "string", "description": "One | two."}
        }}});
        let text = table(settings.as_object().unwrap());
        assert!(text.contains("| `codec.name` | text |  | One \\| two. |"), "{text}");
    }
}
