//! The two clocks on the wire: the stream's own in milliseconds, the wall's as Unix milliseconds
//! and as RFC 3339 text in UTC.

use std::borrow::Cow;

use jiff::tz::Offset;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use watchpost_model::{StreamTime, Timestamp};

/// Milliseconds with their fraction, always written with a decimal point.
fn float_ms<S: Serializer>(time: &StreamTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_ms())
}

/// Whole milliseconds, rounded down *from the float above*, so that a version 2 record converted
/// and the same record written as version 1 agree even where a float can no longer hold every
/// nanosecond (after 104 days of stream).
fn whole_ms<S: Serializer>(time: &StreamTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_ms().floor() as u64)
}

fn unix_ms<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.0)
}

fn rfc3339_ms<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(Rfc3339::new(time.0).with_ms())
}

fn rfc3339_s<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(Rfc3339::new(time.0).whole_seconds().as_str())
}

fn unix_ms_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&time.0)
}

macro_rules! times {
    ($($(#[$doc:meta])+ $name:ident($inner:ty) = $how:literal as $wire:literal;)+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(inline)]
        pub(crate) struct $name(
            #[serde(serialize_with = $how)]
            #[schemars(with = $wire)]
            pub(crate) $inner
        );
    )+};
}

times! {
    /// The stream's own clock, in whole milliseconds from the stream's start, rounded down.
    EventTimestampMs(StreamTime) = "whole_ms" as "u64";
    /// When the picture was taken on the stream's own clock, in whole milliseconds from the
    /// stream's start, rounded down.
    CropTimestampMs(StreamTime) = "whole_ms" as "u64";
    /// From the event's start to its end, in whole milliseconds of the stream's own clock.
    DurationMs(StreamTime) = "whole_ms" as "u64";
    /// Time between the two crossings, in whole milliseconds of the stream's own clock.
    TimeIntervalMs(StreamTime) = "whole_ms" as "u64";
    /// Time since the track was first seen, in whole milliseconds of the stream's own clock.
    AgeMs(StreamTime) = "whole_ms" as "u64";
    /// The stream's own clock, in milliseconds from the stream's start.
    FrameTime(StreamTime) = "float_ms" as "Milliseconds";
    /// When the picture was taken on the stream's own clock, in milliseconds from the stream's
    /// start; at or before `frame_time`.
    CropTime(StreamTime) = "float_ms" as "Milliseconds";
    /// When the frame was taken: Unix time in milliseconds.
    SystemTimestamp(Timestamp) = "unix_ms" as "i64";
    /// When the frame was taken: UTC, cut to whole seconds (`YYYY-MM-DDTHH:MM:SSZ`).
    SystemDatetime(Timestamp) = "rfc3339_s" as "DateTime";
    /// When the frame was taken: RFC 3339, UTC, milliseconds.
    TimestampText(Timestamp) = "rfc3339_ms" as "DateTime";
    /// When the instance started: RFC 3339, UTC, milliseconds.
    StartedAt(Timestamp) = "rfc3339_ms" as "DateTime";
    /// When the instance started: Unix time in milliseconds, as text.
    StartTime(Timestamp) = "unix_ms_text" as "String";
}

struct Milliseconds;

impl JsonSchema for Milliseconds {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Milliseconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0 })
    }
}

struct DateTime;

impl JsonSchema for DateTime {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "DateTime".into()
    }

    /// The pattern beside the format: validators may treat a format as a remark.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "date-time",
            "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{3})?Z$"
        })
    }
}

/// A moment as RFC 3339 text in UTC, on the stack: `2026-07-27T14:17:33.812Z`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rfc3339([u8; 24]);

/// 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: RFC 3339 has four-digit years. What
/// lies outside is written as the nearer bound.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_300_799_999;

impl Rfc3339 {
    /// The moment `unix_ms` milliseconds after 1970-01-01T00:00:00Z.
    pub(crate) fn new(unix_ms: i64) -> Self {
        let time = jiff::Timestamp::from_millisecond(unix_ms.clamp(FIRST_MS, LAST_MS)).unwrap_or_default();
        let civil = Offset::UTC.to_datetime(time);
        let mut text = *b"0000-00-00T00:00:00.000Z";
        digits(&mut text[0..4], civil.year().unsigned_abs());
        digits(&mut text[5..7], civil.month().unsigned_abs().into());
        digits(&mut text[8..10], civil.day().unsigned_abs().into());
        digits(&mut text[11..13], civil.hour().unsigned_abs().into());
        digits(&mut text[14..16], civil.minute().unsigned_abs().into());
        digits(&mut text[17..19], civil.second().unsigned_abs().into());
        digits(&mut text[20..23], civil.millisecond().unsigned_abs());
        Self(text)
    }

    /// With three digits of the second's fraction.
    pub(crate) fn with_ms(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Cut (not rounded) to whole seconds.
    pub(crate) fn whole_seconds(mut self) -> WholeSeconds {
        self.0[19] = b'Z';
        WholeSeconds(self.0)
    }
}

/// [`Rfc3339`] without the second's fraction.
pub(crate) struct WholeSeconds([u8; 24]);

impl WholeSeconds {
    /// `2026-07-27T14:17:33Z`.
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0[..20]).unwrap_or_default()
    }
}

/// Writes `number` right-aligned over `place`, which holds zeros.
fn digits(place: &mut [u8], mut number: u16) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_in_utc() {
        let known = Rfc3339::new(1_785_161_453_812);
        assert_eq!(known.with_ms(), "2026-07-27T14:10:53.812Z");
        assert_eq!(known.whole_seconds().as_str(), "2026-07-27T14:10:53Z");
        assert_eq!(Rfc3339::new(-1).with_ms(), "1969-12-31T23:59:59.999Z");
        assert_eq!(Rfc3339::new(-1).whole_seconds().as_str(), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn moments_out_of_range_become_the_nearer_bound() {
        assert_eq!(Rfc3339::new(i64::MIN).with_ms(), "0000-01-01T00:00:00.000Z");
        assert_eq!(Rfc3339::new(i64::MAX).with_ms(), "9999-12-31T23:59:59.999Z");
    }
}
