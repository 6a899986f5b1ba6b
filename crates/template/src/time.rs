//! `{sys.time}`: the object's own time as text.

use jiff::{Timestamp, fmt::strtime::BrokenDownTime, tz::TimeZone};

/// What `{sys.time}` alone writes (REFERENCE "Dynamic strings").
pub(crate) const DEFAULT_FORMAT: &str = "%F_%H%M%S";

/// `time_ms` (Unix) in `time_zone` by a strftime format; `None` if it lies beyond the year 9999 or
/// before -9999.
pub(crate) fn text(time_ms: i64, time_zone: &TimeZone, format: &str) -> Option<String> {
    let zoned = Timestamp::from_millisecond(time_ms).ok()?.to_zoned(time_zone.clone());
    BrokenDownTime::from(&zoned).to_string(format).ok()
}

/// The moment in UTC with milliseconds, RFC 3339, as records carry it (`system_date`).
pub(crate) fn rfc3339(time_ms: i64) -> Option<String> {
    text(time_ms, &TimeZone::UTC, "%Y-%m-%dT%H:%M:%S.%3fZ")
}

/// Tries a format, so that a bad one is refused when it is saved and not when it is first used.
pub(crate) fn check(format: &str) -> Result<(), String> {
    // Which directives work depends on no value but on what is known: a zoned time knows everything.
    let now = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    match BrokenDownTime::from(&now).to_string(format) {
        Ok(_) => Ok(()),
        Err(error) => Err(format!(
            "bad time format `{format}`: {error}; expected strftime directives such as %F (date), %H %M %S, %3f (milliseconds), %s (Unix seconds)"
        )),
    }
}
