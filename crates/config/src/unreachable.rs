//! Warnings for areas and lines that can never report anything.

use watchpost_model::{Area, AreaTriggers, ClassFilter, Line, LineTriggers, ObjectClass, Point};

use crate::{input::has_detections, instance::Input, object::one_of, problem::Check, zones::Placed};

/// Warns of each area and line that no object of this instance can trigger.
pub(crate) fn warn(check: &mut Check<'_>, input: &Input, areas: &[Placed<Area>], lines: &[Placed<Line>]) {
    for (area, path) in areas {
        if area.triggers == AreaTriggers::default() {
            let fix = "switch on one of trigger_on_enter, trigger_on_exit, trigger_on_intrusion, \
                       trigger_loitering, trigger_crowding or trigger_when";
            check.warn(path, format!("the area \"{}\" reports nothing: no trigger is on", area.name), fix);
        }
        let things = area.triggers.object_left.or(area.triggers.object_removed).is_some();
        let living = [ObjectClass::Person, ObjectClass::Animal, ObjectClass::Face];
        if things && has_detections(input) && area.classes.iter().all(|class| living.contains(&class)) {
            let message = format!(
                "the area \"{}\" never reports an object left or removed: people, animals and faces are none",
                area.name
            );
            check.warn(path, message, "switch on detect_unknowns or detect_vehicles");
        }
        // Smaller than a pixel of the largest pictures.
        if surface(&area.vertices) < 1e-9 {
            let message = format!("the area \"{}\" has no inside: its points lie on one line", area.name);
            check.warn(path, message, "draw it again");
        }
        classes(check, input, path, &format!("the area \"{}\"", area.name), area.classes);
    }
    for (line, path) in lines {
        if line.triggers == LineTriggers::default() {
            let message = format!("the line \"{}\" reports nothing: no trigger is on", line.name);
            check.warn(path, message, "switch on trigger_crossing or trigger_tailgating");
        }
        classes(check, input, path, &format!("the line \"{}\"", line.name), line.classes);
    }
}

/// Motion alone knows one class only; detectors may say any word.
fn classes(check: &mut Check<'_>, input: &Input, path: &str, zone: &str, classes: ClassFilter) {
    if classes.is_empty() {
        let message = format!("{zone} reports nothing: every detect_* switch is off");
        check.warn(path, message, format!("switch on {}", switch(input.motion_class)));
    } else if !has_detections(input) && !classes.contains(input.motion_class) {
        let taken: Vec<_> = classes.iter().map(|class| class.name().to_owned()).collect();
        check.warn(
            path,
            format!(
                "{zone} takes only {}, which nothing here can produce: without a detector, motion gives {}",
                one_of(&taken),
                input.motion_class
            ),
            format!("switch on {}, set Input.motion_class or add a detector", switch(input.motion_class)),
        );
    }
}

const fn switch(class: ObjectClass) -> &'static str {
    match class {
        ObjectClass::Person => "detect_people",
        ObjectClass::Animal => "detect_animals",
        ObjectClass::Vehicle => "detect_vehicles",
        ObjectClass::Face => "detect_faces",
        ObjectClass::Unknown => "detect_unknowns",
    }
}

/// Twice the area a polygon covers, by the shoelace formula.
fn surface(vertices: &[Point]) -> f64 {
    let next = vertices.iter().cycle().skip(1);
    let cross = |(a, b): (&Point, &Point)| f64::from(a.x) * f64::from(b.y) - f64::from(b.x) * f64::from(a.y);
    vertices.iter().zip(next).map(cross).sum::<f64>().abs()
}
