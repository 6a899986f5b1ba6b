//! Tailgating: who goes over a line close behind somebody else, and what is none.

use watchpost_analytics::{IdSource, end_left_open};
use watchpost_model::{
    ClassFilter, Event, EventKind, Id, Line, LineDirection, LineTriggers, ObjectClass, StreamTime,
};

use crate::stage::{Stage, Way, line};

const DOWN: (f32, f32) = (0.3, 0.7);
const UP: (f32, f32) = (0.7, 0.3);

/// A line that reports only who tailgates within two seconds.
fn gate() -> Line {
    let triggers = LineTriggers { crossing: false, tailgating: Some(StreamTime::from_secs(2.0)) };
    Line { triggers, ..line(LineDirection::Both) }
}

/// Somebody who walks for two seconds from a moment on, and crosses in the middle of that.
struct Walker {
    name: &'static str,
    from_ms: f64,
    x: f32,
    way: (f32, f32),
}

fn walker(name: &'static str, from_ms: f64, x: f32, way: (f32, f32)) -> Walker {
    Walker { name, from_ms, x, way }
}

/// Shows walkers for eight seconds, standing where they come from before and where they went to after.
fn play(stage: &mut Stage, walkers: &[Walker]) {
    let begin = stage.now_ms;
    while stage.now_ms < begin + 8000.0 {
        let now = stage.now_ms - begin;
        let actors: Vec<_> = walkers
            .iter()
            .map(|walker| {
                let share = ((now - walker.from_ms) / 2000.0).clamp(0.0, 1.0) as f32;
                (walker.name, walker.x, walker.way.0 + share * (walker.way.1 - walker.way.0))
            })
            .collect();
        stage.show(&actors);
    }
}

fn told(walkers: &[Walker]) -> Vec<(Event, f64, Id)> {
    let mut stage = Stage::new(vec![], vec![gate()]);
    play(&mut stage, walkers);
    stage.stop();
    tailgaters(&stage)
}

/// The events, the interval in ms, and who was first.
fn tailgaters(stage: &Stage) -> Vec<(Event, f64, Id)> {
    let each = stage.events().into_iter().map(|event| {
        let EventKind::Tailgating { interval, first_track, line, .. } = &event.kind else {
            panic!("{event:?}")
        };
        assert_eq!(line.name, "line");
        let (interval, first) = (interval.as_ms(), *first_track);
        (event, interval, first)
    });
    each.collect()
}

#[test]
fn two_in_a_row() {
    let told = told(&[walker("a", 1500.0, 0.4, DOWN), walker("b", 2500.0, 0.6, DOWN)]);
    assert_eq!(told.len(), 1, "{told:?}");
    let (event, interval, first) = &told[0];
    assert!((900.0..1100.0).contains(interval), "{interval}");
    assert_ne!(event.subjects[0].track_id, *first);
    assert!(event.subjects[0].rect.center().x > 0.5, "the second is the one who tailgates");
}

#[test]
fn three_in_a_row_are_two_and_each_follows_the_one_before() {
    let walkers =
        [walker("a", 1500.0, 0.3, DOWN), walker("b", 2300.0, 0.5, DOWN), walker("c", 3300.0, 0.7, DOWN)];
    let told = told(&walkers);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].2, told[0].0.subjects[0].track_id);
    assert!((700.0..900.0).contains(&told[0].1) && (900.0..1100.0).contains(&told[1].1), "{told:?}");
}

#[test]
fn too_late_or_the_other_way_is_none() {
    assert!(told(&[walker("a", 1500.0, 0.4, DOWN), walker("b", 3700.0, 0.6, DOWN)]).is_empty());
    assert!(told(&[walker("a", 1500.0, 0.4, DOWN), walker("b", 2500.0, 0.6, UP)]).is_empty());
    // Who comes the other way in between does not hide it.
    let between =
        [walker("a", 1500.0, 0.3, DOWN), walker("b", 2000.0, 0.5, UP), walker("c", 2500.0, 0.7, DOWN)];
    assert_eq!(told(&between).len(), 1);
}

#[test]
fn a_direction_or_class_that_does_not_count_makes_no_pair() {
    let walkers = || [walker("a", 1500.0, 0.4, DOWN), walker("b", 2500.0, 0.6, DOWN)];
    let vehicles = ClassFilter::NONE.with(ObjectClass::Vehicle);
    for line in [Line { direction: LineDirection::Up, ..gate() }, Line { classes: vehicles, ..gate() }] {
        let mut stage = Stage::new(vec![], vec![line]);
        play(&mut stage, &walkers());
        assert!(stage.story().is_empty());
    }
}

#[test]
fn nobody_tailgates_themselves() {
    let mut stage = Stage::new(
        vec![],
        vec![Line {
            triggers: LineTriggers { crossing: true, tailgating: Some(StreamTime::from_secs(60.0)) },
            ..gate()
        }],
    );
    let way: [Way; 2] = [((0.5, 0.3), (0.5, 0.7)), ((0.5, 0.7), (0.5, 0.3))];
    stage.stand(1500.0, &[("a", 0.5, 0.3)]);
    for turn in 0..4 {
        stage.walk(2000.0, &[("a", way[turn % 2])]);
        stage.stand(2000.0, &[("a", 0.5, way[turn % 2].1.1)]);
    }
    assert_eq!(stage.story(), ["down", "up", "down", "up"]);
}

