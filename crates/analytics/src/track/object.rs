//! One object that is followed.

use std::collections::VecDeque;

use watchpost_model::{Id, ObjectClass, Rect, StreamTime, Track, TrackPhase};

use super::kalman::Axis;

/// A track is established after this long (REFERENCE "Analytics"), if half of its frames matched.
pub(crate) const LOCK_AFTER: StreamTime = StreamTime::from_nanos(1_000_000_000);
/// Whether it moves is told from where it was this long ago.
const MOVE_SPAN: StreamTime = StreamTime::from_nanos(1_000_000_000);
/// Positions are kept at this spacing, so that no frame rate makes the list long.
const MOVE_SPACING: StreamTime = StreamTime::from_nanos(90_000_000);
/// It moves if it is further away by this share of its own size: boxes that breathe move by less.
const MOVED_SHARE: f32 = 0.2;
/// Where a box is, is known to this share of its size.
const POSITION_SIGMA: f32 = 0.08;
/// Walking people change their speed by about their own size per second, per second.
const ACCELERATION: f32 = 1.5;
/// A new object may move this many sizes a second.
const FIRST_VELOCITY: f32 = 3.0;
/// Sizes follow within this time, in seconds; faster in a track's first second.
const SIZE_FOLLOWS_S: f32 = 0.8;
/// Sizes that differ much (a part hidden, two in one) are believed this slowly.
const ODD_SIZE_FOLLOWS_S: f32 = 3.0;
/// Two who go side by side are each at least this share as tall as both together, and both together at
/// least this wide, in parts of their height (as where motion takes a blob apart).
const SIDE_HEIGHT: f32 = 0.65;
const SIDES_WIDTH: f32 = 0.55;
/// Who is this many of their own sizes from where they were first seen has walked there.
const WALKED_SIZES: f32 = 1.5;
/// What is left when somebody walks on is smaller than this share of both together.
const LEFT_BEHIND_SHARE: f32 = 0.6;
/// Who overlaps a place by this share stands there.
const STILL_THERE_SHARE: f32 = 0.3;
/// While nothing is seen, velocity fades within this time, in seconds.
const COAST_FADES_S: f32 = 1.5;

/// How an object was seen in the present frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// On its own.
    Clear,
    /// In one blob with others: where it is, is partly guessed.
    Shared,
    /// Not at all.
    Missed,
}

/// What a frame says of an object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measurement {
    pub rect: Rect,
    pub class: ObjectClass,
    pub confidence: f32,
    pub sight: Sight,
}

/// An object that is followed.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub id: Id,
    pub external_id: Option<String>,
    x: Axis,
    y: Axis,
    width: f32,
    height: f32,
    aspect: f32,
    classes: [u32; ObjectClass::ALL.len()],
    pub confidence: f32,
    pub first_seen: StreamTime,
    pub last_seen: StreamTime,
    frames: u32,
    pub matched: u32,
    pub locked: bool,
    pub sight: Sight,
    /// Since when it has hidden in the box of another.
    pub doubled_since: Option<StreamTime>,
    /// Where it was first seen.
    pub born: Rect,
    /// Its area while it walked, once it has.
    walking_area: Option<f32>,
    trail: VecDeque<(StreamTime, f32, f32)>,
    is_moving: bool,
}

impl Object {
    /// `aspect` is the frame's width divided by its height.
    pub fn new(
        id: Id,
        external_id: Option<String>,
        first: &Measurement,
        time: StreamTime,
        aspect: f32,
    ) -> Self {
        let center = first.rect.center();
        let mut object = Self {
            id,
            external_id,
            x: Axis::new(center.x, 0.0, 0.0),
            y: Axis::new(center.y, 0.0, 0.0),
            width: first.rect.width,
            height: first.rect.height,
            aspect,
            classes: [0; 5],
            confidence: first.confidence,
            first_seen: time,
            last_seen: time,
            frames: 1,
            matched: 1,
            locked: false,
            sight: first.sight,
            doubled_since: None,
            born: first.rect,
            walking_area: None,
            trail: VecDeque::from([(time, center.x, center.y)]),
            is_moving: false,
        };
        let (sx, sy) = object.scales();
        object.x = Axis::new(center.x, POSITION_SIGMA * sx, FIRST_VELOCITY * sx);
        object.y = Axis::new(center.y, POSITION_SIGMA * sy, FIRST_VELOCITY * sy);
        object.classes[first.class as usize - 1] = 1;
        object
    }

