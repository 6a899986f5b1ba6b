//! What areas and lines have in common: identity, looks, geometry, filters.

use serde_json::Value;
use watchpost_model::{Anchor, ClassFilter, Id, ObjectClass, Point, SizeLimits, StreamTime};

use crate::{
    object::{Object, as_object, wrong},
    problem::Check,
    zones::{Context, MAX_NAME_BYTES, MAX_VERTICES},
};

/// Longest span that an option may name, in seconds: a week.
const MAX_SECONDS: f64 = 604_800.0;

/// A key or `id` that is a UUID is kept; any other becomes one that stays the same over loads.
pub(crate) fn id(check: &mut Check<'_>, key: &str, object: &mut Object<'_>, context: &Context<'_>) -> Id {
    let given = object.text(check, "id").filter(|id| !id.is_empty());
    given.and_then(parse_id).or_else(|| parse_id(key)).unwrap_or_else(|| {
        Id::new_v5(&context.instance, given.filter(|_| key.is_empty()).unwrap_or(key).as_bytes())
    })
}

/// The 8-4-4-4-12 form only, of any version (REFERENCE "Records").
pub(crate) fn parse_id(text: &str) -> Option<Id> {
    (text.len() == 36).then(|| Id::try_parse(text).ok())?
}

pub(crate) fn name(check: &mut Check<'_>, key: &str, object: &mut Object<'_>) -> String {
    if object.map.get("name").and_then(Value::as_str) == Some("") {
        object.value("name");
        return key.to_owned();
    }
    object.name(check, "name", MAX_NAME_BYTES).unwrap_or(key).to_owned()
}

pub(crate) fn seconds(
    check: &mut Check<'_>,
    object: &mut Object<'_>,
    key: &'static str,
    default: f64,
) -> StreamTime {
    StreamTime::from_secs(object.number(check, key, 0.0..=MAX_SECONDS, "seconds").unwrap_or(default))
}

pub(crate) fn anchor(check: &mut Check<'_>, object: &mut Object<'_>) -> Anchor {
    let choices = [("center", Anchor::Center), ("bottom_center", Anchor::BottomCenter)];
    object.choice(check, "check_anchor_point", &choices).unwrap_or_default()
}

/// The five switches. One that is absent is off; where all are absent, every class is meant.
pub(crate) fn classes(check: &mut Check<'_>, object: &mut Object<'_>) -> ClassFilter {
    let switches = [
        ("detect_people", ObjectClass::Person),
        ("detect_animals", ObjectClass::Animal),
        ("detect_vehicles", ObjectClass::Vehicle),
        ("detect_faces", ObjectClass::Face),
        ("detect_unknowns", ObjectClass::Unknown),
    ];
    let given = switches.map(|(key, class)| (object.bool(check, key), class));
    if given.iter().all(|(switch, _)| switch.is_none()) {
        return ClassFilter::ALL;
    }
    given.into_iter().filter(|(switch, _)| *switch == Some(true)).map(|(_, class)| class).collect()
}

/// Limits on the box; a largest size of 0 stands for none.
pub(crate) fn sizes(check: &mut Check<'_>, object: &mut Object<'_>) -> SizeLimits {
    let mut size = |key, default: f32| {
        object.number(check, key, 0.0..=1.0, "(parts of the frame)").map_or(default, |size| size as f32)
    };
    let mut sizes = SizeLimits {
        min_width: size("object_min_width", 0.0),
        max_width: size("object_max_width", 1.0),
        min_height: size("object_min_height", 0.0),
        max_height: size("object_max_height", 1.0),
    };
    for (key, min, max) in [
        ("object_max_width", sizes.min_width, &mut sizes.max_width),
        ("object_max_height", sizes.min_height, &mut sizes.max_height),
    ] {
        if *max == 0.0 {
            *max = 1.0;
        }
        if min > *max {
            check.error(&object.at(key), "is below the smallest size", format!("expected at least {min}"));
        }
    }
    sizes
}

/// RGB or RGBA, 0..1 each.
pub(crate) fn color(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<[f32; 4]> {
    let value = object.value("color")?;
    let part =
        |value: &Value| value.as_f64().filter(|part| (0.0..=1.0).contains(part)).map(|part| part as f32);
    let parts: Option<Vec<f32>> = value.as_array().and_then(|parts| parts.iter().map(part).collect());
    match parts.as_deref() {
        Some([r, g, b]) => Some([*r, *g, *b, 1.0]),
        Some([r, g, b, a]) => Some([*r, *g, *b, *a]),
        _ => {
            wrong(
                check,
                &object.at("color"),
                value,
                "a list of 4 numbers from 0 to 1 (red, green, blue, opacity)",
            );
            None
        }
    }
}

pub(crate) fn vertices(
    check: &mut Check<'_>,
    object: &mut Object<'_>,
    count: std::ops::RangeInclusive<usize>,
) -> Vec<Point> {
    let points = if count.end() == count.start() { "2 points" } else { "3 or more points" };
    let expected = format!("{points} {{\"x\", \"y\"}} in parts of the frame, 0 to 1");
    let Some(items) = object.list(check, "vertices") else {
        if object.map.get("vertices").is_none_or(Value::is_null) {
            object.missing(check, "vertices", &expected);
        }
        return Vec::new();
    };
    let path = object.at("vertices");
    if !count.contains(&items.len()) {
        let expected =
            if items.len() > MAX_VERTICES { format!("at most {MAX_VERTICES} points") } else { expected };
        let points = if items.len() == 1 { "point" } else { "points" };
        check.error(&path, format!("has {} {points}", items.len()), format!("expected {expected}"));
        return Vec::new();
    }
    let point = |(index, item)| {
        let mut point = as_object(check, item, format!("{path}/{index}"))?;
        let mut part = |key| match point.map.get(key) {
            None | Some(Value::Null) => {
                point.missing(check, key, "a number from 0 to 1 (parts of the frame)");
                None
            }
            Some(_) => point.number(check, key, 0.0..=1.0, "(parts of the frame)"),
        };
        let (x, y) = (part("x"), part("y"));
        point.finish(check, &["x", "y"]);
        Some(Point::new(x? as f32, y? as f32))
    };
    items.iter().enumerate().filter_map(point).collect()
}

pub(crate) fn finish(check: &mut Check<'_>, object: &mut Object<'_>) {
    let object = std::mem::replace(object, Object::new(object.map, ""));
    object.finish(check, &["timestamp", "groupby"]);
}
