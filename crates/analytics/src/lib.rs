//! The `securt` solution: motion, tracking, areas, lines, crops (PRODUCT section 5).
//!
//! ```text
//! Frame ─▶ motion ─▶ tracker ─▶ zones ─▶ outbox ─▶ Analysis
//!            or the user's detections      ▲
//!                           crops ─────────┘
//! ```
//! [`Securt::process`] is that path. The room knows no wall clock, no configuration and no wire
//! format; what it says of a frame is an [`Analysis`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod analysis;
mod crops;
mod ids;
mod left_open;
mod motion;
mod outbox;
mod posture;
mod rehearsal;
mod securt;
mod settings;
mod track;
mod zones;

pub use analysis::{Analysis, ClassCounts, Occupancy, OpenEvent};
pub use ids::IdSource;
pub use left_open::end_left_open;
pub use rehearsal::Rehearsal;
pub use securt::Securt;
pub use settings::{MotionSettings, Sensitivity, Settings};
