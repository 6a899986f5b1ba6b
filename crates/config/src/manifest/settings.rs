//! The settings of an exporter: six kinds, their checks and their values.

use std::fmt;

use serde_json::Value;

use crate::{
    object::{Object, as_object, one_of, wrong},
    problem::Check,
};

/// One setting, shown on the page by its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// `[a-z][a-z0-9_]*`; `{settings.NAME}` in the command, `WATCHPOST_SETTING_<NAME>` in the environment.
    pub name: String,
    /// For people; the name where the manifest gives none.
    pub label: String,
    /// What values it takes.
    pub kind: SettingKind,
    /// Its value until somebody sets one.
    pub default: SettingValue,
}

/// What values a setting takes.
#[derive(Clone, Debug, PartialEq)]
pub enum SettingKind {
    /// One line of text.
    Text,
    /// On or off.
    Checkbox,
    /// A whole number, both ends included.
    IntRange {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A number, both ends included.
    FloatRange {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// How far the page's slider moves; other values within the range are allowed.
        step: Option<f64>,
    },
    /// One of these.
    Combobox(Vec<String>),
    /// One line of text that is never shown, logged or put into the command.
    Secret,
}

/// The value of a setting. Displayed as the command and the environment get it.
#[derive(Clone, PartialEq)]
pub enum SettingValue {
    /// Of `text` and `combobox`.
    Text(String),
    /// Of `checkbox`: `true` or `false`.
    Bool(bool),
    /// Of `int_range`.
    Int(i64),
    /// Of `float_range`.
    Float(f64),
    /// Of `secret`; hidden from `Debug`.
    Secret(String),
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Secret(text) => f.write_str(text),
            Self::Bool(on) => on.fmt(f),
            Self::Int(number) => number.fmt(f),
            Self::Float(number) => number.fmt(f),
        }
    }
}

impl fmt::Debug for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(_) => f.write_str("***"),
            shown => write!(f, "{:?}", shown.to_string()),
        }
    }
}

/// Longest text of a setting: it must fit into an environment variable and an argument (128 KiB).
const MAX_TEXT_BYTES: usize = 32 << 10;
/// Settings of one exporter.
const MAX_SETTINGS: usize = 200;

impl SettingKind {
    /// `value` as a value of this kind.
    ///
    /// # Errors
    /// What was expected, as words that follow "expected".
    pub fn read(&self, value: &Value) -> Result<SettingValue, String> {
        let text = || {
            let text = value.as_str().filter(|text| text.len() <= MAX_TEXT_BYTES);
            text.filter(|text| !text.chars().any(char::is_control)).map(str::to_owned)
        };
        match self {
            Self::Text => text().map(SettingValue::Text).ok_or_else(|| LINE.to_owned()),
            Self::Secret => text().map(SettingValue::Secret).ok_or_else(|| LINE.to_owned()),
            Self::Checkbox => {
                value.as_bool().map(SettingValue::Bool).ok_or_else(|| "true or false".to_owned())
            }
            Self::IntRange { min, max } => {
                let number = value.as_i64().filter(|number| (*min..=*max).contains(number));
                number.map(SettingValue::Int).ok_or_else(|| format!("a whole number from {min} to {max}"))
            }
            Self::FloatRange { min, max, .. } => {
                let number = value.as_f64().filter(|number| (*min..=*max).contains(number));
                number.map(SettingValue::Float).ok_or_else(|| format!("a number from {min} to {max}"))
            }
            Self::Combobox(options) => {
                let chosen = text().filter(|text| options.contains(text));
                let names: Vec<_> =
                    options.iter().map(|option| Value::from(option.as_str()).to_string()).collect();
                chosen.map(SettingValue::Text).ok_or_else(|| one_of(&names))
            }
        }
    }

    /// The value where the manifest gives no `default`.
    fn fallback(&self) -> SettingValue {
        match self {
            Self::Text => SettingValue::Text(String::new()),
            Self::Secret => SettingValue::Secret(String::new()),
            Self::Checkbox => SettingValue::Bool(false),
            Self::IntRange { min, .. } => SettingValue::Int(*min),
            Self::FloatRange { min, .. } => SettingValue::Float(*min),
            Self::Combobox(options) => SettingValue::Text(options.first().cloned().unwrap_or_default()),
        }
    }
}

