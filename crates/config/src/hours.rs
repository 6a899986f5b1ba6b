//! Whether a weekly schedule is on at a moment.
//!
//! What decides is the clock on the wall of its time zone: a schedule is on while that clock shows a time
//! inside one of its spans. So where clocks are put forward, a time that they skip does not happen (a span
//! that lies in the skipped hour is not on at all that day, one that reaches into it is shorter); where they
//! are put back, a time that they show twice counts both times.

use jiff::{civil::Weekday, tz::TimeZone};
use watchpost_model::{Schedule, Timestamp, WeekSpan};

const MINUTES_OF_DAY: u32 = 1440;
const MINUTES_OF_WEEK: u32 = 7 * MINUTES_OF_DAY;

/// A schedule that can be asked. Moments near the last one cost two comparisons, so it may be asked for
/// every frame and every record; a moment before the last one is as good as any other.
#[derive(Clone, Debug)]
pub struct Hours {
    zone: TimeZone,
    /// Minutes of the week, from and to; one that runs past Sunday's midnight ends behind the week.
    spans: Vec<(u32, u32)>,
    known: Option<Known>,
}

/// The last answer and for how long it holds, in Unix milliseconds.
#[derive(Clone, Copy, Debug)]
struct Known {
    from: i64,
    until: i64,
    on: bool,
}

impl Hours {
    /// A time zone that this machine does not know counts as UTC: schedules are checked when they are read.
    pub fn new(schedule: &Schedule) -> Self {
        Self {
            zone: TimeZone::get(&schedule.time_zone).unwrap_or(TimeZone::UTC),
            spans: schedule.spans.iter().map(minutes_of_week).collect(),
            known: None,
        }
    }

    /// Whether `at` lies inside a span. A moment outside the years -9999 to 9999 does not.
    pub fn is_on(&mut self, at: Timestamp) -> bool {
        if let Some(known) = self.known
            && (known.from..known.until).contains(&at.0)
        {
            return known.on;
        }
        let known = self.look(at.0);
        self.known = known;
        known.is_some_and(|known| known.on)
    }

    fn look(&self, at: i64) -> Option<Known> {
        let moment = jiff::Timestamp::from_millisecond(at).ok()?;
        let local = self.zone.to_datetime(moment);
        let minute = u32::from(local.hour() as u8) * 60 + u32::from(local.minute() as u8);
        let now = day(local.weekday()) * MINUTES_OF_DAY + minute;
        let into_minute = i64::from(local.second()) * 1000 + i64::from(local.millisecond());
        let on = self.spans.iter().any(|&span| lies_in(now, span));
        // Until the nearest border of a span, unless the clocks change before.
        let borders = self.spans.iter().flat_map(|&(from, to)| [from, to]);
        let nearest = borders.map(|border| (border + MINUTES_OF_WEEK - now - 1) % MINUTES_OF_WEEK + 1).min();
        let until = at - into_minute + i64::from(nearest.unwrap_or(MINUTES_OF_WEEK)) * 60_000;
        let change = self.zone.following(moment).next().map(|change| change.timestamp().as_millisecond());
        Some(Known { from: at, until: change.map_or(until, |change| until.min(change)), on })
    }
}

fn minutes_of_week(span: &WeekSpan) -> (u32, u32) {
    let midnight = u32::from(span.weekday) * MINUTES_OF_DAY;
    let (from, to) = (u32::from(span.from_minute), u32::from(span.to_minute));
    let next_day = if to > from { 0 } else { MINUTES_OF_DAY };
    (midnight + from, midnight + to + next_day)
}

fn lies_in(minute: u32, (from, to): (u32, u32)) -> bool {
    (from..to).contains(&minute) || (from..to).contains(&(minute + MINUTES_OF_WEEK))
}

