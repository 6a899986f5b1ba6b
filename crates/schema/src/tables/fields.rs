//! Fields that several tables read.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use super::Cell;
use crate::words::Rfc3339;

/// The frame keys of an object, or what stands for them in a record of either version.
#[derive(Default, Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    pub(super) frame_id: Option<&'a RawValue>,
    pub(super) frame_time: Option<&'a RawValue>,
    pub(super) event_timestamp_ms: Option<&'a RawValue>,
    pub(super) system_timestamp: Option<&'a RawValue>,
    pub(super) system_date: Option<&'a RawValue>,
    pub(super) timestamp: Option<&'a RawValue>,
    pub(super) instance_id: Option<&'a RawValue>,
}

/// Room for a date that is made of `system_timestamp`, where the record has no text of its own
/// (version 1 has one in whole seconds only).
pub(super) type Scratch = Option<Rfc3339>;

impl<'a> Head<'a> {
    /// The cells of the five frame keys.
    pub(super) fn cells(&self, scratch: &'a mut Scratch) -> [Cell<'a>; 5] {
        let written = Cell::new(self.system_date).or(self.timestamp);
        let date = match (written, self.system_timestamp.and_then(|raw| raw.get().parse().ok())) {
            (Cell::Empty, Some(unix_ms)) => {
                Cell::Text(scratch.insert(Rfc3339::new(unix_ms)).with_ms().into())
            }
            (written, _) => written,
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

/// A box.
#[derive(Default, Deserialize)]
pub(super) struct Box4<'a> {
    #[serde(borrow)]
    x: Option<&'a RawValue>,
    y: Option<&'a RawValue>,
    width: Option<&'a RawValue>,
    height: Option<&'a RawValue>,
}

impl<'a> Box4<'a> {
    pub(super) fn cells(&self) -> [Cell<'a>; 4] {
        [self.x, self.y, self.width, self.height].map(Cell::new)
    }
}

/// An object that may be missing or something else: then all of it is unknown. A preprocess
/// command may have changed anything.
#[derive(Default)]
pub(super) struct Lenient<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor(PhantomData)).map(Self)
    }
}

/// A list, the items that are objects of the expected kind; something else is no list.
#[derive(Default)]
pub(super) struct List<T>(pub(super) Vec<T>);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData)).map(Self)
    }
}

/// How long a list is; `None` if it is something else.
#[derive(Default)]
pub(super) struct Count(pub(super) Option<usize>);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor).map(Self)
    }
}

/// Whatever else than an object or list comes: nothing.
macro_rules! nothing_of_scalars {
    () => {
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("any JSON value")
        }

        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
}

struct LenientVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for LenientVisitor<T> {
    type Value = T;

    nothing_of_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(T::default())
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    nothing_of_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Lenient(item)) = list.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Option<usize>;

    nothing_of_scalars!();

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut count = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Some(count))
    }
}
