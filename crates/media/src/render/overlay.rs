//! What is drawn over a picture, in parts of the frame.

use watchpost_model::{Area, Line, ObjectClass, Point, Rect};

/// What to draw. Later fields lie over earlier ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Polygons that hide what is behind them.
    pub masks: Vec<Vec<Point>>,
    /// Areas: filled polygons with a name.
    pub areas: Vec<OverlayArea>,
    /// Lines, with an arrow where only one way counts left to the caller's name.
    pub lines: Vec<OverlayLine>,
    /// Objects.
    pub boxes: Vec<OverlayBox>,
    /// Events of this moment: a thick frame around what caused them.
    pub flashes: Vec<Flash>,
    /// Shown in the top-left corner, for example date and time; empty: nothing.
    pub timestamp: String,
}

/// A polygon.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayArea {
    /// Corners; fewer than 3 draw nothing.
    pub vertices: Vec<Point>,
    /// Of outline, filling and name.
    pub color: Color,
    /// Empty: none.
    pub label: String,
    /// Something is going on in it: filled more strongly.
    pub active: bool,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayLine {
    /// From where to where.
    pub vertices: [Point; 2],
    /// Of line and name.
    pub color: Color,
    /// Empty: none.
    pub label: String,
    /// It is being crossed: drawn thicker.
    pub active: bool,
}

/// An object.
#[derive(Clone, Debug, PartialEq)]
pub struct OverlayBox {
    /// Where it is.
    pub rect: Rect,
    /// Whether it has a frame, or only label and trail.
    pub framed: bool,
    /// Of frame, label and trail.
    pub color: Color,
    /// Empty: none.
    pub label: String,
    /// Where it was, oldest first; empty: none.
    pub trail: Vec<Point>,
}

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub struct Flash {
    /// Where.
    pub rect: Rect,
    /// Of the frame and the text.
    pub color: Color,
    /// What happened.
    pub label: String,
}

impl From<&Area> for OverlayArea {
    fn from(area: &Area) -> Self {
        Self {
            vertices: area.vertices.clone(),
            color: Color::from_rgba(area.color),
            label: area.name.clone(),
            active: false,
        }
    }
}

impl From<&Line> for OverlayLine {
    fn from(line: &Line) -> Self {
        Self {
            vertices: line.vertices,
            color: Color::from_rgba(line.color),
            label: line.name.clone(),
            active: false,
        }
    }
}

/// A colour, sRGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Color {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl Color {
    /// For what must be read on any picture.
    pub const DARK: Self = Self { r: 16, g: 18, b: 22 };
    /// For events.
    pub const ALERT: Self = Self { r: 239, g: 52, b: 52 };

    /// From channels of 0..=255.
    pub const fn new(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b }
    }

    /// From channels of 0..1; the fourth is left out. What is no number is 0.
    pub fn from_rgba([r, g, b, _]: [f32; 4]) -> Self {
        let byte = |channel: f32| (channel.clamp(0.0, 1.0) * 255.0).round() as u8;
        Self::new(byte(r), byte(g), byte(b))
    }

    /// One colour a class, well apart also for most who do not see all colours (Okabe and Ito).
    pub const fn of_class(class: ObjectClass) -> Self {
        match class {
            ObjectClass::Person => Self::new(86, 180, 233),
            ObjectClass::Vehicle => Self::new(230, 159, 0),
            ObjectClass::Animal => Self::new(0, 190, 140),
            ObjectClass::Face => Self::new(204, 121, 167),
            ObjectClass::Unknown => Self::new(240, 228, 66),
        }
    }

    /// Whether text on it should be dark.
    pub(super) fn is_light(self) -> bool {
        u32::from(self.r) * 299 + u32::from(self.g) * 587 + u32::from(self.b) * 114 > 140_000
    }
}
