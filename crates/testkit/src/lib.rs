//! For tests only: a sandbox to run Watchpost in, fake and hostile children, scripted detections.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "shown by the test runner when a test fails")]

mod children;
pub mod identities;
mod random;
mod sandbox;
pub mod scene;
mod script;
pub mod truth;

pub use children::acknowledging_exporter;
pub use random::Random;
pub use sandbox::{Ran, Sandbox, Watchpost, set_mode, wait_until};
pub use script::{Script, Walker};
