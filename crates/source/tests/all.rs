//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::print_stderr
)]

mod camera;
mod common;
mod corpus;
mod feeds;
mod ndjson;
mod video;
