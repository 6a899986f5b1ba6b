//! `track`: an object's state, sent because it caused an event (or because debug is on).

pub(crate) mod v1;
pub(crate) mod v2;

use crate::convert::Rule;

/// How versions 1 and 2 correspond.
pub(crate) const RULES: &[&[Rule]] = &[&[
    Rule::Same("tracking_id"),
    Rule::Same("object_class"),
    Rule::Renamed { v1: "detection_confidence", v2: "confidence" },
    Rule::Same("location"),
    Rule::Same("age_ms"),
    Rule::Same("is_moving"),
    Rule::Same("events"),
]];
