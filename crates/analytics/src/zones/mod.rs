//! What areas and lines say of tracks.
//!
//! Each pair of track and area, and of track and line, has its own small state machines, one file
//! each. This file runs them and turns their reports into events. Machines run from a track's first
//! frame; that events wait until it is established is the outbox's business. They rest while a track
//! coasts: what is only expected triggers nothing.
//!
//! Later: tailgating, and objects left or removed. Their switches are accepted and report nothing.

mod crossing;
mod crowding;
mod engine;
mod geometry;
mod intrusion;
mod loitering;
mod presence;

pub(crate) use self::engine::{Happening, Zones};
