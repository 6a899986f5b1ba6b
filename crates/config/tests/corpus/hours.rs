//! What must hold for any weekly schedule; shared by the fuzz target and the plain test.

use watchpost_config::{Hours, read_schedule};
use watchpost_model::{Schedule, Timestamp};

/// `data`: a schedule as JSON and, behind a NUL, moments of eight bytes each: Unix milliseconds, little endian.
pub fn check(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == 0).unwrap_or(data.len());
    let (text, moments) = (&data[..end], data.get(end + 1..).unwrap_or_default());
    let Ok(value) = serde_json::from_slice(text) else { return };
    let schedule = match read_schedule(&value, "/schedule", "Europe/Berlin") {
        Ok(schedule) => schedule,
        Err(problems) => {
            assert!(problems.iter().all(|problem| problem.path.starts_with("/schedule")), "{problems:?}");
            return;
        }
    };
    let mut hours = Hours::new(&schedule);
    for moment in moments.chunks_exact(8).take(32) {
        let mut ms = [0; 8];
        ms.copy_from_slice(moment);
        let at = Timestamp(i64::from_le_bytes(ms));
        // Whatever was asked before, the answer is what the clock on the wall says.
        assert_eq!(hours.is_on(at), is_on(&schedule, at), "{schedule:?} at {at:?}");
    }
}

/// The same, looked up anew: slowly, and with nothing to remember.
fn is_on(schedule: &Schedule, at: Timestamp) -> bool {
    let Ok(moment) = jiff::Timestamp::from_millisecond(at.0) else { return false };
    let local = jiff::tz::TimeZone::get(&schedule.time_zone).unwrap().to_datetime(moment);
    let minute = local.hour() as u16 * 60 + local.minute() as u16;
    let today = local.weekday().to_monday_zero_offset() as u8;
    schedule.spans.iter().any(|span| {
        let (from, to) = (span.from_minute, span.to_minute);
        let begun = today == span.weekday && minute >= from;
        let begun_yesterday = today == (span.weekday + 1) % 7;
        if to > from { begun && minute < to } else { begun || (begun_yesterday && minute < to) }
    })
}
