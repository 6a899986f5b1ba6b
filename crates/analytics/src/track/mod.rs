//! Follows objects from frame to frame.

mod assign;
mod kalman;
mod object;
mod shared;
mod tracker;

pub(crate) use self::{
    object::Sight,
    shared::Grid,
    tracker::{HISTORY, Observation, Tracker},
};
