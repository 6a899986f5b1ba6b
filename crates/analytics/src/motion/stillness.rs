//! Which pixels have not changed for how long, told from a picture that is renewed where it no longer holds.
//!
//! The background says that something is there which was not; this says that it lies still. A person who stands
//! still does not: edges sway, hands move. (The idea of two pictures, a slow and a fast one: Porikli, Ivanov, Haga,
//! "Robust abandoned object detection using dual foregrounds", 2008.)

use super::{blobs::Blob, reduce::Plane8};

/// Differences up to this, in steps of luma, are noise. What is above is a change of the picture.
const NOISE: u8 = 10;
/// Updates, five a second, for which a pixel has to be as it is to be still: a second.
const STILL_UPDATES: u8 = 5;

/// For each pixel of the reduced picture, what it was and for how long.
#[derive(Debug)]
pub(crate) struct Stillness {
    held: Vec<u8>,
    updates: Vec<u8>,
}

impl Stillness {
    pub fn new(pixels: usize) -> Self {
        Self { held: vec![0; pixels], updates: vec![0; pixels] }
    }

    /// Takes in a picture, at the pace at which the background learns. What is held follows by a step, so that
    /// light that fades is no change.
    pub fn update(&mut self, now: &[u8]) {
        for ((held, updates), &now) in self.held.iter_mut().zip(&mut self.updates).zip(now) {
            let same = now.abs_diff(*held) <= NOISE;
            let nearer = (*held).clamp(now.saturating_sub(NOISE - 1), now.saturating_add(NOISE - 1));
            *updates = if same { updates.saturating_add(1) } else { 0 };
            *held = if same { nearer } else { now };
        }
    }

    /// The light has changed: luma is now `gain` × luma + `offset`.
    pub fn retone(&mut self, gain: f32, offset: f32) {
        for held in &mut self.held {
            *held = (f32::from(*held) * gain + offset) as u8;
        }
    }

    /// The share of a blob's pixels that lie still, up to the picture `now`.
    pub fn share_of(&self, blob: &Blob, now: &Plane8) -> f32 {
        let still: usize = blob
            .runs
            .iter()
            .map(|run| {
                let row = usize::from(run.y) * now.width;
                let range = row + usize::from(run.from)..row + usize::from(run.to);
                let pixels =
                    self.updates[range.clone()].iter().zip(&self.held[range.clone()]).zip(&now.data[range]);
                pixels
                    .filter(|((n, held), now)| **n >= STILL_UPDATES && now.abs_diff(**held) <= NOISE)
                    .count()
            })
            .sum();
        still as f32 / blob.pixels.max(1) as f32
    }

    /// The share of the pixels from `left`, `top` to `right`, `bottom` that have been as they are for `updates`.
    pub fn share_within(
        &self,
        (left, top, right, bottom): (usize, usize, usize, usize),
        width: usize,
        updates: u8,
    ) -> f32 {
        let rows = self.updates.chunks_exact(width).take(bottom).skip(top);
        let still: usize =
            rows.map(|row| row[left..right].iter().filter(|pixel| **pixel >= updates).count()).sum();
        still as f32 / ((right - left) * (bottom - top)).max(1) as f32
    }
}
