//! What areas and lines say of tracks.
//!
//! Each pair of track and area, and of track and line, has its own small state machines, one file
//! each; a line has one more for either direction. This file runs them and turns their reports into events. Machines run from a track's first
//! frame; that events wait until it is established is the outbox's business. They rest while a track
//! coasts: what is only expected triggers nothing.
//!
mod areas;
mod crossing;
mod crowding;
mod engine;
mod geometry;
mod intrusion;
mod lines;
mod loitering;
mod missing;
mod objects;
mod presence;
mod resting;
mod tailgating;

pub(crate) use self::{
    engine::{Happening, Seen, Zones},
    objects::Gone,
};