    /// Its size along each axis as if it were square: the unit of speeds and errors.
    fn scales(&self) -> (f32, f32) {
        let side = (self.width * self.aspect * self.height).max(1e-6).sqrt();
        (side / self.aspect, side)
    }

    /// Moves on to the next frame, `dt` seconds later.
    pub fn predict(&mut self, dt: f32) {
        let (sx, sy) = self.scales();
        self.x.predict(dt, ACCELERATION * sx);
        self.y.predict(dt, ACCELERATION * sy);
        self.frames += 1;
    }

    /// How badly `rect` fits the prediction: squared standard deviations, plus a penalty for another
    /// size. `None` if it cannot be the same object.
    pub fn cost(&self, rect: &Rect) -> Option<f32> {
        let (sx, sy) = self.scales();
        let (x, y) = self.aligned(rect);
        let distance = self.x.distance(x, POSITION_SIGMA * sx) + self.y.distance(y, POSITION_SIGMA * sy);
        let own = self.rect();
        if distance > 12.0 && own.iou(rect) < 0.3 {
            return None;
        }
        let ratio = |a: f32, b: f32| (a.max(1e-4) / b.max(1e-4)).ln().powi(2);
        let size = ratio(rect.width, self.width) + ratio(rect.height, self.height);
        // Of several that lie inside the prediction, the nearer one.
        let center = rect.center();
        let off = ((center.x - self.x.position) / sx).powi(2) + ((center.y - self.y.position) / sy).powi(2);
        Some(distance.min(12.0) + 3.0 * size + 2.0 * off)
    }

    /// The furthest that a matching box's centre may lie along x.
    pub fn reach_x(&self) -> f32 {
        3.5 * (self.x.sigma() + POSITION_SIGMA * self.scales().0) + self.width
    }

    /// Where the object's centre is if `rect` shows it, or a part of it, or it and something else:
    /// the place nearest to the prediction from which its box covers, or is covered by, `rect`.
    fn aligned(&self, rect: &Rect) -> (f32, f32) {
        let along = |low: f32, length: f32, size: f32, predicted: f32| {
            let (a, b) = (low + size / 2.0, low + length - size / 2.0);
            predicted.clamp(a.min(b), a.max(b))
        };
        (
            along(rect.x, rect.width, self.width, self.x.position),
            along(rect.y, rect.height, self.height, self.y.position),
        )
    }

    /// Whether two parts of what it covers are two who go side by side: each about as tall as both
    /// together, and both together wider than one person. What a post cuts in two is as narrow as before.
    pub fn beside(&self, a: &Rect, b: &Rect) -> bool {
        let (left, right) = (a.x.min(b.x), (a.x + a.width).max(b.x + b.width));
        let height = (a.y + a.height).max(b.y + b.height) - a.y.min(b.y);
        a.height.min(b.height) > SIDE_HEIGHT * height && (right - left) * self.aspect > SIDES_WIDTH * height
    }

    /// Takes in what was seen.
    pub fn update(&mut self, seen: &Measurement, time: StreamTime, dt: f32) {
        let (sx, sy) = self.scales();
        let vague = if seen.sight == Sight::Shared { 3.0 } else { 1.0 };
        if seen.sight == Sight::Clear {
            let young = time.since(self.first_seen) < LOCK_AFTER;
            self.width = follow(self.width, seen.rect.width, dt, young);
            self.height = follow(self.height, seen.rect.height, dt, young);
        }
        let (x, y) = self.aligned(&seen.rect);
        self.x.update(x, POSITION_SIGMA * sx * vague);
        self.y.update(y, POSITION_SIGMA * sy * vague);
        self.confidence = seen.confidence;
        self.classes[seen.class as usize - 1] += 1;
        self.matched += 1;
        self.last_seen = time;
        self.sight = seen.sight;
        self.locked |= time.since(self.first_seen) >= LOCK_AFTER && self.matched * 2 >= self.frames;
        self.settle(time);
    }

