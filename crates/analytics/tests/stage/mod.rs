//! A stage on which scripted objects walk through areas and over lines.

use watchpost_analytics::{Analysis, IdSource, OpenEvent, Securt, Settings};
use watchpost_model::{
    Anchor, Area, AreaTriggers, ClassFilter, CrossingDirection, Detection, Event, EventKind, Frame, Id, Line,
    LineDirection, LineTriggers, ObjectClass, Point, Record, Rect, SizeLimits, StreamTime, Timestamp,
};

pub const WIDTH: f32 = 0.04;
pub const HEIGHT: f32 = 0.1;

/// Somebody's name and where their feet are.
pub type Actor<'a> = (&'a str, f32, f32);

/// From where to where, in parts of the frame.
pub type Way = ((f32, f32), (f32, f32));

/// A solution, its clock, and everything it has said.
pub struct Stage {
    pub securt: Securt,
    pub now_ms: f64,
    pub step_ms: f64,
    pub frame: u64,
    /// If false, boxes carry no track id.
    pub named: bool,
    pub said: Vec<Analysis>,
    pub open: Vec<OpenEvent>,
}

pub fn area(number: u128, triggers: AreaTriggers) -> Area {
    let corner = |x, y| Point::new(x, y);
    Area {
        id: Id::from_u128(number),
        name: format!("area {number}"),
        color: [1.0; 4],
        vertices: vec![corner(0.4, 0.4), corner(0.6, 0.4), corner(0.6, 0.8), corner(0.4, 0.8)],
        classes: ClassFilter::ALL,
        anchor: Anchor::BottomCenter,
        sizes: SizeLimits::default(),
        ignore_stationary: false,
        enter_activation_delay: StreamTime::from_ms(200.0),
        triggers,
        schedule: None,
    }
}

pub fn all_triggers() -> AreaTriggers {
    AreaTriggers {
        enter: true,
        exit: true,
        intrusion: true,
        loitering: Some(StreamTime::from_secs(3.0)),
        crowding: Some(2),
        ..AreaTriggers::default()
    }
}

/// From left to right through the middle: down is below it.
pub fn line(direction: LineDirection) -> Line {
    Line {
        id: Id::from_u128(1000),
        name: "line".to_owned(),
        color: [1.0; 4],
        vertices: [Point::new(0.2, 0.5), Point::new(0.8, 0.5)],
        classes: ClassFilter::ALL,
        anchor: Anchor::BottomCenter,
        sizes: SizeLimits::default(),
        direction,
        cross_bandwidth: 0.03,
        cooldown_bandwidth: 0.07,
        triggers: LineTriggers { crossing: true, tailgating: None },
        schedule: None,
    }
}

impl Stage {
    pub fn new(areas: Vec<Area>, lines: Vec<Line>) -> Self {
        Self::with(Settings { areas, lines, ..Settings::default() })
    }

    pub fn with(settings: Settings) -> Self {
        let securt = Securt::new(Settings { ids: IdSource::Seeded(3), ..settings });
        Self {
            securt,
            now_ms: 0.0,
            step_ms: 100.0,
            frame: 0,
            named: true,
            said: Vec::new(),
            open: Vec::new(),
        }
    }

    /// One frame with these actors in it.
    pub fn show(&mut self, actors: &[Actor<'_>]) -> &Analysis {
        let seen: Vec<Detection> = actors.iter().map(|actor| self.detection(*actor)).collect();
        self.feed(&seen)
    }

    pub fn detection(&self, (name, x, y): Actor<'_>) -> Detection {
        Detection {
            class: ObjectClass::Person,
            label: "person".to_owned(),
            confidence: 0.9,
            rect: Rect::new(x - WIDTH / 2.0, y - HEIGHT, WIDTH, HEIGHT),
            track_id: self.named.then(|| name.to_owned()),
            attributes: Vec::new(),
        }
    }

    pub fn feed(&mut self, seen: &[Detection]) -> &Analysis {
        let frame = Frame {
            id: self.frame,
            time: StreamTime::from_ms(self.now_ms),
            timestamp: Timestamp(self.now_ms as i64),
            size: None,
            image: None,
        };
        self.frame += 1;
        self.now_ms += self.step_ms;
        let analysis = self.securt.process(&frame, Some(seen));
        self.keep(analysis)
    }

    /// Keeps what was said, and the books of what is open, as the runtime does.
    pub fn keep(&mut self, analysis: Analysis) -> &Analysis {
        self.open.extend(analysis.opened.iter().cloned());
        for (start, at) in &analysis.last_seen {
            if let Some(open) = self.open.iter_mut().find(|open| open.event.id == *start) {
                open.last_seen = *at;
            }
        }
        self.open.retain(|open| !analysis.closed.contains(&open.event.id));
        self.said.push(analysis);
        self.said.last().unwrap()
    }

    /// Everybody walks from their first to their second place in `ms`.
    pub fn walk(&mut self, ms: f64, ways: &[(&str, Way)]) {
        let steps = (ms / self.step_ms).round() as usize;
        for step in 1..=steps {
            let share = step as f32 / steps as f32;
            let along = |a: f32, b: f32| a + share * (b - a);
            let actors: Vec<Actor<'_>> = ways
                .iter()
                .map(|(name, (from, to))| (*name, along(from.0, to.0), along(from.1, to.1)))
                .collect();
            self.show(&actors);
        }
    }

    pub fn stand(&mut self, ms: f64, actors: &[Actor<'_>]) {
        for _ in 0..(ms / self.step_ms).round() as usize {
            self.show(actors);
        }
    }

    pub fn stop(&mut self) {
        let analysis = self.securt.stop();
        self.keep(analysis);
    }

    pub fn events(&self) -> Vec<Event> {
        self.records()
            .filter_map(|record| if let Record::Event(event) = record { Some(event.clone()) } else { None })
            .collect()
    }

    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.said.iter().flat_map(|said| &said.groups).flat_map(|group| &group.records)
    }

    /// What happened, a word or two for each event; of crossings, their direction.
    pub fn story(&self) -> Vec<String> {
        self.events().iter().map(|event| words(&event.kind).to_owned()).collect()
    }
}

const fn words(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::AreaEnter(_) => "area-enter",
        EventKind::AreaExit(_) => "area-exit",
        EventKind::Intrusion(_) => "intrusion",
        EventKind::IntrusionEnd { .. } => "intrusion-end",
        EventKind::Loitering(_) => "loitering",
        EventKind::LoiteringEnd { .. } => "loitering-end",
        EventKind::Crowd(_) => "crowd-detection",
        EventKind::LineCrossing { direction: CrossingDirection::Up, .. } => "up",
        EventKind::LineCrossing { direction: CrossingDirection::Down, .. } => "down",
        EventKind::Tailgating { .. } => "tailgating",
        EventKind::ObjectLeftRemoved { .. } => "object-left-removed",
        EventKind::ArmedPerson => "armed-person",
        EventKind::ArmedPersonEnd { .. } => "armed-person-end",
        EventKind::FallenPerson => "fallen-person",
        EventKind::FallenPersonEnd { .. } => "fallen-person-end",
    }
}