const fn day(weekday: Weekday) -> u32 {
    weekday.to_monday_zero_offset() as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::read_schedule;

    fn hours(time_zone: &str, spans: serde_json::Value) -> Hours {
        Hours::new(&read_schedule(&spans, "/schedule", time_zone).unwrap())
    }

    fn at(text: &str) -> Timestamp {
        Timestamp(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    /// Every minute from `from` on in which it is on, as stretches of UTC.
    fn stretches(hours: &mut Hours, from: &str, count: i64) -> Vec<String> {
        let text = |ms| jiff::Timestamp::from_millisecond(ms).unwrap().strftime("%a %H:%M").to_string();
        let (mut found, mut since) = (Vec::new(), None);
        for minute in 0..=count {
            let now = at(from).0 + minute * 60_000;
            match (hours.is_on(Timestamp(now)), since) {
                (true, None) => since = Some(now),
                (false, Some(then)) => {
                    found.push(format!("{} to {}", text(then), text(now)));
                    since = None;
                }
                _ => {}
            }
        }
        assert_eq!(since, None, "ends while it is on");
        found
    }

    #[test]
    fn a_working_week_in_berlin() {
        let days = ["monday", "Tue", "wed", "thursday", "FRIDAY"];
        let mut hours = hours("Europe/Berlin", json!([{"days": days, "from": "08:00", "to": "17:30"}]));
        // 2026-07-06 is a Monday; summer time is two hours ahead of UTC.
        let found = stretches(&mut hours, "2026-07-04T00:00:00Z", 9 * 1440);
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri"];
        assert_eq!(found, days.map(|day| format!("{day} 06:00 to {day} 15:30")));
    }

    #[test]
    fn over_midnight_the_day_is_the_one_it_begins_on() {
        let mut hours = hours("UTC", json!([{"days": ["sunday"], "from": "22:00", "to": "02:00"}]));
        assert_eq!(stretches(&mut hours, "2026-07-04T00:00:00Z", 4 * 1440), ["Sun 22:00 to Mon 02:00"]);
        let mut hours = self::hours("UTC", json!([{"days": ["saturday"], "from": "00:00", "to": "24:00"}]));
        assert_eq!(stretches(&mut hours, "2026-07-03T00:00:00Z", 4 * 1440), ["Sat 00:00 to Sun 00:00"]);
    }

    #[test]
    fn to_the_second_and_both_ways() {
        let mut hours = hours("UTC", json!([{"from": "08:00", "to": "09:00"}]));
        for (time, on) in [
            ("2026-07-06T07:59:59.999Z", false),
            ("2026-07-06T08:00:00Z", true),
            ("2026-07-06T08:59:59.999Z", true),
            ("2026-07-06T09:00:00Z", false),
            ("2026-07-06T08:30:30Z", true),
            ("2026-07-05T07:00:00Z", false),
        ] {
            assert_eq!(hours.is_on(at(time)), on, "{time}");
        }
    }

    /// 2026-03-29: at 02:00 clocks in Berlin are put forward to 03:00, which is 01:00 UTC.
    #[test]
    fn a_time_that_the_clocks_skip_does_not_happen() {
        let night = |from: &str, to: &str| {
            let mut hours = hours("Europe/Berlin", json!([{"days": ["sun"], "from": from, "to": to}]));
            stretches(&mut hours, "2026-03-28T12:00:00Z", 1440)
        };
        assert!(night("02:15", "02:45").is_empty());
        assert_eq!(night("01:30", "02:30"), ["Sun 00:30 to Sun 01:00"]);
        assert_eq!(night("02:30", "03:30"), ["Sun 01:00 to Sun 01:30"]);
        assert_eq!(night("01:00", "04:00"), ["Sun 00:00 to Sun 02:00"]);
    }

    /// 2026-10-25: at 03:00 clocks in Berlin are put back to 02:00, which is 01:00 UTC.
    #[test]
    fn a_time_that_the_clocks_show_twice_counts_twice() {
        let night = |from: &str, to: &str| {
            let mut hours = hours("Europe/Berlin", json!([{"days": ["sun"], "from": from, "to": to}]));
            stretches(&mut hours, "2026-10-24T12:00:00Z", 1440)
        };
        assert_eq!(night("02:15", "02:45"), ["Sun 00:15 to Sun 00:45", "Sun 01:15 to Sun 01:45"]);
        assert_eq!(night("01:30", "02:30"), ["Sat 23:30 to Sun 00:30", "Sun 01:00 to Sun 01:30"]);
        assert_eq!(night("01:00", "04:00"), ["Sat 23:00 to Sun 03:00"]);
    }

    proptest! {
        /// Whatever was asked before, the answer is the one of a schedule that was asked nothing.
        #[test]
        fn what_is_remembered_is_never_wrong(
            moments in proptest::collection::vec(0_i64..40_000_000, 1..60),
            from in 0_u16..1440, length in 1_u16..1440, day in 0_u8..7,
        ) {
            let to_minute = if from + length > 1440 { from + length - 1440 } else { from + length };
            let spans = vec![WeekSpan { weekday: day, from_minute: from, to_minute }];
            prop_assume!(from != to_minute);
            let schedule = Schedule { time_zone: "America/New_York".into(), spans };
            let mut hours = Hours::new(&schedule);
            for second in moments {
                // From 2026 on for 15 months: both changes of the clocks, twice one of them.
                let at = Timestamp(1_767_225_600_000 + second * 1000);
                prop_assert_eq!(hours.is_on(at), Hours::new(&schedule).is_on(at));
            }
        }
    }
}
