//! The cases that every machine of areas and lines has to bear, each on one script for all of them: entering and
//! leaving, intrusion, loitering, crowding and crossing. `areas.rs`, `lines.rs` and `walks.rs` have what is particular
//! to one of them.

use std::collections::HashMap;

use watchpost_analytics::{IdSource, end_left_open};
use watchpost_model::{EventKind, Id, LineDirection, Record};

use crate::stage::{Actor, Stage, all_triggers, area, line};

/// Feet outside of the area, and above the line.
const OUT: (f32, f32) = (0.2, 0.6);
/// Two places in the area, below the line.
const IN: (f32, f32) = (0.46, 0.7);
const BESIDE: (f32, f32) = (0.54, 0.7);

/// Everything is on: an area, and a line from left to right through its upper half.
fn stage() -> Stage {
    Stage::new(vec![area(1, all_triggers())], vec![line(LineDirection::Both)])
}

fn at(name: &str, (x, y): (f32, f32)) -> Actor<'_> {
    (name, x, y)
}

/// How often each thing was told.
fn counts(stage: &Stage) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for what in stage.story() {
        *counts.entry(what).or_default() += 1;
    }
    counts
}

/// The counts of area-enter, area-exit, intrusion, intrusion-end, loitering, loitering-end, crowds and crossings.
fn told(stage: &Stage) -> [usize; 8] {
    let counts = counts(stage);
    let of = |what: &str| counts.get(what).copied().unwrap_or(0);
    [
        of("area-enter"),
        of("area-exit"),
        of("intrusion"),
        of("intrusion-end"),
        of("loitering"),
        of("loitering-end"),
        of("crowd-detection"),
        of("up") + of("down"),
    ]
}

/// Each start has exactly one end, which names it, is of the same track and is not before it.
fn is_balanced(stage: &Stage) {
    let mut open: HashMap<Id, (Id, &str)> = HashMap::new();
    for event in stage.events() {
        let track = event.subjects[0].track_id;
        let started = match &event.kind {
            EventKind::Intrusion(_) => open.insert(event.id, (track, "intrusion")),
            EventKind::Loitering(_) => open.insert(event.id, (track, "loitering")),
            EventKind::IntrusionEnd { start, .. } => {
                assert_eq!(open.remove(start), Some((track, "intrusion")));
                None
            }
            EventKind::LoiteringEnd { start, .. } => {
                assert_eq!(open.remove(start), Some((track, "loitering")));
                None
            }
            _ => None,
        };
        assert_eq!(started, None, "an id twice");
    }
    assert!(open.is_empty() && stage.open.is_empty(), "starts without an end: {open:?}");
}

#[test]
fn two_who_are_lost_inside_have_left_once_and_who_comes_after_them_is_told_anew() {
    let mut stage = stage();
    for (first, second) in [("a", "b"), ("c", "d")] {
        stage.stand(1500.0, &[at(first, OUT)]);
        stage.walk(1000.0, &[(first, (OUT, IN))]);
        stage.stand(4000.0, &[at(first, IN), at(second, BESIDE)]);
        let before = told(&stage);
        stage.stand(10_000.0, &[]);
        let after = told(&stage);
        // Both exits and all four ends, and nothing else.
        assert_eq!(std::array::from_fn(|i| after[i] - before[i]), [0, 2, 0, 2, 0, 2, 0, 0]);
    }
    assert_eq!(told(&stage), [4, 4, 4, 4, 4, 4, 2, 0]);
    is_balanced(&stage);
}

#[test]
fn who_is_lost_on_the_line_has_not_crossed_it_and_who_appears_beyond_has_not_either() {
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.stand(1500.0, &[("a", 0.5, 0.4)]);
    // Beyond the line, but not by the bandwidth that makes it a crossing.
    stage.walk(1000.0, &[("a", ((0.5, 0.4), (0.5, 0.515)))]);
    stage.stand(5000.0, &[]);
    stage.stand(3000.0, &[("b", 0.5, 0.6)]);
    stage.stop();
    assert_eq!(stage.story(), [""; 0]);
}

