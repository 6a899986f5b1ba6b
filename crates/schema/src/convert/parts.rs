//! A JSON object taken apart into keys and the text of their values.

use std::{borrow::Cow, collections::HashMap, fmt};

use serde::{
    Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The entries of a JSON object, in order, each key once and to be taken once.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    entries: Vec<Option<(Cow<'a, str>, &'a str)>>,
    /// Where the last search ended: rules ask for keys roughly in the order they are in.
    next: usize,
}

impl<'a> Parts<'a> {
    /// Takes apart the JSON object in `bytes`.
    ///
    /// # Errors
    /// If `bytes` are not exactly one JSON object.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, serde_json::Error> {
        // Checked to be UTF-8 as a whole: serde_json would do so again for every value.
        let text = std::str::from_utf8(bytes).map_err(serde::de::Error::custom)?;
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let parts = deserializer.deserialize_map(Collect)?;
        deserializer.end()?;
        Ok(parts)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The text of the value of `key`, once.
    pub(crate) fn take(&mut self, key: &str) -> Option<&'a str> {
        let (before, after) = self.entries.split_at(self.next);
        let is_it =
            |entry: &Option<(Cow<'a, str>, &'a str)>| entry.as_ref().is_some_and(|(name, _)| name == key);
        let index = match after.iter().position(is_it) {
            Some(index) => self.next + index,
            None => before.iter().position(is_it)?,
        };
        self.next = index + 1;
        self.entries[index].take().map(|(_, raw)| raw)
    }

    /// What has not been taken.
    pub(crate) fn rest(&mut self) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
        std::mem::take(self).entries.into_iter().flatten()
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Parts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Entries { list: Vec::with_capacity(24), places: HashMap::new() };
        while let Some(Key(key)) = map.next_key()? {
            let value: &'de RawValue = map.next_value()?;
            entries.put(key, value.get());
        }
        Ok(Parts { entries: entries.list, next: 0 })
    }
}

/// Entries of which that many are looked through one by one for another of the same name; beyond, that would take hours.
const FEW: usize = 64;

/// Each key once: with its last value, as whoever else reads the record takes it, in the place of its first.
struct Entries<'a> {
    list: Vec<Option<(Cow<'a, str>, &'a str)>>,
    /// Where each key stands, once they are more than a few.
    places: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Entries<'a> {
    fn put(&mut self, key: Cow<'a, str>, raw: &'a str) {
        let place = self.list.len();
        let known = if place < FEW {
            self.list.iter().flatten().position(|(known, _)| *known == key)
        } else {
            if place == FEW && self.places.is_empty() {
                self.places.extend(self.list.iter().flatten().map(|(key, _)| key.clone()).zip(0..));
            }
            self.places.get(&key).copied()
        };
        if let Some((_, value)) = known.and_then(|place| self.list[place].as_mut()) {
            *value = raw;
            return;
        }
        if place >= FEW {
            self.places.insert(key.clone(), place);
        }
        self.list.push(Some((key, raw)));
    }
}

/// Borrows where the text has no escapes; `Cow` itself never does.
#[derive(serde::Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);
