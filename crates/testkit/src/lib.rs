//! For tests only: a sandbox to run Watchpost in, children that are killed, scripted detections, oracles.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stderr, reason = "shown by the test runner when a test fails")]

mod camera;
mod children;
mod control;
mod corpus;
pub mod identities;
pub mod mosquitto;
pub mod proof;
mod random;
mod sandbox;
pub mod scene;
mod script;
mod small_disk;
pub mod truth;

pub use camera::Camera;
pub use children::acknowledging_exporter;
pub use control::Control;
pub use corpus::replay;
pub use random::Random;
pub use sandbox::{PATIENCE, Ran, Sandbox, Watchpost, interrupt, set_mode, terminate, wait_until};
pub use script::{Script, Walker, walk};
pub use small_disk::SmallDisk;
