//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

mod areas;
mod cases;
mod left_pixels;
mod left_removed;
mod lines;
mod noise;
mod pixels;
mod stage;
mod tailgating;
mod walks;
