//! `Zone.Zones` and `Tripwire.Tripwires`: areas and lines (REFERENCE "Analytics").

use serde_json::Value;
use watchpost_model::{
    Anchor, Area, AreaTriggers, ClassFilter, Id, Line, LineDirection, LineTriggers, ObjectClass, Point,
    SizeLimits, StreamTime,
};

use crate::{
    object::{Object, as_object, wrong},
    problem::Check,
    schedule::schedule,
};

/// Areas, or lines, of one instance. Far more than a picture shows, few enough to test every
/// track against each in every frame.
const MAX_ZONES: usize = 1000;
/// Corners of one area.
const MAX_VERTICES: usize = 1000;
/// Longest name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 200;
/// Longest span that an option may name, in seconds: a week.
const MAX_SECONDS: f64 = 604_800.0;

// Where REFERENCE gives no default value, these are our choice: an area's `crowding_min_count`,
// `left_duration` (as `removed_duration`), the colours, and `check_anchor_point` bottom_center,
// because with a camera that looks down it is the feet that stand in an area.
const LOITERING_S: f64 = 3.0;
const CROWDING_COUNT: u64 = 5;
const ACTIVATION_DELAY_S: f64 = 0.2;
const LEFT_REMOVED_S: f64 = 4.0;
const CROSS_BANDWIDTH: f64 = 0.03;
const COOLDOWN_BANDWIDTH: f64 = 0.07;
const TAILGATING_S: f64 = 1.0;
const AREA_COLOR: [f32; 4] = [1.0, 0.6, 0.0, 1.0];
const LINE_COLOR: [f32; 4] = [0.0, 0.7, 1.0, 1.0];

/// What areas and lines share, and where they stand.
pub(crate) struct Context<'a> {
    pub instance: Id,
    pub time_zone: &'a str,
}

/// An area or line and its JSON pointer, for the warnings that need the whole instance.
pub(crate) type Placed<T> = (T, String);

pub(crate) fn areas(
    check: &mut Check<'_>,
    root: &mut Object<'_>,
    context: &Context<'_>,
) -> Vec<Placed<Area>> {
    each(check, root, "Zone", "Zones", |check, key, object| area(check, key, object, context))
}

pub(crate) fn lines(
    check: &mut Check<'_>,
    root: &mut Object<'_>,
    context: &Context<'_>,
) -> Vec<Placed<Line>> {
    each(check, root, "Tripwire", "Tripwires", |check, key, object| line(check, key, object, context))
}

fn each<T>(
    check: &mut Check<'_>,
    root: &mut Object<'_>,
    outer: &'static str,
    inner: &'static str,
    mut read: impl FnMut(&mut Check<'_>, &str, Object<'_>) -> Option<(Id, T)>,
) -> Vec<Placed<T>> {
    let Some(mut outer) = root.object(check, outer) else { return Vec::new() };
    let map = outer.object(check, inner);
    outer.finish(check, &[]);
    let Some(map) = map else { return Vec::new() };
    if map.map.len() > MAX_ZONES {
        let message = format!("has {} entries", map.map.len());
        check.error(&map.path, message, format!("expected at most {MAX_ZONES}"));
        return Vec::new();
    }
    let mut found: Vec<Placed<T>> = Vec::new();
    let mut ids = std::collections::HashMap::new();
    for (key, value) in map.map {
        let path = map.at(key);
        let Some(object) = as_object(check, value, path.clone()) else { continue };
        let Some((id, zone)) = read(check, key, object) else { continue };
        if let Some(first) = ids.insert(id, path.clone()) {
            check.error(&path, format!("has the id of {first}"), "give each its own `id`");
        }
        found.push((zone, path));
    }
    found
}

fn area(
    check: &mut Check<'_>,
    key: &str,
    mut object: Object<'_>,
    context: &Context<'_>,
) -> Option<(Id, Area)> {
    let object = &mut object;
    let errors = check.errors.len();
    let vertices = vertices(check, object, 3..=MAX_VERTICES);
    let loitering = seconds(check, object, "loitering_min_duration", LOITERING_S);
    let crowding = object.integer(check, "crowding_min_count", 1..=100_000, "objects");
    let left = seconds(check, object, "left_duration", LEFT_REMOVED_S);
    let removed = seconds(check, object, "removed_duration", LEFT_REMOVED_S);
    let when = [("object_left", Some(true)), ("object_removed", Some(false)), ("", None), ("none", None)];
    let when = object.choice(check, "trigger_when", &when).flatten();
    let mut on = |key| object.bool(check, key).unwrap_or(false);
    let triggers = AreaTriggers {
        enter: on("trigger_on_enter"),
        exit: on("trigger_on_exit"),
        intrusion: on("trigger_on_intrusion"),
        loitering: on("trigger_loitering").then_some(loitering),
        crowding: on("trigger_crowding").then_some(crowding.unwrap_or(CROWDING_COUNT) as u32),
        object_left: (when == Some(true)).then_some(left),
        object_removed: (when == Some(false)).then_some(removed),
    };
    let id = id(check, key, object, context);
    let area = Area {
        id,
        name: name(check, key, object),
        color: color(check, object).unwrap_or(AREA_COLOR),
        vertices,
        classes: classes(check, object),
        anchor: anchor(check, object),
        sizes: sizes(check, object),
        ignore_stationary: object.bool(check, "ignore_stationary_objects").unwrap_or(false),
        enter_activation_delay: seconds(check, object, "enter_activation_delay", ACTIVATION_DELAY_S),
        triggers,
        schedule: schedule(check, object, context.time_zone),
    };
    finish(check, object);
    (check.errors.len() == errors).then_some((id, area))
}

