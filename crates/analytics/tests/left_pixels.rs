//! Objects left and removed, from pixels: a box that is put down and left, one that is taken away, and what is neither.

use std::sync::Arc;

use watchpost_model::{
    AreaTriggers, EventKind, Frame, Image, ObjectState, PixelFormat, Plane, Point, Rect, Size, StreamTime,
    Timestamp,
};

use crate::stage::{Stage, area};

const SIZE: Size = Size { width: 320, height: 180 };
const STEP_MS: usize = 100;
const PERSON: (i32, i32) = (13, 33);
const BOX: (i32, i32) = (11, 10);
/// Where the box stands, its upper left corner, and where a person's is who stands beside it.
const BOX_AT: (i32, i32) = (150, 103);
const BESIDE: (i32, i32) = (142, 80);
const OUTSIDE_LEFT: i32 = -20;

/// Noise that repeats: a hash of place and time, 0..`steps`.
fn noise(x: i32, y: i32, t: i32, steps: u32) -> i32 {
    let mut h = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77);
    h ^= (t as u32).wrapping_mul(0xC2B2_AE3D);
    h = (h ^ (h >> 15)).wrapping_mul(0x2C1B_3C6D);
    h = (h ^ (h >> 12)).wrapping_mul(0x297A_2D39);
    ((h >> 16) % steps) as i32
}

/// What stands in the picture.
#[derive(Clone, Copy)]
enum Thing {
    /// Somebody in a dark coat, whose arms and legs move as they go; upper left corner.
    Person((i32, i32)),
    /// A box.
    Box((i32, i32)),
}

impl Thing {
    /// Luma at a pixel, if it is there.
    fn luma(self, x: i32, y: i32, t: i32) -> Option<i32> {
        let (left, top, (width, height)) = match self {
            Self::Person((left, top)) => (left, top, PERSON),
            Self::Box((left, top)) => (left, top, BOX),
        };
        let (dx, dy) = (x - left, y - top);
        if !(0..width).contains(&dx) || !(0..height).contains(&dy) {
            return None;
        }
        match self {
            Self::Person(_) => {
                // Shoulders sway and legs step, also of those who stand.
                let sway = noise(0, dy / 6, t / 4, 5) - 2;
                let inner = (2 + sway..width - 2 + sway).contains(&dx);
                inner.then(|| 38 + noise(dx / 3, dy / 3, 3, 12) + if dy < 6 { 60 } else { 0 })
            }
            Self::Box(_) => Some(190 + noise(dx / 3, dy / 3, 9, 20)),
        }
    }
}

/// A camera that looks at paving, with whatever stands there and under whatever light.
fn frame(t: usize, things: &[Thing], light: f32) -> Frame {
    let (width, height) = (SIZE.width as i32, SIZE.height as i32);
    let mut bytes = Vec::with_capacity((width * height) as usize);
    for y in 0..height {
        for x in 0..width {
            let scene = || 105 + noise(x / 3, y / 3, 1, 30);
            let seen = things.iter().rev().find_map(|thing| thing.luma(x, y, t as i32)).unwrap_or_else(scene);
            bytes.push(((seen as f32 * light) as i32 + noise(x, y, t as i32, 4)).clamp(0, 255) as u8);
        }
    }
    let plane = Plane::new(Arc::new(bytes), 0, width as usize, height as usize, width as usize).unwrap();
    let time = t * STEP_MS;
    Frame {
        id: t as u64,
        time: StreamTime::from_ms(time as f64),
        timestamp: Timestamp(time as i64),
        size: Some(SIZE),
        image: Some(Image { format: PixelFormat::Gray8, size: SIZE, planes: vec![plane] }),
    }
}

