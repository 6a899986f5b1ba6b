//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod common;
mod decode;
mod encode;
mod rtsp;
mod serve_rtsp;
mod stream;
