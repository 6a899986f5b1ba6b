//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod corpus;
mod instance;
mod manifest;
