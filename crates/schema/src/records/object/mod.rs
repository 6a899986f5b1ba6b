//! `event-object-left-removed`: something came to rest and stayed, or was there and is gone.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::{
    convert::Rule,
    records::{area::AREA, header::HAPPENING},
};

/// How versions 1 and 2 correspond.
pub(crate) const RULES: &[&[Rule]] = &[HAPPENING, &[AREA, Rule::Same("object_state")]];
