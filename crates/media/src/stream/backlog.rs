//! What has come lately, for outputs that come late.

use std::collections::VecDeque;

use super::member::{Member, Unit};

/// Units kept: 10 s at 60 frames, which no camera's key frames exceed by much. One that does is not kept.
const MAX_UNITS: usize = 600;
/// Bytes kept: 10 s at 12 Mbit/s, more than cameras send at 1080p.
const MAX_BYTES: usize = 16 << 20;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Everything from the start, for the outputs of a file at pace `fast`, which may miss nothing and come
    /// a moment after its first frames.
    All,
    /// The last key frame and what came after it.
    SinceKey,
    /// Nothing.
    Nothing,
}

pub(super) struct Backlog {
    keep: Keep,
    units: VecDeque<Unit>,
    bytes: usize,
}

impl Backlog {
    pub(super) const fn new(keep: Keep) -> Self {
        Self { keep, units: VecDeque::new(), bytes: 0 }
    }

    pub(super) fn keep(&mut self, keep: Keep) {
        self.keep = keep;
        match keep {
            Keep::All => {}
            Keep::SinceKey => {
                if let Some(last) = self.units.iter().rposition(|unit| unit.is_key) {
                    self.units.drain(..last);
                }
                self.bytes = self.units.iter().map(Unit::bytes).sum();
            }
            Keep::Nothing => self.clear(),
        }
    }

    pub(super) fn add(&mut self, unit: &Unit) {
        if self.keep == Keep::Nothing {
            return;
        }
        if self.keep == Keep::SinceKey && unit.is_key {
            self.clear();
        }
        // Without its key frame the rest is of no use.
        if self.units.is_empty() && !unit.is_key {
            return;
        }
        self.bytes += unit.bytes();
        self.units.push_back(unit.clone());
        if self.units.len() > MAX_UNITS || self.bytes > MAX_BYTES {
            self.clear();
        }
    }

    /// Gives all of it to `member`, without waiting.
    pub(super) fn hand_to(&self, member: &Member) {
        member.make_room(self.units.len() as u64, self.bytes as u64);
        for unit in &self.units {
            member.take_kept(unit);
        }
    }

    fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }
}
