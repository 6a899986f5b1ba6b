//! The best picture of each track so far.
//!
//! Pixels are copied when a frame shows a track clearly better than all before; a JPEG file is made
//! only when an event wants one, and once per picture.

mod hidden;
mod picture;

use std::collections::HashMap;

use watchpost_model::{Crop, Id, Image, Point, Rect, StreamTime};

use self::picture::Picture;

/// A picture is replaced only by one whose confidence is higher by this (REFERENCE "Analytics").
const BETTER_BY: f32 = 0.02;
/// Share of the box that is added on each side, so that nothing is cut off.
const PADDING: f32 = 0.08;
/// Memory for all pictures; beyond it new tracks get none until others are lost.
const MAX_BYTES: usize = 48 << 20;
/// Tracks that fill this share of the frame are as large as a good picture needs.
const GOOD_AREA: f32 = 0.03;
/// A mean difference of neighbouring pixels, in steps of luma, that is as sharp as one can want.
const GOOD_SHARPNESS: f32 = 14.0;

/// The best pictures of all living tracks.
#[derive(Debug, Default)]
pub(crate) struct BestShots {
    shots: HashMap<Id, Shot>,
    bytes: usize,
    /// Polygons that no picture shows, in parts of the frame.
    masks: Vec<Vec<Point>>,
}

#[derive(Debug)]
struct Shot {
    picture: Picture,
    confidence: f32,
    rect: Rect,
    taken_at: StreamTime,
    jpeg: Option<Vec<u8>>,
}

impl BestShots {
    /// Without pictures yet; none that is taken shows what lies in `masks`.
    pub fn masked(masks: Vec<Vec<Point>>) -> Self {
        Self { masks, ..Self::default() }
    }

    /// Goes on with other masks. Pictures that were taken with fewer are gone.
    pub fn set_masks(&mut self, masks: Vec<Vec<Point>>) {
        if masks != self.masks {
            *self = Self::masked(masks);
        }
    }

    /// Takes a picture of `track` if it is the best so far. `occluded` if something else is in it.
    pub fn consider(&mut self, track: Id, image: &Image, rect: &Rect, occluded: bool, time: StreamTime) {
        let confidence = confidence(image, rect, occluded);
        if self.shots.get(&track).is_some_and(|shot| confidence < shot.confidence + BETTER_BY) {
            return;
        }
        let (dx, dy) = (rect.width * PADDING, rect.height * PADDING);
        let padded = Rect::new(rect.x - dx, rect.y - dy, rect.width + 2.0 * dx, rect.height + 2.0 * dy);
        let Some(picture) = Picture::copy(image, &padded, &self.masks) else { return };
        let bytes =
            self.bytes - self.shots.get(&track).map_or(0, |shot| shot.picture.bytes()) + picture.bytes();
        if bytes <= MAX_BYTES {
            self.bytes = bytes;
            self.shots.insert(track, Shot { picture, confidence, rect: *rect, taken_at: time, jpeg: None });
        }
    }

    /// The best picture of `track` so far, as it goes with `event`.
    pub fn crop(&mut self, track: Id, event: Id) -> Option<Crop> {
        let shot = self.shots.get_mut(&track)?;
        let jpeg = shot.jpeg.get_or_insert_with(|| shot.picture.jpeg()).clone();
        (!jpeg.is_empty()).then_some(Crop {
            track_id: track,
            event_id: Some(event),
            taken_at: shot.taken_at,
            rect: shot.rect,
            confidence: shot.confidence,
            jpeg,
        })
    }

    /// The best picture of `track` so far, a JPEG file, and how good it is.
    pub fn best(&mut self, track: Id) -> Option<(&[u8], f32)> {
        let shot = self.shots.get_mut(&track)?;
        let jpeg = shot.jpeg.get_or_insert_with(|| shot.picture.jpeg());
        (!jpeg.is_empty()).then_some((jpeg.as_slice(), shot.confidence))
    }

    /// Drops the picture of a track that is lost.
    pub fn forget(&mut self, track: Id) {
        if let Some(shot) = self.shots.remove(&track) {
            self.bytes -= shot.picture.bytes();
        }
    }
}

/// How good a picture is, 0..1: large, sharp, whole and alone.
fn confidence(image: &Image, rect: &Rect, occluded: bool) -> f32 {
    let size = (rect.area() / GOOD_AREA).sqrt().min(1.0);
    let sharp = (sharpness(image, rect) / GOOD_SHARPNESS).min(1.0);
    let whole =
        rect.x > 0.004 && rect.y > 0.004 && rect.x + rect.width < 0.996 && rect.y + rect.height < 0.996;
    let base = 0.2 + 0.45 * size + 0.35 * sharp;
    base * if whole { 1.0 } else { 0.5 } * if occluded { 0.4 } else { 1.0 }
}

/// Mean difference of neighbouring pixels, on a grid of points whatever the box's size.
fn sharpness(image: &Image, rect: &Rect) -> f32 {
    const POINTS: usize = 20;
    let luma = image.luma();
    let (w, h) = (image.size.width as usize, image.size.height as usize);
    let (left, top) = ((rect.x * w as f32) as usize, (rect.y * h as f32) as usize);
    let (wide, high) = ((rect.width * w as f32) as usize, (rect.height * h as f32) as usize);
    let (mut sum, mut count) = (0_u32, 0_u32);
    for j in 0..POINTS {
        let y = top + high * j / POINTS;
        if y >= h {
            break;
        }
        let row = luma.row(y, w);
        for i in 0..POINTS {
            let x = left + wide * i / POINTS;
            if let Some(&[a, b]) = row.get(x..x + 2).and_then(|pair| pair.first_chunk::<2>()) {
                sum += u32::from(a.abs_diff(b));
                count += 1;
            }
        }
    }
    sum as f32 / count.max(1) as f32
}

#[cfg(test)]
mod tests;
