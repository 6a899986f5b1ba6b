//! Weekly hours of areas, lines and exports: `schedule {time_zone, spans: [{days, from, to}]}`, or only the
//! list of spans. What they mean is in [`crate::Hours`].

use std::path::Path;

use serde_json::Value;
use watchpost_model::{Schedule, WeekSpan};

use crate::{
    lines::Lines,
    object::{Object, as_object, one_of, wrong},
    problem::{Check, Problem},
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
    let value = zone.value("schedule")?;
    read(check, value, zone.at("schedule"), default_zone)
}

/// Reads a `schedule` that stands at `path` of a part of the document which this room does not know (an
/// export's `config`). `default_zone`: the IANA name that counts where it names none.
///
/// # Errors
/// Every problem, unknown keys among them; file and line are for the caller to add.
pub fn read_schedule(value: &Value, path: &str, default_zone: &str) -> Result<Schedule, Vec<Problem>> {
    let mut check = Check::new(Path::new(""), Lines::default());
    let schedule = read(&mut check, value, path.to_owned(), default_zone);
    check.errors.append(&mut check.warnings);
    schedule.filter(|_| check.errors.is_empty()).ok_or(check.errors)
}

/// An object with `spans` and perhaps a `time_zone`, or only the list of spans.
fn read(check: &mut Check<'_>, value: &Value, path: String, default_zone: &str) -> Option<Schedule> {
    if let Some(items) = value.as_array() {
        return Some(Schedule { time_zone: default_zone.to_owned(), spans: spans(check, items, &path) });
    }
    let Some(map) = value.as_object() else {
        wrong(check, &path, value, "a list of {\"days\", \"from\", \"to\"}, or {\"time_zone\", \"spans\"}");
        return None;
    };
    let mut object = Object::new(map, path);
    let time_zone = time_zone(check, &mut object).unwrap_or_else(|| default_zone.to_owned());
    let spans = match object.list(check, "spans") {
        Some(items) => spans(check, items, &object.at("spans")),
        None if object.map.contains_key("spans") => Vec::new(),
        None => {
            object.missing(check, "spans", "a list of {\"days\", \"from\", \"to\"}");
            Vec::new()
        }
    };
    object.finish(check, &[]);
    Some(Schedule { time_zone, spans })
}

fn spans(check: &mut Check<'_>, items: &[Value], path: &str) -> Vec<WeekSpan> {
    if items.is_empty() {
        check.error(path, "is empty: that would be never", "name a span, or take `schedule` out for always");
    }
    if items.len() > MAX_SPANS {
        let message = format!("has {} spans", items.len());
        check.error(path, message, format!("expected at most {MAX_SPANS}"));
        return Vec::new();
    }
    let each = items.iter().enumerate();
    each.flat_map(|(index, item)| span(check, item, format!("{path}/{index}"))).collect()
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

/// One span on each of its days.
fn span(check: &mut Check<'_>, item: &Value, path: String) -> Vec<WeekSpan> {
    let Some(mut object) = as_object(check, item, path) else { return Vec::new() };
    for key in ["from", "to"] {
        if object.map.get(key).is_none_or(Value::is_null) {
            object.missing(check, key, "a time such as \"08:00\"");
        }
    }
    let days = days(check, &mut object);
    let from = minute(check, &mut object, "from", 1439);
    let to = minute(check, &mut object, "to", 1440);
    if from.is_some() && from == to {
        let fix = "expected another time than `from`; a whole day is \"00:00\" to \"24:00\"";
        check.error(&object.at("to"), "is the time the span begins at", fix);
    }
    object.finish(check, &[]);
    let (Some(from_minute), Some(to_minute)) = (from, to) else { return Vec::new() };
    days.into_iter().map(|weekday| WeekSpan { weekday, from_minute, to_minute }).collect()
}

/// The days on which a span begins, 0 Monday to 6 Sunday; absent: every day.
fn days(check: &mut Check<'_>, object: &mut Object<'_>) -> Vec<u8> {
    let Some(value) = object.value("days") else { return (0..7).collect() };
    let path = object.at("days");
    let Some(items) = value.as_array().filter(|items| !items.is_empty()) else {
        wrong(check, &path, value, "a list of days such as [\"monday\", \"tuesday\"]; without it, every day");
        return Vec::new();
    };
    let mut days = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = item.as_str().unwrap_or_default();
        match DAYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, day)) if !days.contains(day) => days.push(*day),
            Some(_) => check.error(&format!("{path}/{index}"), "is named twice", "name each day once"),
            None => {
                let names: Vec<_> = DAYS[..7].iter().map(|(name, _)| format!("\"{name}\"")).collect();
                wrong(check, &format!("{path}/{index}"), item, &one_of(&names));
            }
        }
    }
    days
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
