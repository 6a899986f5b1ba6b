//! Version 2 of `crop`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Crop as Source;

use crate::{
    records::{Moment, header::Header},
    words::*,
};

/// `crop`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Crop<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    tracking_id: TrackingId,
    #[serde(skip_serializing_if = "Option::is_none")]
    ref_event_id: Option<RefEventId>,
    /// How good the picture is, 0..1. Several may belong to one event: take the highest.
    confidence: Fraction,
    /// Where the object was when the picture was taken: an upright box in parts of the frame,
    /// 0..1, origin top-left.
    location: Location,
    crop_time: CropTime,
    image: Picture<'a>,
}

impl<'a> Crop<'a> {
    pub(crate) fn new(moment: Moment<'a>, crop: &'a Source) -> Self {
        Self {
            header: Header::new(moment),
            tracking_id: TrackingId(crop.track_id),
            ref_event_id: crop.event_id.map(RefEventId),
            confidence: Fraction::new(crop.confidence),
            location: crop.rect.into(),
            crop_time: CropTime(crop.taken_at),
            image: Picture(&crop.jpeg),
        }
    }
}
