//! One file per format; the table of them is [`crate::FORMATS`].

pub mod csv;
pub mod json;
pub mod txt;
