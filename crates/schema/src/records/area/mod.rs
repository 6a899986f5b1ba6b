//! What an area reports of one object: entering, leaving, intrusion, loitering, and the ends.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::{convert::Rule, records::header::HAPPENING};

/// `area_id` and `area_name` are `area.id` and `area.name` in version 2.
pub(crate) const AREA: Rule = Rule::Nested { v2: "area", parts: &[("id", "area_id"), ("name", "area_name")] };

/// How versions 1 and 2 of a start correspond.
pub(crate) const EVENT: &[&[Rule]] = &[HAPPENING, &[AREA]];

/// How versions 1 and 2 of an end correspond. Version 1 does not name the start.
pub(crate) const END: &[&[Rule]] = &[HAPPENING, &[AREA], crate::records::header::ENDING];
