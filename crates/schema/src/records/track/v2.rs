//! Version 2 of `track`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::TrackRecord;

use crate::{
    records::{Moment, header::Header},
    words::*,
};

/// `track`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Track<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    /// Identity of the track.
    tracking_id: TrackingId,
    object_class: Class,
    /// Confidence of the last match, 0..1.
    confidence: Fraction,
    location: Location,
    age_ms: AgeMs,
    /// Whether it has moved by more than its own jitter within the last second.
    is_moving: bool,
    /// Identities of the events the track has caused so far. Empty only in debug mode.
    events: Vec<EventId>,
}

impl<'a> Track<'a> {
    pub(crate) fn new(moment: Moment<'a>, track: &TrackRecord) -> Self {
        Self {
            header: Header::new(moment),
            tracking_id: TrackingId(track.track_id),
            object_class: Class(track.class),
            confidence: Fraction::new(track.confidence),
            location: track.rect.into(),
            age_ms: AgeMs(track.age),
            is_moving: track.is_moving,
            events: track.events.iter().copied().map(EventId).collect(),
        }
    }
}
