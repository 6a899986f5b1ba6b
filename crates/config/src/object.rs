//! Reads the members of one JSON object: each with its type, its range and, if wrong, its problem.

use std::{fmt::Display, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::{lines::escape, problem::Check};

/// One object of a document. `null` stands for a key that is absent.
pub(crate) struct Object<'v> {
    pub map: &'v Map<String, Value>,
    /// Its JSON pointer.
    pub path: String,
    asked: Vec<&'v str>,
}

impl<'v> Object<'v> {
    pub fn new(map: &'v Map<String, Value>, path: impl Into<String>) -> Self {
        Self { map, path: path.into(), asked: Vec::new() }
    }

    /// The pointer of member `key`.
    pub fn at(&self, key: &str) -> String {
        format!("{}/{}", self.path, escape(key))
    }

    /// Member `key`, whatever it is.
    pub fn value(&mut self, key: &'static str) -> Option<&'v Value> {
        self.asked.push(key);
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub fn object(&mut self, check: &mut Check<'_>, key: &'static str) -> Option<Object<'v>> {
        let value = self.value(key)?;
        as_object(check, value, self.at(key))
    }

    pub fn list(&mut self, check: &mut Check<'_>, key: &'static str) -> Option<&'v [Value]> {
        let value = self.value(key)?;
        self.typed(check, key, value.as_array().map(Vec::as_slice), value, "a list")
    }

    pub fn bool(&mut self, check: &mut Check<'_>, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        self.typed(check, key, value.as_bool(), value, "true or false")
    }

    pub fn text(&mut self, check: &mut Check<'_>, key: &'static str) -> Option<&'v str> {
        let value = self.value(key)?;
        self.typed(check, key, value.as_str(), value, "a text")
    }

    /// A text that names a person's or a program's thing: not empty, no control characters, bounded.
    pub fn name(&mut self, check: &mut Check<'_>, key: &'static str, max_bytes: usize) -> Option<&'v str> {
        let text = self.text(check, key)?;
        let good = !text.trim().is_empty() && text.len() <= max_bytes && !text.chars().any(char::is_control);
        let expected = format!("a name of 1 to {max_bytes} bytes without control characters");
        self.typed(check, key, good.then_some(text), &Value::from(text), &expected)
    }

    /// A number within `range`; `unit` is said in the error, for example `seconds`.
    pub fn number(
        &mut self,
        check: &mut Check<'_>,
        key: &'static str,
        range: RangeInclusive<f64>,
        unit: &str,
    ) -> Option<f64> {
        let value = self.value(key)?;
        let number = value.as_f64().filter(|number| range.contains(number));
        let expected = expected_number("a number", &range, unit);
        self.typed(check, key, number, value, &expected)
    }

    /// A whole number within `range`. `15.0` is as good as `15`.
    pub fn integer(
        &mut self,
        check: &mut Check<'_>,
        key: &'static str,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> Option<u64> {
        let value = self.value(key)?;
        let whole = |number: f64| (number.fract() == 0.0 && number >= 0.0).then_some(number as u64);
        let number = value.as_u64().or_else(|| value.as_f64().and_then(whole));
        let expected = expected_number("a whole number", &range, unit);
        self.typed(check, key, number.filter(|number| range.contains(number)), value, &expected)
    }

    /// One of a closed set of texts, in any letter case.
    pub fn choice<T: Copy>(
        &mut self,
        check: &mut Check<'_>,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let value = self.value(key)?;
        let found = value
            .as_str()
            .and_then(|text| choices.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)))
            .map(|(_, choice)| *choice);
        let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        self.typed(check, key, found, value, &one_of(&names))
    }

    /// Says that these keys are known, so that [`Self::finish`] is silent about them.
    pub fn known(&mut self, keys: impl IntoIterator<Item = &'v String>) {
        self.asked.extend(keys.into_iter().map(String::as_str));
    }

    /// Says that `key` is missing.
    pub fn missing(&self, check: &mut Check<'_>, key: &str, expected: &str) {
        check.error(&self.path, format!("`{key}` is missing"), format!("expected {expected}"));
    }

    /// Warns of every member that was neither asked for nor is one of `known`, the keys that are
    /// legal here and mean nothing to us.
    pub fn finish(self, check: &mut Check<'_>, known: &[&str]) {
        for key in self.map.keys() {
            let legal = || self.asked.iter().copied().chain(known.iter().copied());
            if legal().any(|name| name == key) {
                continue;
            }
            let near = legal().map(|name| (distance(key, name), name)).min();
            let fix = match near {
                Some((changes @ 0..=2, name)) if changes < key.len() => format!("did you mean `{name}`?"),
                _ => String::new(),
            };
            check.warn(&self.at(key), "unknown key: kept, but it has no effect", fix);
        }
    }

    fn typed<T>(
        &self,
        check: &mut Check<'_>,
        key: &str,
        good: Option<T>,
        value: &Value,
        expected: &str,
    ) -> Option<T> {
        if good.is_none() {
            wrong(check, &self.at(key), value, expected);
        }
        good
    }
}

/// `value` as an object, or a problem.
pub(crate) fn as_object<'v>(check: &mut Check<'_>, value: &'v Value, path: String) -> Option<Object<'v>> {
    match value.as_object() {
        Some(map) => Some(Object::new(map, path)),
        None => {
            wrong(check, &path, value, "an object");
            None
        }
    }
}

/// Says that what stands at `path` is not what was expected.
pub(crate) fn wrong(check: &mut Check<'_>, path: &str, value: &Value, expected: &str) {
    check.error(path, format!("is {}", describe(value)), format!("expected {expected}"));
}

/// `a, b or c`.
pub(crate) fn one_of(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What a value is, in words that fit an error; long texts are cut, secrets in URIs hidden.
pub(crate) fn describe(value: &Value) -> String {
    /// Enough to recognise a value, short enough for a line.
    const SHOWN_CHARACTERS: usize = 60;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            let text = crate::redact(text);
            let cut: String = text.chars().take(SHOWN_CHARACTERS).collect();
            let more = if cut.len() < text.len() { "..." } else { "" };
            format!("the text {}{more}", Value::from(cut))
        }
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn expected_number<T: Display>(kind: &str, range: &RangeInclusive<T>, unit: &str) -> String {
    let space = if unit.is_empty() { "" } else { " " };
    format!("{kind} from {} to {}{space}{unit}", range.start(), range.end())
}

/// How many letters must change to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(!x.eq_ignore_ascii_case(y));
            corner = row[j + 1];
            row[j + 1] = changed.min(corner + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
