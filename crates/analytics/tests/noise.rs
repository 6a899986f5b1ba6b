//! Noise control: what is held back, and when it leaves.

use watchpost_analytics::Settings;
use watchpost_model::{AttributeValue, LineDirection, Record};

use crate::stage::{Stage, all_triggers, area, line};

fn tracks(stage: &Stage) -> usize {
    stage.records().filter(|record| matches!(record, Record::Track(_))).count()
}

#[test]
fn track_records_wait_for_an_event_then_come_once_a_second_and_at_the_end() {
    let mut stage = Stage::new(vec![], vec![line(LineDirection::Both)]);
    stage.stand(3000.0, &[("a", 0.5, 0.4)]);
    assert_eq!(tracks(&stage), 0);
    stage.walk(1000.0, &[("a", ((0.5, 0.4), (0.5, 0.6)))]);
    assert_eq!(tracks(&stage), 1);
    stage.stand(5000.0, &[("a", 0.5, 0.6)]);
    assert!((5..=7).contains(&tracks(&stage)), "{}", tracks(&stage));
    stage.stand(4000.0, &[]);
    let last =
        stage.records().filter_map(|r| if let Record::Track(t) = r { Some(t) } else { None }).last().unwrap();
    assert_eq!(last.events, vec![stage.events()[0].id]);
    let count = tracks(&stage);
    stage.stand(20_000.0, &[]);
    assert_eq!(tracks(&stage), count);
}

#[test]
fn debug_reports_every_established_track() {
    let mut stage = Stage::with(Settings { debug: true, ..Settings::default() });
    stage.stand(3500.0, &[("a", 0.5, 0.4)]);
    assert!((2..=4).contains(&tracks(&stage)), "{}", tracks(&stage));
}

#[test]
fn attributes_leave_with_the_event_and_later_ones_alone() {
    let mut stage = Stage::new(vec![area(1, all_triggers())], vec![]);
    let seen = |stage: &Stage, colour: &str| {
        let mut detection = stage.detection(("a", 0.5, 0.6));
        detection
            .attributes
            .push(("upper_clothing_color".to_owned(), AttributeValue::Text(colour.to_owned())));
        detection
    };
    for _ in 0..9 {
        let detection = seen(&stage, "red");
        assert!(stage.feed(&[detection]).groups.is_empty());
    }
    for _ in 0..5 {
        let detection = seen(&stage, "red");
        stage.feed(&[detection]);
    }
    let groups: Vec<_> = stage.said.iter().flat_map(|said| said.groups.clone()).collect();
    assert!(matches!(groups[0].records[..], [Record::Event(_), Record::Attribute(_)]), "{groups:?}");
    for _ in 0..3 {
        let detection = seen(&stage, "blue");
        stage.feed(&[detection]);
    }
    let alone: Vec<_> = stage.said[14..].iter().flat_map(|said| &said.groups).collect();
    assert!(matches!(alone[0].records[..], [Record::Attribute(_)]));
    assert_eq!(alone.iter().filter(|group| matches!(group.records[0], Record::Attribute(_))).count(), 1);
}

#[test]
fn the_users_own_track_has_the_same_id_whenever_it_comes_and_in_each_run() {
    let mut stage = Stage::new(vec![], vec![]);
    let id = stage.show(&[("a", 0.5, 0.5)]).tracks[0].id;
    stage.stand(5000.0, &[]);
    assert!(stage.said.last().unwrap().tracks.is_empty());
    assert_eq!(stage.show(&[("a", 0.2, 0.2)]).tracks[0].id, id);
    stage.stand(20_000.0, &[]);
    let tracks = stage.show(&[("a", 0.2, 0.2), ("b", 0.7, 0.7)]).tracks.clone();
    assert_eq!(tracks[0].id, id);
    assert_ne!(tracks[1].id, id);
    assert_eq!(Stage::new(vec![], vec![]).show(&[("a", 0.9, 0.9)]).tracks[0].id, id);
}
