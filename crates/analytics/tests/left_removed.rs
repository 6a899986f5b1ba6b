//! Objects left and removed, from labelled detections: each is told once, people and animals never are.

use watchpost_model::{AreaTriggers, Detection, EventKind, Id, ObjectClass, ObjectState, Rect, StreamTime};

use crate::stage::{Stage, area};

/// What is seen in a frame: name, class, and where its feet are.
type Seen<'a> = (&'a str, ObjectClass, f32, f32);

const BAG: Seen<'static> = ("bag", ObjectClass::Unknown, 0.5, 0.6);
const FAR: (f32, f32) = (0.8, 0.6);

fn stage(left: Option<f64>, removed: Option<f64>) -> Stage {
    let seconds = |s: Option<f64>| s.map(StreamTime::from_secs);
    let triggers = AreaTriggers {
        object_left: seconds(left),
        object_removed: seconds(removed),
        ..AreaTriggers::default()
    };
    Stage::new(vec![area(1, triggers)], vec![])
}

fn show(stage: &mut Stage, seconds: f64, seen: &[Seen<'_>]) {
    for _ in 0..(seconds * 10.0) as usize {
        let detections: Vec<Detection> = seen
            .iter()
            .map(|&(name, class, x, y)| Detection {
                class,
                rect: Rect::new(x - 0.02, y - 0.05, 0.04, 0.05),
                ..stage.detection((name, x, y))
            })
            .collect();
        stage.feed(&detections);
    }
}

/// What was told and when, in seconds.
fn told(stage: &Stage) -> Vec<(ObjectState, f64)> {
    let groups = stage.said.iter().flat_map(|said| &said.groups);
    let each = groups.filter_map(|group| match &group.records[0] {
        watchpost_model::Record::Event(event) => match &event.kind {
            EventKind::ObjectLeftRemoved { state, .. } => Some((*state, group.at.time.as_secs())),
            other => panic!("{other:?}"),
        },
        _ => None,
    });
    each.collect()
}

#[test]
fn a_bag_that_lies_there_is_left_once_however_long() {
    let mut stage = stage(Some(4.0), None);
    show(&mut stage, 60.0, &[BAG]);
    stage.stop();
    let told = told(&stage);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == ObjectState::Left && (4.9..5.3).contains(&told[0].1), "{told:?}");
}

#[test]
fn a_bag_whose_track_breaks_is_not_left_again() {
    let mut stage = stage(Some(4.0), None);
    show(&mut stage, 10.0, &[BAG]);
    show(&mut stage, 4.0, &[]);
    show(&mut stage, 10.0, &[("other", ObjectClass::Unknown, BAG.2, BAG.3)]);
    assert_eq!(told(&stage).len(), 1);
    // Long gone, and another: that is another.
    show(&mut stage, 20.0, &[]);
    show(&mut stage, 10.0, &[("third", ObjectClass::Unknown, BAG.2, BAG.3)]);
    assert_eq!(told(&stage).len(), 2);
}

#[test]
fn people_and_animals_are_never_left_or_removed() {
    for class in [ObjectClass::Person, ObjectClass::Animal, ObjectClass::Face] {
        let mut stage = stage(Some(2.0), Some(2.0));
        show(&mut stage, 30.0, &[("a", class, 0.5, 0.6)]);
        show(&mut stage, 10.0, &[]);
        assert_eq!(told(&stage), [], "{class}");
    }
}

#[test]
fn who_carries_it_has_to_go_first() {
    let mut stage = stage(Some(4.0), None);
    show(&mut stage, 10.0, &[BAG, ("owner", ObjectClass::Person, 0.52, 0.6)]);
    assert_eq!(told(&stage), []);
    show(&mut stage, 1.0, &[BAG, ("owner", ObjectClass::Person, FAR.0, FAR.1)]);
    assert_eq!(told(&stage).len(), 1);
}

#[test]
fn what_is_carried_on_was_not_left() {
    let mut stage = stage(Some(4.0), Some(2.0));
    for step in 0..4 {
        show(&mut stage, 3.0, &[("bag", ObjectClass::Unknown, 0.42 + 0.05 * step as f32, 0.6)]);
    }
    show(&mut stage, 10.0, &[]);
    assert_eq!(told(&stage), []);
}

#[test]
fn a_thing_that_lay_there_for_long_and_is_gone_is_removed_once() {
    let mut stage = stage(None, Some(4.0));
    show(&mut stage, 15.0, &[BAG]);
    show(&mut stage, 30.0, &[]);
    stage.stop();
    let told = told(&stage);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].0 == ObjectState::Removed && (18.8..19.3).contains(&told[0].1), "{told:?}");
    let event = &stage.events()[0];
    assert!((event.subjects[0].rect.center().x - BAG.2).abs() < 0.01);
}

#[test]
fn a_thing_that_is_carried_off_in_sight_is_removed_too() {
    let mut stage = stage(None, Some(4.0));
    show(&mut stage, 15.0, &[BAG]);
    for step in 0..20 {
        show(&mut stage, 0.1, &[("bag", ObjectClass::Unknown, 0.5 + 0.02 * step as f32, 0.6)]);
    }
    show(&mut stage, 8.0, &[("bag", ObjectClass::Unknown, 0.9, 0.6)]);
    assert_eq!(told(&stage).len(), 1);
}

#[test]
fn a_short_stay_a_return_in_time_and_somebody_in_front_are_no_removal() {
    let mut short = stage(None, Some(4.0));
    show(&mut short, 6.0, &[BAG]);
    show(&mut short, 20.0, &[]);
    assert_eq!(told(&short), []);

    let mut back = stage(None, Some(4.0));
    show(&mut back, 15.0, &[BAG]);
    show(&mut back, 3.0, &[]);
    show(&mut back, 20.0, &[("again", ObjectClass::Unknown, BAG.2, BAG.3)]);
    assert_eq!(told(&back), []);

    let mut hidden = stage(None, Some(4.0));
    show(&mut hidden, 15.0, &[BAG]);
    show(&mut hidden, 10.0, &[("van", ObjectClass::Vehicle, BAG.2 + 0.01, BAG.3)]);
    assert_eq!(told(&hidden), [], "nobody can say");
    show(&mut hidden, 1.0, &[("van", ObjectClass::Vehicle, FAR.0, FAR.1)]);
    assert_eq!(told(&hidden).len(), 1);
}

#[test]
fn a_stop_and_a_disarming_forget_and_tell_nothing() {
    for how in ["stopped", "disarmed"] {
        let mut stage = stage(Some(4.0), Some(4.0));
        show(&mut stage, 3.0, &[BAG]);
        match how {
            "stopped" => stage.stop(),
            _ => {
                stage.securt.set_armed(Id::from_u128(1), false);
                show(&mut stage, 20.0, &[BAG]);
                show(&mut stage, 8.0, &[]);
                stage.securt.set_armed(Id::from_u128(1), true);
            }
        }
        show(&mut stage, 8.0, &[]);
        assert_eq!(told(&stage), [], "{how}");
        show(&mut stage, 8.0, &[BAG]);
        assert_eq!(told(&stage).len(), 1, "{how}: the clock begins anew");
    }
}

/// It has no end, so a crash leaves nothing open; after it what lies there is told by a track of its own.
#[test]
fn a_crash_leaves_nothing_open() {
    let mut stage = stage(Some(4.0), None);
    show(&mut stage, 10.0, &[BAG]);
    assert_eq!(told(&stage).len(), 1);
    assert!(stage.open.is_empty() && stage.securt.open_events().is_empty());
}
