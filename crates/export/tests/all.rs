//! All tests of this room that use it from outside: one program, which is linked once.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod arguments;
mod children;
mod common;
mod conformance;
mod exporter;
mod files;
mod filter;
mod jsonexport;
mod kit;
mod lifecycle;
mod negotiation;
mod pictures;
mod rotation;