/// What was told, when (in seconds) and where, in an area that is most of the picture.
fn told(
    seconds: f32,
    triggers: AreaTriggers,
    mut scene: impl FnMut(f32) -> (Vec<Thing>, f32),
) -> Vec<(ObjectState, f64, Rect)> {
    let mut zone = area(1, triggers);
    zone.vertices =
        [(0.1, 0.1), (0.9, 0.1), (0.9, 0.95), (0.1, 0.95)].map(|(x, y)| Point::new(x, y)).to_vec();
    let mut stage = Stage::new(vec![zone], vec![]);
    for t in 0..(seconds * 10.0) as usize {
        let (things, light) = scene(t as f32 / 10.0);
        let analysis = stage.securt.process(&frame(t, &things, light), None);
        stage.keep(analysis);
    }
    stage.stop();
    let groups = stage.said.iter().flat_map(|said| &said.groups);
    groups
        .filter_map(|group| match &group.records[0] {
            watchpost_model::Record::Event(event) => match &event.kind {
                EventKind::ObjectLeftRemoved { state, area } => {
                    assert_eq!(area.name, "area 1");
                    Some((*state, group.at.time.as_secs(), event.subjects[0].rect))
                }
                other => panic!("{other:?}"),
            },
            _ => None,
        })
        .collect()
}

fn left(after_s: f64) -> AreaTriggers {
    AreaTriggers { object_left: Some(StreamTime::from_secs(after_s)), ..AreaTriggers::default() }
}

fn removed(after_s: f64) -> AreaTriggers {
    AreaTriggers { object_removed: Some(StreamTime::from_secs(after_s)), ..AreaTriggers::default() }
}

/// Somebody who comes in from the left at `from`, is beside the box's place 3 s later, stays until `until`, and goes
/// out to the right in 4 s.
fn visitor(now: f32, from: f32, until: f32) -> Option<(i32, i32)> {
    let along = |a: i32, b: i32, share: f32| a + ((b - a) as f32 * share.clamp(0.0, 1.0)) as i32;
    match now {
        _ if now < from || now > until + 4.0 => None,
        _ if now < until => Some((along(OUTSIDE_LEFT, BESIDE.0, (now - from) / 3.0), BESIDE.1)),
        _ => Some((along(BESIDE.0, 330, (now - until) / 4.0), BESIDE.1)),
    }
}

fn is_the_box(rect: &Rect) -> bool {
    let (width, height) = (SIZE.width as f32, SIZE.height as f32);
    let truth = Rect::new(
        BOX_AT.0 as f32 / width,
        BOX_AT.1 as f32 / height,
        BOX.0 as f32 / width,
        BOX.1 as f32 / height,
    );
    rect.iou(&truth) > 0.5
}

/// Comes with a box at 8 s, leaves it at 12 s.
fn brings(now: f32) -> Vec<Thing> {
    let person = visitor(now, 8.0, 12.0);
    let carried = person.map(|(x, y)| (x + 1, y + 20));
    let placed = if now < 11.5 { carried } else { Some(BOX_AT) };
    person.map(Thing::Person).into_iter().chain(placed.map(Thing::Box)).collect()
}

/// The box stands there from the start; somebody comes at 42 s and takes it along at 46 s.
fn takes(now: f32) -> Vec<Thing> {
    let person = visitor(now, 42.0, 46.0);
    let carried = person.map(|(x, y)| (x + 1, y + 20));
    let place = if now < 45.5 { Some(BOX_AT) } else { carried };
    place.map(Thing::Box).into_iter().chain(person.map(Thing::Person)).collect()
}

#[test]
fn a_box_that_is_put_down_and_left_is_told_once() {
    let told = told(40.0, left(8.0), |now| (brings(now), 1.0));
    assert_eq!(told.len(), 1, "{told:?}");
    let (state, at, rect) = &told[0];
    assert_eq!(*state, ObjectState::Left);
    // The carrier goes at 12 s, and is off the box a second later.
    assert!((20.0..23.0).contains(at), "at {at}");
    assert!(is_the_box(rect), "{rect:?}");
}