fn line(
    check: &mut Check<'_>,
    key: &str,
    mut object: Object<'_>,
    context: &Context<'_>,
) -> Option<(Id, Line)> {
    let object = &mut object;
    let errors = check.errors.len();
    let vertices = vertices(check, object, 2..=2);
    if vertices.len() == 2 && vertices[0] == vertices[1] {
        check.error(&object.at("vertices"), "both ends are the same point", "expected two different points");
    }
    let tailgating = seconds(check, object, "tailgating_maximum_crossing_elapsed", TAILGATING_S);
    let direction = [("Up", LineDirection::Up), ("Down", LineDirection::Down), ("Both", LineDirection::Both)];
    let mut bandwidth = |key, default: f64| {
        object.number(check, key, 0.0..=1.0, "(parts of the frame)").unwrap_or(default) as f32
    };
    let (cross_bandwidth, cooldown_bandwidth) =
        (bandwidth("cross_bandwidth", CROSS_BANDWIDTH), bandwidth("cooldown_bandwidth", COOLDOWN_BANDWIDTH));
    let id = id(check, key, object, context);
    let line = Line {
        id,
        name: name(check, key, object),
        color: color(check, object).unwrap_or(LINE_COLOR),
        vertices: <[Point; 2]>::try_from(vertices).unwrap_or_default(),
        classes: classes(check, object),
        anchor: anchor(check, object),
        sizes: sizes(check, object),
        direction: object.choice(check, "direction", &direction).unwrap_or_default(),
        cross_bandwidth,
        cooldown_bandwidth,
        triggers: LineTriggers {
            crossing: object.bool(check, "trigger_crossing").unwrap_or(false),
            tailgating: object.bool(check, "trigger_tailgating").unwrap_or(false).then_some(tailgating),
        },
        schedule: schedule(check, object, context.time_zone),
    };
    finish(check, object);
    (check.errors.len() == errors).then_some((id, line))
}

/// A key or `id` that is a UUID is kept; any other becomes one that stays the same over loads.
fn id(check: &mut Check<'_>, key: &str, object: &mut Object<'_>, context: &Context<'_>) -> Id {
    let given = object.text(check, "id").filter(|id| !id.is_empty());
    given.and_then(parse_id).or_else(|| parse_id(key)).unwrap_or_else(|| {
        Id::new_v5(&context.instance, given.filter(|_| key.is_empty()).unwrap_or(key).as_bytes())
    })
}

/// The 8-4-4-4-12 form only, of any version (REFERENCE "Records").
pub(crate) fn parse_id(text: &str) -> Option<Id> {
    (text.len() == 36).then(|| Id::try_parse(text).ok())?
}

fn name(check: &mut Check<'_>, key: &str, object: &mut Object<'_>) -> String {
    if object.map.get("name").and_then(Value::as_str) == Some("") {
        object.value("name");
        return key.to_owned();
    }
    object.name(check, "name", MAX_NAME_BYTES).unwrap_or(key).to_owned()
}

fn seconds(check: &mut Check<'_>, object: &mut Object<'_>, key: &'static str, default: f64) -> StreamTime {
    StreamTime::from_secs(object.number(check, key, 0.0..=MAX_SECONDS, "seconds").unwrap_or(default))
}

fn anchor(check: &mut Check<'_>, object: &mut Object<'_>) -> Anchor {
    let choices = [("center", Anchor::Center), ("bottom_center", Anchor::BottomCenter)];
    object.choice(check, "check_anchor_point", &choices).unwrap_or_default()
}

/// The five switches. One that is absent is off; where all are absent, every class is meant.
fn classes(check: &mut Check<'_>, object: &mut Object<'_>) -> ClassFilter {
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
fn sizes(check: &mut Check<'_>, object: &mut Object<'_>) -> SizeLimits {
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
fn color(check: &mut Check<'_>, object: &mut Object<'_>) -> Option<[f32; 4]> {
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

fn vertices(
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
        check.error(&path, format!("has {} points", items.len()), format!("expected {expected}"));
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

fn finish(check: &mut Check<'_>, object: &mut Object<'_>) {
    let object = std::mem::replace(object, Object::new(object.map, ""));
    object.finish(check, &["timestamp", "groupby"]);
}
