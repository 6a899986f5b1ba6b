//! Weekly hours.

/// When something is armed: any number of spans of a week, in a time zone of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// IANA name (`Europe/Berlin`) or `UTC`.
    pub time_zone: String,
    /// Armed in any of these.
    pub spans: Vec<WeekSpan>,
}

/// A span of the local week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeekSpan {
    /// 0 Monday to 6 Sunday.
    pub weekday: u8,
    /// Minutes after local midnight, 0..1440.
    pub from_minute: u16,
    /// Minutes after local midnight, 1..=1440; a span that ends before it starts runs past midnight.
    pub to_minute: u16,
}