#[test]
fn who_was_first_may_be_gone_already() {
    let mut stage = Stage::new(vec![], vec![gate()]);
    stage.stand(1500.0, &[("a", 0.4, 0.3), ("b", 0.6, 0.3)]);
    stage.walk(500.0, &[("a", ((0.4, 0.3), (0.4, 0.7))), ("b", ((0.6, 0.3), (0.6, 0.3)))]);
    stage.stand(1300.0, &[("b", 0.6, 0.3)]);
    stage.walk(500.0, &[("b", ((0.6, 0.3), (0.6, 0.7)))]);
    assert_eq!(stage.story(), ["tailgating"]);
}

/// Established is who was seen for a second. Those who are gone before were noise.
#[test]
fn noise_neither_tailgates_nor_is_tailgated() {
    let cross = |name| [(name, ((0.4, 0.4), (0.4, 0.6)))];
    for (first, second) in [("flash", "b"), ("b", "flash")] {
        let mut stage = Stage::new(vec![], vec![gate()]);
        for name in [first, second] {
            if name == "b" {
                stage.stand(1500.0, &[("b", 0.4, 0.4)]);
            }
            stage.walk(500.0, &cross(name));
            stage.stand(
                if name == "b" { 1000.0 } else { 200.0 },
                &[("b", 0.4, 0.6)][..usize::from(name == "b")],
            );
        }
        stage.stand(5000.0, &[]);
        assert!(stage.story().is_empty(), "{first} then {second}");
    }
}

#[test]
fn who_is_established_after_both_have_crossed_counts_at_the_time_of_the_crossing() {
    let mut stage = Stage::new(vec![], vec![gate()]);
    let (a, b) = (((0.3, 0.4), (0.3, 0.6)), ((0.6, 0.4), (0.6, 0.6)));
    stage.walk(300.0, &[("a", a)]);
    stage.walk(300.0, &[("a", (a.1, a.1)), ("b", b)]);
    assert!(stage.story().is_empty());
    stage.stand(1500.0, &[("a", 0.3, 0.6), ("b", 0.6, 0.6)]);
    let told = tailgaters(&stage);
    assert_eq!(told.len(), 1);
    assert!((200.0..400.0).contains(&told[0].1), "{}", told[0].1);
    assert!(told[0].0.subjects[0].rect.center().x > 0.5);
}

#[test]
fn a_stop_a_disarming_and_a_changed_line_forget_who_was_first() {
    let first = [("a", ((0.4, 0.3), (0.4, 0.7))), ("b", ((0.6, 0.3), (0.6, 0.3)))];
    let second = [("a", ((0.4, 0.7), (0.4, 0.7))), ("b", ((0.6, 0.3), (0.6, 0.7)))];
    for (how, expected) in [("", 1), ("renamed", 1), ("stopped", 0), ("disarmed", 0), ("moved", 0)] {
        let mut stage = Stage::new(vec![], vec![gate()]);
        stage.stand(1500.0, &[("a", 0.4, 0.3), ("b", 0.6, 0.3)]);
        stage.walk(500.0, &first);
        match how {
            "stopped" => stage.stop(),
            "disarmed" => {
                stage.securt.set_armed(Id::from_u128(1000), false);
                stage.stand(100.0, &[("a", 0.4, 0.7), ("b", 0.6, 0.3)]);
                stage.securt.set_armed(Id::from_u128(1000), true);
            }
            "renamed" => drop(
                stage.securt.set_zones(vec![], vec![Line { name: "line".into(), color: [0.0; 4], ..gate() }]),
            ),
            "moved" => drop(stage.securt.set_zones(vec![], vec![Line { cross_bandwidth: 0.01, ..gate() }])),
            _ => {}
        }
        stage.walk(500.0, &second);
        stage.stand(1500.0, &[("a", 0.4, 0.7), ("b", 0.6, 0.7)]);
        assert_eq!(stage.story(), vec!["tailgating"; expected], "{how}");
    }
}

/// It has no end, so a crash leaves nothing open; and who crossed before it is nobody's first after it.
#[test]
fn a_crash_and_a_restart() {
    let mut stage = Stage::new(vec![], vec![gate()]);
    play(&mut stage, &[walker("a", 1500.0, 0.4, DOWN), walker("b", 2500.0, 0.6, DOWN)]);
    assert_eq!(stage.story(), ["tailgating"]);
    assert!(stage.open.is_empty() && stage.securt.open_events().is_empty());
    assert!(end_left_open(&stage.open, IdSource::Seeded(9)).is_empty());
    let mut after = Stage::new(vec![], vec![gate()]);
    after.stand(1500.0, &[("b", 0.6, 0.3)]);
    after.walk(500.0, &[("b", ((0.6, 0.3), (0.6, 0.7)))]);
    after.stand(1500.0, &[("b", 0.6, 0.7)]);
    assert!(after.story().is_empty());
}
