//! Whatever walks where, the books balance.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use watchpost_analytics::Rehearsal;
use watchpost_model::{EventKind, Id, Instant, LineDirection, StreamTime, Timestamp};

use crate::stage::{Actor, Stage, all_triggers, area, line};

/// Where somebody goes next, if they are seen at all.
type Step = Option<(f32, f32)>;

fn steps() -> impl Strategy<Value = Vec<[Step; 3]>> {
    let place = prop_oneof![3 => (0.3_f32..0.7, 0.3_f32..0.9).prop_map(Some), 1 => Just(None)];
    // Each step lasts a few frames, so that tracks become established.
    prop::collection::vec(prop::array::uniform3(place), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_end_has_its_start_and_nothing_is_said_twice(steps in steps(), named in any::<bool>(), change_at in 0_usize..60) {
        let mut second = area(2, all_triggers());
        second.vertices[0].x = 0.5;
        let mut stage = Stage::new(vec![area(1, all_triggers()), second.clone()], vec![line(LineDirection::Both)]);
        stage.named = named;
        for (index, step) in steps.iter().enumerate() {
            if index == change_at {
                let analysis = stage.securt.set_zones(vec![second.clone()], vec![line(LineDirection::Both)]);
                stage.keep(analysis);
            }
            for _ in 0..4 {
                let names = ["a", "b", "c"];
                let actors: Vec<Actor<'_>> =
                    names.iter().zip(step).filter_map(|(name, place)| place.map(|(x, y)| (*name, x, y))).collect();
                stage.show(&actors);
                prop_assert_eq!(stage.open.len(), stage.securt.open_events().len());
            }
        }
        stage.stop();
        prop_assert!(stage.open.is_empty());
        let mut ids = HashSet::new();
        let mut open: HashMap<(Id, Id, bool), Id> = HashMap::new();
        let mut inside: HashSet<(Id, Id)> = HashSet::new();
        for event in stage.events() {
            prop_assert!(ids.insert(event.id), "an id twice");
            let track = event.subjects[0].track_id;
            match &event.kind {
                EventKind::AreaEnter(area) => prop_assert!(inside.insert((track, area.id)), "entered twice"),
                EventKind::AreaExit(area) => prop_assert!(inside.remove(&(track, area.id)), "left, never entered"),
                EventKind::Intrusion(area) => {
                    prop_assert_eq!(open.insert((track, area.id, false), event.id), None);
                }
                EventKind::Loitering(area) => {
                    prop_assert_eq!(open.insert((track, area.id, true), event.id), None);
                }
                EventKind::IntrusionEnd { area, start, .. } => {
                    prop_assert_eq!(open.remove(&(track, area.id, false)), Some(*start));
                }
                EventKind::LoiteringEnd { area, start, .. } => {
                    prop_assert_eq!(open.remove(&(track, area.id, true)), Some(*start));
                }
                _ => {}
            }
        }
        prop_assert!(open.is_empty(), "starts without end: {open:?}");
    }

    #[test]
    fn a_rehearsal_tells_what_would_have_been_told(steps in steps(), named in any::<bool>()) {
        let zones = || (vec![area(1, all_triggers())], vec![line(LineDirection::Both)]);
        let (areas, lines) = zones();
        let mut stage = Stage::new(areas, lines);
        stage.named = named;
        let (areas, lines) = zones();
        let mut rehearsal = Rehearsal::new(areas, lines);
        for step in &steps {
            for _ in 0..4 {
                let actors: Vec<Actor<'_>> =
                    ["a", "b", "c"].iter().zip(step).filter_map(|(name, place)| place.map(|(x, y)| (*name, x, y))).collect();
                let now_ms = stage.now_ms;
                let time = StreamTime::from_ms(now_ms);
                let before = stage.events().len();
                let tracks = stage.show(&actors).tracks.clone();
                let at = Instant { frame_id: 0, time, timestamp: Timestamp(now_ms as i64), size: None };
                let told = rehearsal.step(&at, tracks);
                let words = |kind: &EventKind| std::mem::discriminant(kind);
                let mut rehearsed: Vec<_> = told.iter().map(|event| (words(&event.kind), event.subjects[0].track_id)).collect();
                let mut real: Vec<_> =
                    stage.events()[before..].iter().map(|event| (words(&event.kind), event.subjects[0].track_id)).collect();
                // Tracks that are lost in one frame are lost in no order.
                let order = |(kind, track): &(_, Id)| (format!("{kind:?}"), *track);
                rehearsed.sort_by_key(order);
                real.sort_by_key(order);
                prop_assert_eq!(rehearsed, real);
            }
        }
    }
}
