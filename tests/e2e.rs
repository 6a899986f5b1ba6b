//! The end-to-end tests: the built command as its users run it. One module per promise of PRODUCT.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr, reason = "what is skipped is said aloud")]

mod api;
mod bad_input;
mod bound;
mod clock;
mod control;
mod cursors;
mod damage;
mod demo;
mod described;
mod detectors;
mod disk;
mod documents;
mod endings;
mod exporter_children;
mod exporters;
mod hls;
mod http;
mod kill;
mod limits;
mod listen;
mod listen_rtmp;
mod live;
mod million;
mod mqtt;
mod no_signal;
mod one_path;
mod package;
mod passed_on;
mod posted;
mod preprocess;
mod privacy;
mod recorded;
mod rest;
mod rotation;
mod rtmp;
mod rtsp_out;
mod schedules;
mod security;
mod serve;
mod streams;
mod traces;
mod video;
mod webhook;
mod zones;
