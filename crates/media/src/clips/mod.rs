//! The last seconds of an encoded video, for clips that begin before what they show.

mod recorder;

use std::collections::VecDeque;

use parking_lot::Mutex;
use watchpost_model::StreamTime;

use crate::stream::Unit;
pub use recorder::ClipRecorder;

/// Encoded bytes that a ring may hold: a minute at 8 Mbit/s, or 20 s of a camera that sends 24.
const MAX_BYTES: usize = 64 << 20;

/// Units of the last seconds, oldest first, beginning with a key frame.
pub(crate) struct Ring {
    keep_ns: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    units: VecDeque<Unit>,
    bytes: usize,
    /// Number of the first unit, counted from the stream's beginning.
    first: u64,
    /// A reader has not had this one yet.
    held_from: Option<u64>,
    ended: bool,
}

/// What a reader finds.
pub(crate) enum Read {
    /// The unit of the number that was asked for, or, where that is gone, the oldest key frame, with its number.
    Unit(u64, Unit),
    /// It has not come yet.
    NotYet,
    /// It never will.
    Ended,
}

impl Ring {
    pub(crate) fn new(keep: StreamTime) -> Self {
        Self { keep_ns: keep.as_nanos(), state: Mutex::default() }
    }

    pub(crate) fn push(&self, unit: &Unit) {
        let mut state = self.state.lock();
        state.bytes += unit.bytes();
        state.units.push_back(unit.clone());
        let horizon = unit.time_ns.saturating_sub(self.keep_ns);
        // Whole groups of pictures go: what is left begins with a key frame.
        while let Some(second) = state.units.iter().skip(1).position(|unit| unit.is_key) {
            let group = second + 1;
            let is_old = state.units[group].time_ns <= horizon;
            let is_held = state.held_from.is_some_and(|held| held < state.first + group as u64);
            if !(is_old && !is_held || state.bytes > MAX_BYTES) {
                break;
            }
            let freed: usize = state.units.drain(..group).map(|unit| unit.bytes()).sum();
            state.bytes -= freed;
            state.first += group as u64;
        }
    }

    pub(crate) fn end(&self) {
        self.state.lock().ended = true;
    }

    /// Number of the key frame from which everything after `time_ns` can be decoded, and keeps it; the
    /// oldest one there is if `time_ns` is too long ago; the first that comes while there is none.
    pub(crate) fn hold(&self, time_ns: u64) -> u64 {
        let mut state = self.state.lock();
        let keys = state.units.iter().enumerate().filter(|(_, unit)| unit.is_key);
        let before = keys.take_while(|(at, unit)| *at == 0 || unit.time_ns <= time_ns).last();
        let number = state.first + before.map_or(0, |(at, _)| at as u64);
        state.held_from = Some(number);
        number
    }

    /// The unit `number`; earlier ones need not be kept.
    pub(crate) fn read(&self, number: u64) -> Read {
        let mut state = self.state.lock();
        state.held_from = Some(number);
        let number = number.max(state.first);
        match state.units.get((number - state.first) as usize) {
            Some(unit) => Read::Unit(number, unit.clone()),
            None if state.ended => Read::Ended,
            None => Read::NotYet,
        }
    }

    /// Nobody reads.
    pub(crate) fn let_go(&self) {
        self.state.lock().held_from = None;
    }
}
