//! `diagnostics`: something a person who runs the system should know.

pub(crate) mod v1;
pub(crate) mod v2;

use crate::convert::Rule;

/// How versions 1 and 2 correspond.
pub(crate) const RULES: &[&[Rule]] = &[&[Rule::Same("severity"), Rule::Same("title"), Rule::Same("message")]];
