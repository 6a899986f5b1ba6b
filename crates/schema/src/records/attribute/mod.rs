//! `attribute`: one property of a track.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::convert::{Rule, value};

/// How versions 1 and 2 correspond.
///
/// Version 1 cannot tell `true` from the text "true", nor 42 from "42". On the way up only truth
/// values become typed: a licence plate of digits alone must stay text.
pub(crate) const RULES: &[&[Rule]] = &[&[
    Rule::Renamed { v1: "ref_tracking_id", v2: "tracking_id" },
    Rule::Same("name"),
    Rule::Mapped { v1: "value", v2: "value", down: value::to_text, up: value::text_to_bool },
    Rule::OnlyV2("confidence"),
]];
