//! Weekly hours of areas and lines: `schedule {time_zone, spans: [{day, from, to}]}`.

use serde_json::Value;
use watchpost_model::{Schedule, WeekSpan};

use crate::{
    object::{Object, as_object, wrong},
    problem::Check,
};

const DAYS: [(&str, u8); 14] = [
    ("monday", 0),
    ("tuesday", 1),
    ("wednesday", 2),
    ("thursday", 3),
    ("friday", 4),
    ("saturday", 5),
    ("sunday", 6),
    ("mon", 0),
    ("tue", 1),
    ("wed", 2),
    ("thu", 3),
    ("fri", 4),
    ("sat", 5),
    ("sun", 6),
];

/// More spans than anybody writes by hand: one for each quarter of an hour of a week.
const MAX_SPANS: usize = 672;

/// The `schedule` of an area or a line; `default_zone` where it names no time zone.
pub(crate) fn schedule(check: &mut Check<'_>, zone: &mut Object<'_>, default_zone: &str) -> Option<Schedule> {
    let mut object = zone.object(check, "schedule")?;
    let time_zone = time_zone(check, &mut object).unwrap_or_else(|| default_zone.to_owned());
    let mut spans = Vec::new();
    match object.list(check, "spans") {
        Some(items) if items.len() > MAX_SPANS => {
            let message = format!("has {} spans", items.len());
            check.error(&object.at("spans"), message, format!("expected at most {MAX_SPANS}"));
        }
        Some(items) => {
            for (index, item) in items.iter().enumerate() {
                spans.extend(span(check, item, format!("{}/{index}", object.at("spans"))));
            }
        }
        None if object.map.contains_key("spans") => {}
        None => object.missing(check, "spans", "a list of {\"day\", \"from\", \"to\"}"),
    }
    object.finish(check, &[]);
    Some(Schedule { time_zone, spans })
}

/// The `time_zone` of `object`, if it is there and the machine knows it.
pub(crate) fn time_zone(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<String> {
    let name = object.text(check, "time_zone").filter(|name| !name.is_empty())?;
    if jiff::tz::TimeZone::get(name).is_err() {
        let value = Value::from(name);
        wrong(
            check,
            &object.at("time_zone"),
            &value,
            "an IANA time zone such as \"Europe/Berlin\" or \"UTC\"",
        );
    }
    Some(name.to_owned())
}

fn span(check: &mut Check<'_>, item: &Value, path: String) -> Option<WeekSpan> {
    let mut object = as_object(check, item, path)?;
    for key in ["day", "from", "to"] {
        if object.map.get(key).is_none_or(Value::is_null) {
            object.missing(check, key, "a day such as \"monday\", and times such as \"08:00\"");
        }
    }
    let day = object.choice(check, "day", &DAYS);
    let from = minute(check, &mut object, "from", 1439);
    let to = minute(check, &mut object, "to", 1440);
    if from.is_some() && from == to {
        check.error(&object.at("to"), "is the time the span begins at", "expected another time than `from`");
    }
    object.finish(check, &[]);
    let (weekday, from_minute, to_minute) = (day?, from?, to?);
    Some(WeekSpan { weekday, from_minute, to_minute })
}

fn minute(check: &mut Check<'_>, object: &mut Object<'_>, key: &'static str, last: u16) -> Option<u16> {
    let value = object.value(key)?;
    let minute = value.as_str().and_then(parse_minute).filter(|minute| *minute <= last);
    if minute.is_none() {
        let expected = format!("a time from \"00:00\" to \"{:02}:{:02}\"", last / 60, last % 60);
        wrong(check, &object.at(key), value, &expected);
    }
    minute
}

/// `HH:MM` in minutes after midnight.
fn parse_minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let digits = |part: &str, most| {
        let good = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        good.then(|| part.parse::<u16>().ok())?.filter(|number| *number <= most)
    };
    Some(digits(hours, 24)? * 60 + digits(minutes, 59).filter(|_| minutes.len() == 2)?)
}
