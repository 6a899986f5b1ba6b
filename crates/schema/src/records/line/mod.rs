//! What a line reports: crossing, tailgating.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::{convert::Rule, records::header::HAPPENING};

const LINE: &[Rule] = &[
    Rule::Nested { v2: "line", parts: &[("id", "tripwire_id"), ("name", "tripwire_name")] },
    Rule::Renamed { v1: "crossing_direction", v2: "direction" },
];

/// How versions 1 and 2 of `event-line-crossing` correspond.
pub(crate) const CROSSING: &[&[Rule]] = &[HAPPENING, LINE];

/// How versions 1 and 2 of `event-tailgating` correspond.
pub(crate) const TAILGATING: &[&[Rule]] =
    &[HAPPENING, LINE, &[Rule::Same("first_tracking_id"), Rule::Same("time_interval_ms")]];
