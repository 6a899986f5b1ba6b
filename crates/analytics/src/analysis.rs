//! What comes out of a frame.

use watchpost_model::{Detection, Event, Group, Id, Instant, ObjectClass, Track};

/// Everything one call of [`crate::Securt`] has to say.
#[derive(Clone, Debug, Default)]
pub struct Analysis {
    /// The state of every living track, tentative and coasting ones included (`output-tracks`;
    /// [`Track::phase`] tells them apart).
    pub tracks: Vec<Track>,
    /// What was seen in this frame, by motion or by the user's detector (`output-detections`).
    pub detections: Vec<Detection>,
    /// Records for the log, in order.
    pub groups: Vec<Group>,
    /// Starts reported in `groups` that still wait for their end.
    pub opened: Vec<OpenEvent>,
    /// Ids of the starts whose end is in `groups`.
    pub closed: Vec<Id>,
    /// Open events that were seen again, by the id of their start: at most once per stream second
    /// each, so that keeping them costs no write per frame.
    pub last_seen: Vec<(Id, Instant)>,
    /// One entry per area, in the order of the settings (`zone_stats`).
    pub occupancy: Vec<Occupancy>,
    /// Established tracks by class (`global_object_stats`).
    pub counts: ClassCounts,
}

/// A start without its end, to be kept in the journal.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenEvent {
    /// The start.
    pub event: Event,
    /// When it was reported.
    pub at: Instant,
    /// The last frame in which its track was there.
    pub last_seen: Instant,
}

/// Who is in an area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occupancy {
    /// Which area.
    pub area_id: Id,
    /// Its name.
    pub name: String,
    /// Established tracks inside; the area is vacant at 0.
    pub count: u32,
}

impl Occupancy {
    /// Whether anything is inside.
    pub const fn is_occupied(&self) -> bool {
        self.count > 0
    }
}

/// How many established tracks of each class there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts([u32; ObjectClass::ALL.len()]);

impl ClassCounts {
    /// Tracks of `class`.
    pub const fn of(&self, class: ObjectClass) -> u32 {
        self.0[class as usize - 1]
    }

    pub(crate) const fn add(&mut self, class: ObjectClass) {
        self.0[class as usize - 1] += 1;
    }
}
