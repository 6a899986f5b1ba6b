//! How keys of the two versions correspond.

use std::borrow::Cow;

use super::{Parts, value};
use crate::Version;

/// Changes the text of a JSON value into that of another; `None` leaves it as it is.
pub(crate) type Change = fn(&str) -> Option<String>;

/// How one key of version 2, or a few, correspond to version 1. Rules stand in the key order of
/// version 2.
#[derive(Debug)]
pub(crate) enum Rule {
    /// The same key, the same value.
    Same(&'static str),
    /// The same value under another key.
    Renamed { v1: &'static str, v2: &'static str },
    /// Another value, perhaps under another key.
    Mapped { v1: &'static str, v2: &'static str, down: Change, up: Change },
    /// An object in version 2, keys beside the others in version 1: pairs of (key in the object,
    /// key of version 1). What else is in the object stays in an object of the same name.
    Nested { v2: &'static str, parts: &'static [(&'static str, &'static str)] },
    /// A list of objects, each with rules of its own.
    List { key: &'static str, rules: &'static [Rule] },
    /// Version 1 has no place for it. Found in a version 1 record nevertheless, it is kept.
    OnlyV2(&'static str),
    /// `$version`.
    Version,
    /// `system_timestamp` in both; `timestamp` in version 2, `system_datetime` in version 1.
    WallClock,
}

impl Rule {
    /// Moves what the rule speaks of from `parts` to `output`, which becomes version `to`.
    pub(crate) fn apply<'a>(&self, to: Version, parts: &mut Parts<'a>, output: &mut Output<'a>) {
        // A third version makes of `v1` and `v2` the lower and the upper of two neighbours, and of a conversion
        // steps from one to the next.
        let down = match to {
            Version::V1 => true,
            Version::V2 => false,
        };
        match *self {
            Self::Same(key) => output.put(key, parts.take(key)),
            Self::Renamed { v1, v2 } if down => output.put(v1, parts.take(v2)),
            Self::Renamed { v1, v2 } => output.put(v2, parts.take(v1)),
            Self::Mapped { v1, v2, down: change, .. } if down => {
                output.put_changed(v1, parts.take(v2), change)
            }
            Self::Mapped { v1, v2, up: change, .. } => output.put_changed(v2, parts.take(v1), change),
            Self::Nested { v2, parts: keys } if down => flatten(v2, keys, parts, output),
            Self::Nested { v2, parts: keys } => nest(v2, keys, parts, output),
            Self::List { key, rules } => {
                let list = parts.take(key);
                output.put_owned(key, list.map(|raw| list_to(to, raw, rules)));
            }
            Self::OnlyV2(key) if down => drop(parts.take(key)),
            Self::OnlyV2(key) => output.put(key, parts.take(key)),
            Self::Version => {
                parts.take("$version");
                output.put("$version", Some(if down { "1" } else { "2" }));
            }
            Self::WallClock => wall_clock(down, parts, output),
        }
    }
}

fn flatten<'a>(
    v2: &'static str,
    keys: &[(&str, &'static str)],
    parts: &mut Parts<'a>,
    output: &mut Output<'a>,
) {
    let Some(raw) = parts.take(v2) else { return };
    let Ok(mut inner) = Parts::parse(raw.as_bytes()) else { return output.put(v2, Some(raw)) };
    for (inside, v1) in keys {
        output.put(v1, inner.take(inside));
    }
    output.put_object(v2, &mut inner, Output::default());
}

fn nest<'a>(v2: &'static str, keys: &[(&'static str, &str)], parts: &mut Parts<'a>, output: &mut Output<'a>) {
    let mut object = Output::default();
    for (inside, v1) in keys {
        object.put(inside, parts.take(v1));
    }
    match parts.take(v2).map(|raw| (raw, Parts::parse(raw.as_bytes()))) {
        // Something else of that name: it can stay only where nothing takes its place.
        Some((raw, Err(_))) if object.entries.is_empty() => output.put(v2, Some(raw)),
        Some((_, Ok(mut inner))) => output.put_object(v2, &mut inner, object),
        _ => output.put_object(v2, &mut Parts::default(), object),
    }
}

fn list_to(to: Version, raw: &str, rules: &[Rule]) -> String {
    let Ok(items) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(raw) else {
        return raw.to_owned();
    };
    let items = items.iter().map(|item| match Parts::parse(item.get().as_bytes()) {
        Ok(mut parts) => {
            let mut output = Output::default();
            rules.iter().for_each(|rule| rule.apply(to, &mut parts, &mut output));
            output.rest(&mut parts);
            if to == Version::V1 {
                output.sort();
            }
            Cow::Owned(output.text())
        }
        Err(_) => Cow::Borrowed(item.get()),
    });
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}

fn wall_clock<'a>(down: bool, parts: &mut Parts<'a>, output: &mut Output<'a>) {
    let unix = parts.take("system_timestamp");
    let (source, target) =
        if down { ("timestamp", "system_datetime") } else { ("system_datetime", "timestamp") };
    let text = parts.take(source);
    let unix_ms = unix.and_then(|raw| raw.parse().ok()).or_else(|| text.and_then(value::unix_ms));
    match unix {
        Some(_) => output.put("system_timestamp", unix),
        None => output.put_owned("system_timestamp", unix_ms.map(|ms| ms.to_string())),
    }
    match unix_ms {
        Some(ms) => output.put_owned(target, Some(value::datetime(ms, down))),
        None => output.put(target, text),
    }
}

/// The entries of the object to be written.
#[derive(Debug, Default)]
pub(crate) struct Output<'a> {
    entries: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// How many of them the rules have put there; the others were unknown to them.
    known: usize,
}

impl<'a> Output<'a> {
    pub(crate) fn with_capacity(entries: usize) -> Self {
        Self { entries: Vec::with_capacity(entries), known: 0 }
    }

