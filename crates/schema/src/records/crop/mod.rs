//! `crop`: a picture of a track, the best seen so far.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::convert::{Rule, value};

/// How versions 1 and 2 correspond.
pub(crate) const RULES: &[&[Rule]] = &[&[
    Rule::Renamed { v1: "ref_tracking_id", v2: "tracking_id" },
    Rule::Same("ref_event_id"),
    Rule::Same("confidence"),
    Rule::Same("location"),
    Rule::Mapped {
        v1: "crop_timestamp_ms",
        v2: "crop_time",
        down: value::float_to_whole,
        up: value::whole_to_float,
    },
    Rule::Same("image"),
]];
