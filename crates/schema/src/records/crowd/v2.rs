//! Version 2 of `event-crowd-detection`: a list of targets in place of the one object.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::{Event, Subject, ZoneRef};

use crate::{
    records::{
        Moment,
        header::{AreaRef, Header},
    },
    words::*,
};

/// `event-crowd-detection`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Crowd<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    event_id: EventId,
    /// The objects that make the crowd.
    targets: Vec<Target>,
    area: AreaRef<'a>,
}

impl<'a> Crowd<'a> {
    pub(crate) fn new(moment: Moment<'a>, event: &'a Event, area: &'a ZoneRef) -> Self {
        Self {
            header: Header::new(moment),
            event_id: EventId(event.id),
            targets: event.subjects.iter().map(Target::from).collect(),
            area: area.into(),
        }
    }
}

/// One object of a crowd.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Target {
    object_class: Class,
    confidence: Fraction,
    tracking_id: TrackingId,
    location: Location,
}

impl From<&Subject> for Target {
    fn from(subject: &Subject) -> Self {
        Self {
            object_class: Class(subject.class),
            confidence: Fraction::new(subject.confidence),
            tracking_id: TrackingId(subject.track_id),
            location: subject.rect.into(),
        }
    }
}