#[test]
fn a_border_that_is_touched_is_not_crossed() {
    let mut stage = stage();
    let touch = (0.402, 0.7);
    stage.stand(1500.0, &[at("a", (0.2, 0.7))]);
    for _ in 0..3 {
        stage.walk(1000.0, &[("a", ((0.2, 0.7), touch))]);
        stage.walk(1000.0, &[("a", (touch, (0.2, 0.7)))]);
    }
    assert_eq!(stage.story(), [""; 0]);
    // Nor does a touch make a crowd of somebody who is in.
    stage.stand(2000.0, &[at("b", IN), at("a", (0.2, 0.7))]);
    stage.walk(1000.0, &[("a", ((0.2, 0.7), touch)), ("b", (IN, IN))]);
    stage.walk(1000.0, &[("a", (touch, (0.2, 0.7))), ("b", (IN, IN))]);
    assert_eq!(told(&stage)[6], 0, "{:?}", stage.story());
    // Along the border, half a box outside, is outside however long it takes.
    let mut stage = self::stage();
    stage.walk(20_000.0, &[("a", ((0.38, 0.9), (0.38, 0.6)))]);
    stage.stop();
    assert_eq!(stage.story(), [""; 0]);
}

#[test]
fn frames_far_apart_hide_nobody_who_stays() {
    let mut stage = stage();
    stage.step_ms = 1000.0;
    stage.stand(3000.0, &[at("a", (0.5, 0.2)), at("b", (0.3, 0.2))]);
    // From one frame to the next over the line and into the area.
    stage.stand(6000.0, &[at("a", IN), at("b", BESIDE)]);
    assert_eq!(told(&stage), [2, 0, 2, 0, 2, 0, 1, 2]);
    stage.stand(4000.0, &[at("a", (0.5, 0.2)), at("b", (0.3, 0.2))]);
    assert_eq!(told(&stage), [2, 2, 2, 2, 2, 2, 1, 4]);
    stage.stop();
    is_balanced(&stage);
    // Who is never seen in the area, since both frames are beside it, has not been there.
    let mut stage = self::stage();
    stage.step_ms = 1000.0;
    stage.stand(4000.0, &[at("a", OUT)]);
    stage.stand(4000.0, &[at("a", (0.8, 0.6))]);
    stage.stop();
    assert_eq!(stage.story(), [""; 0]);
}

#[test]
fn of_two_who_swap_places_each_keeps_their_own_events() {
    for named in [true, false] {
        let mut stage = stage();
        stage.named = named;
        let (inside, outside) = ((0.5, 0.62), (0.2, 0.74));
        stage.stand(5000.0, &[at("a", inside), at("b", outside)]);
        stage.walk(3000.0, &[("a", (inside, (0.2, 0.62))), ("b", (outside, (0.5, 0.74)))]);
        stage.stand(5000.0, &[at("a", (0.2, 0.62)), at("b", (0.5, 0.74))]);
        assert_eq!(told(&stage), [2, 1, 2, 1, 2, 1, 0, 0], "named: {named}");
        stage.stop();
        is_balanced(&stage);
        let tracks = |word: &str| {
            let events = stage.events();
            let of = events.iter().zip(stage.story()).filter(|(_, what)| what == word);
            of.map(|(event, _)| event.subjects[0].track_id).collect::<Vec<_>>()
        };
        let entered = tracks("area-enter");
        assert_ne!(entered[0], entered[1]);
        for what in ["intrusion", "intrusion-end", "loitering", "loitering-end"] {
            assert_eq!(tracks(what), entered, "{what}, named: {named}");
        }
        assert_eq!(tracks("area-exit"), entered[..1]);
    }
}

#[test]
fn a_crowd_whose_members_swap_places_is_one_crowd() {
    for named in [true, false] {
        let mut stage = stage();
        stage.named = named;
        let (here, there, outside) = ((0.44, 0.62), (0.56, 0.74), (0.8, 0.5));
        stage.stand(4000.0, &[at("a", here), at("b", there)]);
        // Within the area, and then one of them with a third who was outside.
        stage.walk(2000.0, &[("a", (here, (0.56, 0.62))), ("b", (there, (0.44, 0.74)))]);
        stage.stand(2000.0, &[at("a", (0.56, 0.62)), at("b", (0.44, 0.74)), at("c", outside)]);
        let ways = [
            ("a", ((0.56, 0.62), (0.8, 0.62))),
            ("b", ((0.44, 0.74), (0.44, 0.74))),
            ("c", (outside, (0.56, 0.5))),
        ];
        stage.walk(2000.0, &ways);
        stage.stand(4000.0, &[at("a", (0.8, 0.62)), at("b", (0.44, 0.74)), at("c", (0.56, 0.5))]);
        assert_eq!(told(&stage)[6], 1, "{:?}", stage.story());
        stage.stop();
        is_balanced(&stage);
    }
}

