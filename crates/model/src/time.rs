//! The two clocks: the stream's own, and the wall's. PRODUCT section 4 "Time".

use std::ops::{Add, Sub};

/// A moment, or a span, on the stream's own clock, in nanoseconds from the stream's start.
///
/// Every interval (loitering, per-second exports, statistics) is measured on this clock and never
/// by when a frame happened to be processed, so a file analysed at ten times its speed gives the
/// same events as a camera.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamTime(u64);

impl StreamTime {
    /// The stream's start.
    pub const ZERO: Self = Self(0);

    /// From nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// From milliseconds; what is negative or not a number is the start, what is too large the end.
    pub fn from_ms(ms: f64) -> Self {
        Self((ms * 1e6).round() as u64)
    }

    /// From seconds; bounds as in [`Self::from_ms`].
    pub fn from_secs(seconds: f64) -> Self {
        Self::from_ms(seconds * 1e3)
    }

    /// In nanoseconds.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// In milliseconds, as records carry it (`frame_time`).
    pub fn as_ms(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// In whole milliseconds, rounded down (`event_timestamp_ms`).
    pub const fn as_whole_ms(self) -> u64 {
        self.0 / 1_000_000
    }

    /// In seconds.
    pub fn as_secs(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// How long after `earlier` this is; zero if it is not.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for StreamTime {
    type Output = Self;
    fn add(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for StreamTime {
    type Output = Self;
    fn sub(self, span: Self) -> Self {
        self.since(span)
    }
}

/// A moment on the wall clock: milliseconds since 1970-01-01T00:00:00Z, negative before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// This moment and `span` of stream time later.
    #[must_use]
    pub const fn after(self, span: StreamTime) -> Self {
        Self(self.0.saturating_add((span.as_nanos() / 1_000_000) as i64))
    }
}
