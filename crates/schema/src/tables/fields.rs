//! Fields that several tables read.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{
    Cell,
    scan::{Scan, Scanner, fields},
};
use crate::words::Rfc3339;

/// A value as it is written, or nothing.
#[derive(Clone, Copy, Default, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Raw<'a>(pub(crate) Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'a RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw.get())))
    }
}

impl<'a> Scan<'a> for Raw<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.value().map(|raw| Self(Some(raw)))
    }
}

/// What no column is made of: named where it stands, so that a scanner goes on in order behind it.
#[derive(Clone, Copy, Default, PartialEq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Skipped;

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl<'a> Scan<'a> for Skipped {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.value().map(|_| Self)
    }
}

/// A text, or nothing.
#[derive(Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Text<'a>(pub(crate) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(|text: Option<String>| Self(text.map(Cow::Owned)))
    }
}

impl<'a> Scan<'a> for Text<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        scanner.string().map(|text| Self(Some(text.into())))
    }
}

/// The frame keys of an object, or what stands for them in a record of either version.
#[derive(Default)]
pub(crate) struct Head<'a> {
    pub(crate) frame_id: Raw<'a>,
    pub(crate) frame_time: Raw<'a>,
    pub(crate) event_timestamp_ms: Raw<'a>,
    pub(crate) system_timestamp: Raw<'a>,
    pub(crate) system_date: Raw<'a>,
    pub(crate) timestamp: Raw<'a>,
    pub(crate) instance_id: Raw<'a>,
}

/// Room for a date that is made of `system_timestamp`, where the record has no text of its own
/// (version 1 has one in whole seconds only).
pub(crate) type Scratch = Option<Rfc3339>;

impl<'a> Head<'a> {
    /// The cells of the five frame keys.
    pub(crate) fn cells(&self, scratch: &'a mut Scratch) -> [Cell<'a>; 5] {
        let date = match Cell::new(self.system_date).or(self.timestamp) {
            Cell::Empty => match self.system_timestamp.0.and_then(|raw| raw.parse().ok()) {
                Some(unix_ms) => Cell::Text(scratch.insert(Rfc3339::new(unix_ms)).with_ms().into()),
                None => Cell::Empty,
            },
            written => written,
        };
        [
            Cell::new(self.frame_id),
            Cell::new(self.frame_time).or(self.event_timestamp_ms),
            Cell::new(self.system_timestamp),
            date,
            Cell::new(self.instance_id),
        ]
    }
}

fields! {
    /// A box.
    pub(crate) struct Box4 {
        "x" => x: Raw<'a>,
        "y" => y: Raw<'a>,
        "width" => width: Raw<'a>,
        "height" => height: Raw<'a>,
    }
}

impl<'a> Box4<'a> {
    pub(crate) fn cells(&self) -> [Cell<'a>; 4] {
        [self.x, self.y, self.width, self.height].map(Cell::new)
    }
}

/// An object that may be missing or something else: then all of it is unknown. A preprocess
/// command may have changed anything.
#[derive(Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Lenient<T>(pub(crate) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let object = raw.starts_with('{').then(|| serde_json::from_str(raw).ok()).flatten();
        Ok(Self(object.unwrap_or_default()))
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for Lenient<T> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        T::scan(scanner).map(Self)
    }
}

/// A list, the items that are objects of the expected kind; something else is no list.
#[derive(Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        let items: Vec<Lenient<T>> = serde_json::from_str(raw).unwrap_or_default();
        Ok(Self(items.into_iter().map(|item| item.0).collect()))
    }
}

impl<'a, T: Scan<'a>> Scan<'a> for List<T> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut items = Vec::new();
        scanner.list(|scanner| {
            items.push(T::scan(scanner)?);
            Some(())
        })?;
        Some(Self(items))
    }
}

/// How long a list is; `None` if it is something else.
#[derive(Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) struct Count(pub(crate) Option<usize>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        Ok(Self(serde_json::from_str::<Vec<IgnoredAny>>(raw).ok().map(|items| items.len())))
    }
}

impl<'a> Scan<'a> for Count {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut count = 0;
        scanner.list(|scanner| {
            scanner.value()?;
            count += 1;
            Some(())
        })?;
        Some(Self(Some(count)))
    }
}
