//! The words of the wire: one type per key, with what it means, its unit and how it is written.
//!
//! The doc comment of a word becomes the `description` of every property that uses it, so a
//! meaning is said once, however many records carry the key.

mod ids;
mod text;
mod time;
mod values;

pub(crate) use ids::*;
pub(crate) use text::*;
pub(crate) use time::*;
pub(crate) use values::*;
