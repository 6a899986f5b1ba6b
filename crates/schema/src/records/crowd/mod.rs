//! `event-crowd-detection`: many objects in one area.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::{convert::Rule, records::area::AREA};

/// How versions 1 and 2 of one target correspond.
const TARGET: &[Rule] = &[
    Rule::Same("object_class"),
    Rule::OnlyV2("confidence"),
    Rule::Renamed { v1: "ref_tracking_id", v2: "tracking_id" },
    Rule::Same("location"),
];

/// How versions 1 and 2 correspond.
pub(crate) const RULES: &[&[Rule]] =
    &[&[Rule::Same("event_id"), Rule::List { key: "targets", rules: TARGET }, AREA]];
