//! Geometry in parts of the frame: 0..1, origin top-left, x to the right, y down.

/// A place in the frame.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// 0 at the left edge, 1 at the right.
    pub x: f32,
    /// 0 at the top edge, 1 at the bottom.
    pub y: f32,
}

impl Point {
    /// The point at (`x`, `y`).
    pub const fn new(x: f32, y: f32) -> Self {
        Self { x, y }
    }
}

/// An upright box in the frame; `x`, `y` is its top-left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rect {
    /// Left edge, 0..1.
    pub x: f32,
    /// Top edge, 0..1.
    pub y: f32,
    /// Width, 0..1.
    pub width: f32,
    /// Height, 0..1.
    pub height: f32,
}

impl Rect {
    /// The box with its top-left corner at (`x`, `y`).
    pub const fn new(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self { x, y, width, height }
    }

    /// Its middle.
    pub fn center(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The middle of its lower edge: where a person stands.
    pub fn bottom_center(&self) -> Point {
        Point::new(self.x + self.width / 2.0, self.y + self.height)
    }

    /// Share of the frame it covers, 0..1.
    pub fn area(&self) -> f32 {
        self.width.max(0.0) * self.height.max(0.0)
    }

    /// Intersection over union with `other`, 0..1; 0 where both are empty.
    pub fn iou(&self, other: &Self) -> f32 {
        let width = (self.x + self.width).min(other.x + other.width) - self.x.max(other.x);
        let height = (self.y + self.height).min(other.y + other.height) - self.y.max(other.y);
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let both = width * height;
        both / (self.area() + other.area() - both).max(f32::MIN_POSITIVE)
    }

    /// The part of it that lies inside the frame; an edge that is not a number counts as 0.
    #[must_use]
    pub fn clamped(&self) -> Self {
        let left = within(self.x, 0.0);
        let top = within(self.y, 0.0);
        let right = within(self.x + self.width, left);
        let bottom = within(self.y + self.height, top);
        Self::new(left, top, right - left, bottom - top)
    }
}

/// `value`, at least `low` and at most 1. `max` and `min` prefer a number to NaN, where `clamp` would
/// hand it on, and panic with it as a bound.
fn within(value: f32, low: f32) -> f32 {
    value.max(low).min(1.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_part_inside_the_frame() {
        assert_eq!(Rect::new(-0.5, 0.5, 1.0, 1.0).clamped(), Rect::new(0.0, 0.5, 0.5, 0.5));
        assert_eq!(Rect::new(2.0, 2.0, 1.0, 1.0).clamped(), Rect::new(1.0, 1.0, 0.0, 0.0));
        assert_eq!(Rect::new(f32::NAN, 0.5, 0.5, f32::NAN).clamped(), Rect::new(0.0, 0.5, 0.0, 0.0));
    }

    proptest! {
        #[test]
        fn clamped_lies_in_the_frame_whatever_it_was(
            x in prop::num::f32::ANY, y in prop::num::f32::ANY,
            width in prop::num::f32::ANY, height in prop::num::f32::ANY,
        ) {
            let Rect { x, y, width, height } = Rect::new(x, y, width, height).clamped();
            for value in [x, y, width, height, x + width, y + height] {
                prop_assert!((0.0..=1.0).contains(&value), "{value}");
            }
        }
    }
}