    /// Nothing was seen of it in this frame.
    pub fn miss(&mut self, time: StreamTime, dt: f32) {
        let fade = (-dt / COAST_FADES_S).exp();
        self.x.velocity *= fade;
        self.y.velocity *= fade;
        self.sight = Sight::Missed;
        self.settle(time);
    }

    fn settle(&mut self, time: StreamTime) {
        if self.trail.back().is_none_or(|last| time < last.0 || time.since(last.0) >= MOVE_SPACING) {
            self.trail.push_back((time, self.x.position, self.y.position));
        }
        while self.trail.len() > 2 && time.since(self.trail[1].0) >= MOVE_SPAN {
            self.trail.pop_front();
        }
        let (sx, sy) = self.scales();
        let moved = self
            .trail
            .front()
            .map_or(0.0, |&(_, x, y)| ((self.x.position - x) / sx).hypot((self.y.position - y) / sy));
        self.is_moving = moved > MOVED_SHARE;
        let born = self.born.center();
        let away = ((self.x.position - born.x) / sx).hypot((self.y.position - born.y) / sy);
        if self.is_moving && self.sight == Sight::Clear && away > WALKED_SIZES {
            let area = self.width * self.height;
            self.walking_area =
                Some(self.walking_area.map_or(area, |walking| walking + 0.1 * (area - walking)));
        }
    }

    /// Whether what is seen now of `area` has come here by itself: as large as it was while it walked. What is much
    /// smaller was left behind by somebody whose track it has taken over.
    pub fn has_walked_here(&self, area: f32) -> bool {
        self.walking_area.is_some_and(|walking| area > LEFT_BEHIND_SHARE * walking)
    }

    /// Where it is, or is expected to be.
    pub fn rect(&self) -> Rect {
        Rect::new(
            self.x.position - self.width / 2.0,
            self.y.position - self.height / 2.0,
            self.width,
            self.height,
        )
    }

    /// Whether it was first seen at `place` and is seen beside it now: somebody who stood there and walks off.
    /// Of them too the place is uncovered bit by bit, so beside it counts.
    pub fn has_left(&self, place: &Rect) -> bool {
        let grown = Rect::new(
            self.born.x - self.width,
            self.born.y - self.height / 4.0,
            self.born.width + 2.0 * self.width,
            self.born.height + self.height / 2.0,
        );
        self.sight != Sight::Missed && grown.iou(place) > 0.0 && self.rect().iou(place) < STILL_THERE_SHARE
    }

    /// Whether it has moved by more than its own jitter within the last second.
    pub const fn is_moving(&self) -> bool {
        self.is_moving
    }

    /// Its class by majority; of equals the first by number.
    pub fn class(&self) -> ObjectClass {
        let most = self.classes.iter().max().copied().unwrap_or(0);
        let index = self.classes.iter().position(|&count| count == most).unwrap_or(4);
        ObjectClass::ALL[index]
    }

    /// Its state as others see it.
    pub fn track(&self, time: StreamTime) -> Track {
        let phase = match (self.locked, self.sight) {
            (false, _) => TrackPhase::Tentative,
            (true, Sight::Missed) => TrackPhase::Coasting,
            (true, _) => TrackPhase::Locked,
        };
        Track {
            id: self.id,
            external_id: self.external_id.clone(),
            class: self.class(),
            rect: self.rect().clamped(),
            confidence: self.confidence,
            age: time.since(self.first_seen),
            is_moving: self.is_moving,
            phase,
        }
    }
}

/// `size` brought nearer to `seen`, slowly where the two are not alike.
fn follow(size: f32, seen: f32, dt: f32, young: bool) -> f32 {
    let alike = (0.75..1.34).contains(&(seen / size.max(1e-6)));
    let span = match (young, alike) {
        (true, _) => SIZE_FOLLOWS_S / 4.0,
        (false, true) => SIZE_FOLLOWS_S,
        (false, false) => ODD_SIZE_FOLLOWS_S,
    };
    size + (1.0 - (-dt / span).exp()) * (seen - size)
}
