//! What a template is rendered from.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Everything a template may speak of. One per object; [`Self::missing`] is read afterwards.
#[derive(Debug)]
pub struct Scope<'a> {
    /// The exported object or record.
    pub object: &'a serde_json::Value,
    /// The object's own time, Unix milliseconds.
    pub time_ms: i64,
    /// In which `{sys.time}` is written.
    pub time_zone: &'a TimeZone,
    /// The frame the object speaks of, for records that do not carry it themselves (version 1).
    pub frame: Option<FrameKeys>,
    /// `{instance.id}`.
    pub instance_id: &'a str,
    /// `{instance.name}`.
    pub instance_name: &'a str,
    /// Of this export. They advance with every rendering of a template that counts, so the caller
    /// keeps what was rendered with the delivery and does not render again for a resend.
    pub counts: &'a mut Counts,
    /// How many tags had no value and became `unknown`; added to, never reset.
    pub missing: u32,
}

/// The part of the five frame keys (PRODUCT section 6) that follows from nothing else in a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameKeys {
    /// `frame_id`.
    pub id: u64,
    /// `frame_time`, in milliseconds of the stream's clock.
    pub time_ms: f64,
}

/// The last value of `{sys.count LABEL}` per label. Kept with an export's durable state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<String, u64>);

impl Counts {
    /// The last value given out for `label`; 0 before the first.
    pub fn last(&self, label: &str) -> u64 {
        self.0.get(label).copied().unwrap_or(0)
    }

    /// The next value for `label`, the first being 1.
    pub(crate) fn advance(&mut self, label: &str) -> u64 {
        match self.0.get_mut(label) {
            Some(last) => {
                *last = last.saturating_add(1);
                *last
            }
            None => {
                self.0.insert(label.to_owned(), 1);
                1
            }
        }
    }

    /// Whether nothing was counted yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