#[test]
fn a_box_is_not_taken_for_the_scene_before_it_has_been_told() {
    // By itself the background would have taken it after some 130 s, and the light changes meanwhile.
    let told = told(230.0, left(200.0), |now| (brings(now), 1.0 + 0.1 * (now / 20.0).sin()));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((212.0..215.0).contains(&told[0].1), "{told:?}");
}

#[test]
fn a_box_that_is_taken_away_is_told_once_and_only_where_that_is_asked() {
    let told_removed = told(60.0, removed(5.0), |now| (takes(now), 1.0));
    assert_eq!(told_removed.len(), 1, "{told_removed:?}");
    let (state, at, rect) = &told_removed[0];
    assert_eq!(*state, ObjectState::Removed);
    assert!((50.0..54.0).contains(at), "at {at}");
    assert!(is_the_box(rect), "{rect:?}");
    assert_eq!(told(60.0, left(5.0), |now| (takes(now), 1.0)), []);
}

#[test]
fn a_box_that_is_left_and_taken_again_is_left_and_then_removed() {
    let both = AreaTriggers { object_left: left(5.0).object_left, ..removed(5.0) };
    let told = told(60.0, both, |now| {
        // Left at 12 s; at 35 s somebody comes for it.
        let taker = visitor(now, 35.0, 39.0);
        let things = if now < 34.0 {
            brings(now)
        } else {
            let place = if now < 38.5 { Some(BOX_AT) } else { taker.map(|(x, y)| (x + 1, y + 20)) };
            place.map(Thing::Box).into_iter().chain(taker.map(Thing::Person)).collect()
        };
        (things, 1.0)
    });
    let states: Vec<_> = told.iter().map(|(state, ..)| *state).collect();
    assert_eq!(states, [ObjectState::Left, ObjectState::Removed], "{told:?}");
}

#[test]
fn a_box_that_is_put_back_in_time_was_not_removed() {
    let told = told(67.0, removed(10.0), |now| {
        let person = visitor(now, 42.0, 52.0);
        // Lifted for four seconds.
        let place = if (45.5..49.5).contains(&now) { (BOX_AT.0, BOX_AT.1 - 30) } else { BOX_AT };
        (person.map(Thing::Person).into_iter().chain([Thing::Box(place)]).collect(), 1.0)
    });
    assert_eq!(told, []);
}

#[test]
fn somebody_who_stands_still_for_a_while_is_not_left() {
    let told =
        told(40.0, left(4.0), |now| (visitor(now, 8.0, 32.0).map(Thing::Person).into_iter().collect(), 1.0));
    assert_eq!(told, []);
}

#[test]
fn somebody_who_stood_there_from_the_start_and_walks_off_is_not_removed() {
    let told = told(60.0, removed(4.0), |now| {
        let place = if now < 42.0 { Some(BESIDE) } else { visitor(now, -10.0, 42.0) };
        (place.map(Thing::Person).into_iter().collect(), 1.0)
    });
    assert_eq!(told, []);
}

#[test]
fn a_bag_whose_owner_stands_beside_it_is_left_when_they_go() {
    let told = told(50.0, left(5.0), |now| {
        let person = visitor(now, 8.0, 30.0);
        let carried = person.map(|(x, y)| (x + 1, y + 20));
        let placed = if now < 11.5 { carried } else { Some(BOX_AT) };
        (person.map(Thing::Person).into_iter().chain(placed.map(Thing::Box)).collect(), 1.0)
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!((31.0..42.0).contains(&told[0].1), "{told:?}");
}

#[test]
fn light_that_changes_neither_leaves_nor_removes() {
    let both = AreaTriggers { object_left: left(3.0).object_left, ..removed(3.0) };
    for light in [
        |now: f32| if now > 40.0 { 1.4 } else { 1.0 },
        |now: f32| if now > 40.0 { 0.6 } else { 1.0 },
        |now: f32| 1.0 + 0.3 * (now / 3.0).sin(),
    ] {
        assert_eq!(told(55.0, both, |now| (vec![Thing::Box(BOX_AT)], light(now))), []);
    }
}