    fn put(&mut self, key: &'static str, raw: Option<&'a str>) {
        self.entries.extend(raw.map(|raw| (key.into(), raw.into())));
    }

    fn put_owned(&mut self, key: &'static str, raw: Option<String>) {
        self.entries.extend(raw.map(|raw| (key.into(), raw.into())));
    }

    fn put_changed(&mut self, key: &'static str, raw: Option<&'a str>, change: Change) {
        match raw.map(|raw| (raw, change(raw))) {
            Some((_, Some(changed))) => self.put_owned(key, Some(changed)),
            Some((raw, None)) => self.put(key, Some(raw)),
            None => {}
        }
    }

    /// `object` and what is left of `inner`, if that is anything.
    fn put_object(&mut self, key: &'static str, inner: &mut Parts<'a>, mut object: Self) {
        object.rest(inner);
        if !object.entries.is_empty() {
            self.put_owned(key, Some(object.text()));
        }
    }

    /// Adds what no rule has taken, except where a rule has put something of that name.
    pub(crate) fn rest(&mut self, parts: &mut Parts<'a>) {
        self.known = self.entries.len();
        for (key, raw) in parts.rest() {
            if !self.entries[..self.known].iter().any(|(known, _)| *known == key) {
                self.entries.push((key, raw.into()));
            }
        }
    }

    /// By the bytes of the keys, those that begin with `$` first.
    pub(crate) fn sort(&mut self) {
        self.entries.sort_by(|(a, _), (b, _)| (!a.starts_with('$'), a).cmp(&(!b.starts_with('$'), b)));
    }

    fn text(&self) -> String {
        String::from_utf8(self.write(64)).unwrap_or_default()
    }

    /// As compact JSON. `size` is about how long it will be, in bytes.
    pub(crate) fn write(&self, size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 64);
        out.push(b'{');
        for (index, (key, raw)) in self.entries.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            crate::encode::write(key, &mut out);
            out.push(b':');
            out.extend_from_slice(raw.as_bytes());
        }
        out.push(b'}');
        out
    }
}
