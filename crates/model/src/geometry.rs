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

    /// The part of it that lies inside the frame.
    #[must_use]
    pub fn clamped(&self) -> Self {
        let left = self.x.clamp(0.0, 1.0);
        let top = self.y.clamp(0.0, 1.0);
        let right = (self.x + self.width).clamp(left, 1.0);
        let bottom = (self.y + self.height).clamp(top, 1.0);
        Self::new(left, top, right - left, bottom - top)
    }
}
