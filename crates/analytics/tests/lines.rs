//! Lines: a crossing is told once, with its direction; what is none is not told.

use watchpost_model::{EventKind, Id, LineDirection, SizeLimits};

use crate::stage::{HEIGHT, Stage, Way, line};

fn walked(direction: LineDirection, ways: &[Way]) -> Vec<String> {
    let mut stage = Stage::new(vec![], vec![line(direction)]);
    for (from, to) in ways {
        stage.walk(1500.0, &[("a", (*from, *to))]);
    }
    stage.stop();
    stage.story()
}

#[test]
fn down_and_up_and_the_one_that_counts() {
    let (above, below) = ((0.5, 0.3), (0.5, 0.7));
    assert_eq!(walked(LineDirection::Both, &[(above, below)]), ["down"]);
    assert_eq!(walked(LineDirection::Both, &[(below, above)]), ["up"]);
    assert!(walked(LineDirection::Up, &[(above, below)]).is_empty());
    assert_eq!(walked(LineDirection::Up, &[(above, below), (below, above)]), ["up"]);
}

#[test]
fn touched_is_not_crossed() {
    assert!(walked(LineDirection::Both, &[((0.5, 0.3), (0.5, 0.5)), ((0.5, 0.5), (0.5, 0.3))]).is_empty());
    assert!(walked(LineDirection::Both, &[((0.5, 0.3), (0.5, 0.52)), ((0.5, 0.52), (0.5, 0.3))]).is_empty());
    assert!(walked(LineDirection::Both, &[((0.3, 0.5), (0.7, 0.5))]).is_empty(), "along the line");
}

#[test]
fn round_the_end_is_not_across() {
    assert!(walked(LineDirection::Both, &[((0.9, 0.3), (0.9, 0.7)), ((0.9, 0.7), (0.5, 0.7))]).is_empty());
}

#[test]
fn frames_far_apart_do_not_hide_a_crossing() {
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.step_ms = 1000.0;
    for y in [0.2, 0.2, 0.2, 0.9, 0.9, 0.9] {
        stage.show(&[("a", 0.5, y)]);
    }
    assert_eq!(stage.story(), ["down"]);
}

#[test]
fn the_same_track_must_wait_three_seconds_and_go_away() {
    let (above, below) = ((0.5, 0.35), (0.5, 0.65));
    // Across and back within 3 s is one crossing; later, away in between, another.
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.stand(1500.0, &[("a", above.0, above.1)]);
    stage.walk(800.0, &[("a", (above, below))]);
    stage.walk(800.0, &[("a", (below, above))]);
    assert_eq!(stage.story(), ["down"]);
    stage.stand(3000.0, &[("a", above.0, above.1)]);
    stage.walk(800.0, &[("a", (above, below))]);
    assert_eq!(stage.story(), ["down", "down"]);
    // To and fro near the line is one crossing, however long it takes.
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.stand(1500.0, &[("a", 0.5, 0.45)]);
    for _ in 0..5 {
        stage.walk(1500.0, &[("a", ((0.5, 0.45), (0.5, 0.54)))]);
        stage.walk(1500.0, &[("a", ((0.5, 0.54), (0.5, 0.45)))]);
    }
    assert_eq!(stage.story(), ["down"]);
}

#[test]
fn a_size_that_leaves_its_limits_for_a_moment_does_not_trigger_twice() {
    let mut limited = line(LineDirection::Both);
    limited.sizes = SizeLimits { max_height: HEIGHT * 1.2, ..SizeLimits::default() };
    let mut stage = Stage::new(vec![], vec![limited]);
    stage.stand(1500.0, &[("a", 0.5, 0.4)]);
    stage.walk(800.0, &[("a", ((0.5, 0.4), (0.5, 0.6)))]);
    assert_eq!(stage.story(), ["down"]);
    // Twice as tall in some frames, and then back over the line within three seconds.
    for _ in 0..5 {
        let mut tall = stage.detection(("a", 0.5, 0.6));
        tall.rect.y -= HEIGHT;
        tall.rect.height += HEIGHT;
        stage.feed(&[tall]);
    }
    stage.stand(600.0, &[("a", 0.5, 0.6)]);
    stage.walk(800.0, &[("a", ((0.5, 0.6), (0.5, 0.4)))]);
    assert_eq!(stage.story(), ["down"]);
    // Later, and from further away, it counts again.
    stage.stand(3000.0, &[("a", 0.5, 0.35)]);
    stage.walk(800.0, &[("a", ((0.5, 0.35), (0.5, 0.65)))]);
    assert_eq!(stage.story(), ["down", "down"]);
}

#[test]
fn who_crossed_while_the_line_was_disarmed_crosses_nothing_when_it_is_armed() {
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    let (above, below) = ((0.5, 0.3), (0.5, 0.7));
    stage.stand(1500.0, &[("a", above.0, above.1)]);
    stage.securt.set_armed(Id::from_u128(1000), false);
    stage.walk(1500.0, &[("a", (above, below))]);
    stage.securt.set_armed(Id::from_u128(1000), true);
    stage.stand(1500.0, &[("a", below.0, below.1)]);
    assert!(stage.story().is_empty());
    stage.walk(1500.0, &[("a", (below, above))]);
    assert_eq!(stage.story(), ["up"]);
}

#[test]
fn two_who_swap_places_cross_once_each() {
    for named in [true, false] {
        let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
        stage.named = named;
        stage.walk(4000.0, &[("a", ((0.48, 0.3), (0.48, 0.7))), ("b", ((0.54, 0.7), (0.54, 0.3)))]);
        stage.stop();
        let mut story = stage.story();
        story.sort_unstable();
        assert_eq!(story, ["down", "up"], "named: {named}");
        let events = stage.events();
        assert_ne!(events[0].subjects[0].track_id, events[1].subjects[0].track_id);
        for event in &events {
            assert!(matches!(&event.kind, EventKind::LineCrossing { line, .. } if line.name == "line"));
        }
    }
}

#[test]
fn an_event_waits_until_its_track_is_established() {
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.walk(600.0, &[("a", ((0.5, 0.4), (0.5, 0.6)))]);
    assert!(stage.story().is_empty());
    stage.stand(600.0, &[("a", 0.5, 0.6)]);
    assert_eq!(stage.story(), ["down"]);
    let group = stage.said.iter().flat_map(|said| &said.groups).next().unwrap();
    assert_eq!(group.at.time.as_whole_ms(), 1000, "as of the frame in which it was established");
    // One that is gone before that has caused nothing.
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.walk(600.0, &[("a", ((0.5, 0.4), (0.5, 0.6)))]);
    stage.stand(5000.0, &[]);
    assert!(stage.story().is_empty());
}