const LINE: &str = "one line of text, at most 32 KiB";

/// Whether `name` has the form `[a-z][a-z0-9_]*`.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

pub(crate) fn settings(check: &mut Check<'_>, object: &mut Object<'_>) -> Vec<Setting> {
    let Some(map) = object.object(check, "settings") else { return Vec::new() };
    if map.map.len() > MAX_SETTINGS {
        let message = format!("has {} settings", map.map.len());
        check.error(&map.path, message, format!("expected at most {MAX_SETTINGS}"));
    }
    let mut settings = Vec::new();
    for (name, value) in map.map.iter().take(MAX_SETTINGS) {
        let path = map.at(name);
        if !is_name(name) || name.len() > 64 {
            check.error(
                &path,
                "is no name of a setting",
                "expected small letters, digits and `_`, a letter first",
            );
        }
        if let Some(object) = as_object(check, value, path) {
            settings.extend(setting(check, name, object));
        }
    }
    settings
}

fn setting(check: &mut Check<'_>, name: &str, mut object: Object<'_>) -> Option<Setting> {
    let kinds = ["text", "checkbox", "int_range", "float_range", "combobox", "secret"];
    if object.map.get("type").is_none_or(Value::is_null) {
        let names: Vec<_> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
        object.missing(check, "type", &one_of(&names));
    }
    let kind = object.choice(check, "type", &kinds.map(|kind| (kind, kind)))?;
    let label = object.text(check, "label").unwrap_or(name).to_owned();
    let kind = match kind {
        "text" => SettingKind::Text,
        "checkbox" => SettingKind::Checkbox,
        "int_range" => {
            let bounds = [
                bound(check, &mut object, "min", Value::as_i64),
                bound(check, &mut object, "max", Value::as_i64),
            ];
            let [min, max] = [bounds[0]?, bounds[1]?];
            SettingKind::IntRange { min, max }
        }
        "float_range" => {
            let bounds = [
                bound(check, &mut object, "min", Value::as_f64),
                bound(check, &mut object, "max", Value::as_f64),
            ];
            let step = object.number(check, "step", f64::MIN_POSITIVE..=f64::MAX, "");
            let [min, max] = [bounds[0]?, bounds[1]?];
            SettingKind::FloatRange { min, max, step }
        }
        "combobox" => SettingKind::Combobox(options(check, &mut object)?),
        _ => SettingKind::Secret,
    };
    let upside_down = match &kind {
        SettingKind::IntRange { min, max } => min > max,
        SettingKind::FloatRange { min, max, .. } => min > max,
        _ => false,
    };
    if upside_down {
        check.error(&object.at("max"), "is below `min`", "expected `min` or more");
    }
    let default = match object.value("default") {
        Some(_) if kind == SettingKind::Secret => {
            check.error(
                &object.at("default"),
                "a secret has no default: everybody could read it",
                "remove it",
            );
            kind.fallback()
        }
        Some(value) => kind.read(value).unwrap_or_else(|expected| {
            wrong(check, &object.at("default"), value, &expected);
            kind.fallback()
        }),
        None => kind.fallback(),
    };
    // A whole number's `step` is legal: pages of either system may send it along.
    object.finish(check, &["step"]);
    // Also where something in it is wrong: the manifest is refused then, but the command may refer to it.
    Some(Setting { name: name.to_owned(), label, kind, default })
}

fn bound<T>(
    check: &mut Check<'_>,
    object: &mut Object<'_>,
    key: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Option<T> {
    let expected = "a number, whole for int_range";
    let Some(value) = object.value(key) else {
        object.missing(check, key, expected);
        return None;
    };
    let number = read(value);
    if number.is_none() {
        wrong(check, &object.at(key), value, expected);
    }
    number
}

fn options(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<Vec<String>> {
    let expected = "a list of at least one text, each once";
    let Some(value) = object.value("options") else {
        object.missing(check, "options", expected);
        return None;
    };
    let list = value.as_array().filter(|list| !list.is_empty());
    let options: Option<Vec<String>> =
        list.and_then(|list| list.iter().map(|item| item.as_str().map(str::to_owned)).collect());
    let once = |options: &Vec<String>| (1..options.len()).all(|end| !options[..end].contains(&options[end]));
    let options = options.filter(once);
    if options.is_none() {
        wrong(check, &object.at("options"), value, expected);
    }
    options
}
