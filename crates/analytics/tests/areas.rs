//! Areas: every start has exactly one end, and nothing is said twice.

use watchpost_analytics::{IdSource, end_left_open};
use watchpost_model::{
    AreaTriggers, ClassFilter, EventKind, Id, ObjectClass, Record, SizeLimits, StreamTime,
};

use crate::stage::{Stage, all_triggers, area};

const LEFT: (f32, f32) = (0.2, 0.6);
const MIDDLE: (f32, f32) = (0.5, 0.6);
const RIGHT: (f32, f32) = (0.8, 0.6);

fn intrusions() -> AreaTriggers {
    AreaTriggers { intrusion: true, ..AreaTriggers::default() }
}

#[test]
fn who_walks_through_enters_intrudes_loiters_and_leaves() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(3000.0, &[("a", (LEFT, MIDDLE))]);
    stage.stand(3000.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    stage.walk(3000.0, &[("a", (MIDDLE, RIGHT))]);
    stage.stand(3000.0, &[]);
    stage.stop();
    let expected = ["area-enter", "intrusion", "loitering", "area-exit", "intrusion-end", "loitering-end"];
    assert_eq!(stage.story(), expected);
    assert!(stage.open.is_empty());
    let events = stage.events();
    let EventKind::IntrusionEnd { start, duration, .. } = &events[4].kind else { panic!("{:?}", events[4]) };
    assert_eq!(*start, events[1].id);
    assert!((3.5..6.5).contains(&duration.as_secs()), "{duration:?}");
}

#[test]
fn a_track_lost_inside_has_left() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    assert_eq!(stage.story(), ["area-enter", "intrusion"]);
    stage.stand(1500.0, &[]);
    assert_eq!(stage.story().len(), 2, "it may come back");
    stage.stand(3000.0, &[]);
    assert_eq!(stage.story()[2..], ["area-exit", "intrusion-end"]);
    stage.stop();
    assert_eq!(stage.story().len(), 4);
}

#[test]
fn jitter_on_the_border_is_silent() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(1500.0, &[("a", (LEFT, (0.38, 0.6)))]);
    for step in 0..100 {
        stage.show(&[("a", if step % 2 == 0 { 0.39 } else { 0.41 }, 0.6)]);
    }
    let story = stage.story();
    assert!(story.iter().filter(|what| *what == "area-enter").count() <= 1, "{story:?}");
    assert!(!story.contains(&"area-exit".to_owned()), "{story:?}");
}

#[test]
fn stopping_ends_what_is_open_once_and_is_no_exit() {
    let mut stage = Stage::new(vec![area(1, all_triggers()), area(2, intrusions())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    assert_eq!(stage.open.len(), 2);
    stage.stop();
    stage.stop();
    assert_eq!(stage.story()[3..], ["intrusion-end", "intrusion-end"]);
    assert!(stage.open.is_empty());
}

#[test]
fn after_a_crash_each_start_is_ended_where_it_was_last_seen() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    stage.stand(4000.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert_eq!(stage.open.len(), 2);
    assert_eq!(stage.securt.open_events().len(), 2);
    let crashed_at = StreamTime::from_ms(stage.now_ms - stage.step_ms);
    let ends = end_left_open(&stage.open, IdSource::Seeded(9));
    assert_eq!(ends.len(), 2);
    for (end, open) in ends.iter().zip(&stage.open) {
        assert_eq!(end.at, open.last_seen);
        assert!(crashed_at.since(end.at.time) <= StreamTime::from_secs(1.0), "told once a second");
        let Record::Event(event) = &end.records[0] else { panic!("{end:?}") };
        let (EventKind::IntrusionEnd { start, duration, .. }
        | EventKind::LoiteringEnd { start, duration, .. }) = &event.kind
        else {
            panic!("{event:?}")
        };
        assert_eq!((*start, *duration), (open.event.id, open.last_seen.time - open.at.time));
    }
}

#[test]
fn deleting_or_moving_an_occupied_area_ends_renaming_does_not() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    let mut renamed = area(1, all_triggers());
    renamed.name = "yard".to_owned();
    let analysis = stage.securt.set_zones(vec![area(2, intrusions()), renamed], vec![]);
    assert!(analysis.groups.is_empty());
    stage.keep(analysis);
    stage.stand(500.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert_eq!(stage.story(), ["area-enter", "intrusion", "intrusion"]);
    let analysis = stage.securt.set_zones(vec![area(2, intrusions())], vec![]);
    stage.keep(analysis);
    assert_eq!(stage.story()[3..], ["intrusion-end"]);
    let mut moved = area(2, intrusions());
    moved.vertices[0].x = 0.3;
    let analysis = stage.securt.set_zones(vec![moved], vec![]);
    stage.keep(analysis);
    stage.stand(500.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert_eq!(stage.story()[4..], ["intrusion-end", "intrusion"]);
    assert_eq!(stage.open.len(), 1);
}

#[test]
fn disarming_ends_and_arming_begins_anew() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    stage.securt.set_armed(Id::from_u128(1), false);
    stage.stand(1000.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert_eq!(stage.story()[2..], ["intrusion-end"]);
    stage.securt.set_armed(Id::from_u128(1), true);
    stage.stand(1000.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert_eq!(stage.story()[3..], ["area-enter", "intrusion"]);
}

#[test]
fn who_is_lost_while_an_area_is_disarmed_has_not_left_it() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    stage.walk(2000.0, &[("a", (LEFT, MIDDLE))]);
    assert_eq!(stage.story(), ["area-enter", "intrusion"]);
    // Last seen armed; in the frame that loses the track the area is not.
    stage.stand(1900.0, &[]);
    stage.securt.set_armed(Id::from_u128(1), false);
    stage.stand(1000.0, &[]);
    assert_eq!(stage.story()[2..], ["intrusion-end"]);
}

#[test]
fn a_crowd_is_told_once_with_everybody_in_it() {
    let mut stage =
        Stage::new(vec![area(1, AreaTriggers { crowding: Some(2), ..AreaTriggers::default() })], vec![]);
    stage.stand(4000.0, &[("a", 0.45, 0.6), ("b", 0.55, 0.6)]);
    assert_eq!(stage.story(), ["crowd-detection"]);
    assert_eq!(stage.events()[0].subjects.len(), 2);
    let occupancy = &stage.said.last().unwrap().occupancy[0];
    assert!(occupancy.is_occupied() && occupancy.count == 2);
    assert_eq!(stage.said.last().unwrap().counts.of(ObjectClass::Person), 2);
}

#[test]
fn classes_sizes_and_those_who_stand_still_are_left_out() {
    let vehicles = ClassFilter::NONE.with(ObjectClass::Vehicle);
    let mut wrong_class = area(1, all_triggers());
    wrong_class.classes = vehicles;
    let mut too_large = area(2, all_triggers());
    too_large.sizes = SizeLimits { max_height: 0.05, ..SizeLimits::default() };
    let mut moving_only = area(3, all_triggers());
    moving_only.ignore_stationary = true;
    let mut stage = Stage::new(vec![wrong_class, too_large, moving_only], vec![]);
    stage.stand(5000.0, &[("a", MIDDLE.0, MIDDLE.1)]);
    assert!(stage.story().is_empty(), "{:?}", stage.story());
    let occupied = stage.said.iter().flat_map(|said| &said.occupancy).filter(|area| area.is_occupied());
    assert_eq!(occupied.count(), 0, "for zone_stats they are not there either");
}
