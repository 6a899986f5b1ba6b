//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(clippy::unwrap_used)]

mod confine;
mod corpus;
mod render;
