//! Version 2 of `attribute`: PRODUCT section 7.

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_model::Attribute as Source;

use crate::{
    records::{Moment, header::Header},
    words::*,
};

/// `attribute`: one property of a track. Licence plates are one, named `license_plate`.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Attribute<'a> {
    #[serde(flatten)]
    header: Header<'a>,
    tracking_id: TrackingId,
    /// Which property, for example `vehicle_color`, `license_plate`.
    name: &'a str,
    value: TypedValue<'a>,
    /// How sure it is, 0..1. Absent where the detector does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    confidence: Option<Fraction>,
}

impl<'a> Attribute<'a> {
    pub(crate) fn new(moment: Moment<'a>, attribute: &'a Source) -> Self {
        Self {
            header: Header::new(moment),
            tracking_id: TrackingId(attribute.track_id),
            name: &attribute.name,
            value: TypedValue(&attribute.value),
            confidence: attribute.confidence.map(Fraction::new),
        }
    }
}
