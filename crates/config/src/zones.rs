//! `Zone.Zones` and `Tripwire.Tripwires`: areas and lines (REFERENCE "Analytics").

use watchpost_model::{Area, AreaTriggers, Id, Line, LineDirection, LineTriggers, Point};

use crate::{
    object::{Object, as_object},
    problem::Check,
    schedule::schedule,
    zone_parts::{anchor, classes, color, finish, id, name, seconds, sizes, vertices},
};

/// Areas, or lines, of one instance. Far more than a picture shows, few enough to test every
/// track against each in every frame.
const MAX_ZONES: usize = 1000;
/// Corners of one area.
pub(crate) const MAX_VERTICES: usize = 1000;
/// Longest name, in bytes.
pub(crate) const MAX_NAME_BYTES: usize = 200;

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
