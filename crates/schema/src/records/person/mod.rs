//! What is seen of a person without an area or a line: carries a weapon, has fallen.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::{
    convert::Rule,
    records::header::{ENDING, HAPPENING},
};

/// How versions 1 and 2 of a start correspond.
pub(crate) const EVENT: &[&[Rule]] = &[HAPPENING];

/// How versions 1 and 2 of an end correspond.
pub(crate) const END: &[&[Rule]] = &[HAPPENING, ENDING];