/// Noise of a thirtieth of a box to each side, the same in each run.
fn noise(step: u64) -> f32 {
    let mixed = (step.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1 << 24) as f32;
    (mixed - 0.5) * 2.0 * 0.0035
}

#[test]
fn jitter_on_a_border_and_on_a_line_tells_nothing_twice() {
    for step_ms in [40.0, 100.0, 250.0] {
        // One stands on the area's border and another in it; a third stands on the line beside the area.
        let mut stage = stage();
        stage.step_ms = step_ms;
        for step in 0..(60_000.0 / step_ms) as u64 {
            let (x, y) = (0.4 + noise(3 * step), 0.5 + noise(3 * step + 1));
            stage.show(&[("a", x, 0.7), at("b", IN), ("c", 0.25, y)]);
        }
        let so_far = told(&stage);
        let [enters, exits, intrusions, ends, loiterings, loitering_ends, crowds, crossings] = so_far;
        assert!((1..=2).contains(&enters) && intrusions == enters && loiterings == enters, "{so_far:?}");
        assert_eq!((exits, ends, loitering_ends, crossings), (0, 0, 0, 0), "{so_far:?}");
        assert!(crowds <= 1, "{so_far:?}");
        stage.stop();
        is_balanced(&stage);
    }
}

#[test]
fn a_stop_ends_everything_once_and_a_new_start_begins_anew() {
    let mut stage = stage();
    stage.stand(5000.0, &[at("a", IN), at("b", BESIDE)]);
    assert_eq!(told(&stage), [2, 0, 2, 0, 2, 0, 1, 0]);
    stage.stop();
    assert_eq!(told(&stage), [2, 0, 2, 2, 2, 2, 1, 0], "nobody has left by that");
    stage.stop();
    assert_eq!(told(&stage), [2, 0, 2, 2, 2, 2, 1, 0]);
    is_balanced(&stage);
    stage.stand(5000.0, &[at("a", IN), at("b", BESIDE)]);
    assert_eq!(told(&stage), [4, 0, 4, 2, 4, 2, 2, 0], "the crowd too");
    stage.stop();
    is_balanced(&stage);
    // Who was on the line when it stopped and is beyond when it starts has not been seen to cross it.
    let mut stage = self::stage();
    stage.stand(1500.0, &[("a", 0.25, 0.4)]);
    stage.walk(1000.0, &[("a", ((0.25, 0.4), (0.25, 0.515)))]);
    stage.stop();
    stage.walk(3000.0, &[("a", ((0.25, 0.515), (0.25, 0.7)))]);
    stage.stop();
    assert_eq!(stage.story(), [""; 0]);
}

#[test]
fn a_file_that_begins_anew_tells_of_its_crowd_in_each_round() {
    let mut stage = stage();
    for round in 1..=3 {
        stage.now_ms = 0.0;
        stage.stand(5000.0, &[at("a", IN), at("b", BESIDE)]);
        assert_eq!(
            told(&stage),
            [2 * round, 0, 2 * round, 2 * round - 2, 2 * round, 2 * round - 2, round, 0]
        );
    }
}

#[test]
fn after_a_crash_what_was_open_is_ended_and_who_is_still_there_is_told_anew() {
    let mut before = stage();
    before.stand(1500.0, &[("a", 0.5, 0.45)]);
    before.walk(1000.0, &[("a", ((0.5, 0.45), (0.5, 0.7)))]);
    before.stand(4000.0, &[("a", 0.5, 0.7), at("b", BESIDE)]);
    assert_eq!(told(&before)[6..], [1, 1]);
    let left_open = before.open.clone();
    assert_eq!(left_open.len(), 4);
    // The crash: of all that, only the books are there.
    let ends = end_left_open(&left_open, IdSource::Seeded(77));
    let mut after = stage();
    (after.now_ms, after.frame) = (before.now_ms, before.frame);
    after.stand(5000.0, &[("a", 0.5, 0.7), at("b", BESIDE)]);
    after.stop();
    // The line is not crossed by who is beyond it already.
    assert_eq!(told(&after), [2, 0, 2, 2, 2, 2, 1, 0]);
    is_balanced(&after);
    let ended: Vec<Id> = ends
        .iter()
        .map(|group| match &group.records[..] {
            [Record::Event(event)] => match event.kind {
                EventKind::IntrusionEnd { start, .. } | EventKind::LoiteringEnd { start, .. } => start,
                ref other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    let starts: Vec<Id> = left_open.iter().map(|open| open.event.id).collect();
    assert_eq!(ended, starts, "each once");
}
