//! Numbers, boxes, and values from closed sets.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use watchpost_model::{CrossingDirection, ObjectClass, ObjectState, Rect, Severity, Size};

/// How sure it is, 0..1.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Fraction(f32);

impl Fraction {
    /// `value` within 0..1; what is not a number is 0.
    ///
    /// Written as the shortest decimal that is the same `f32`: `0.3`, not `0.30000001192092896`.
    pub(crate) fn new(value: f32) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) })
    }
}

impl JsonSchema for Fraction {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Fraction".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number", "minimum": 0, "maximum": 1, "description": "How sure it is, 0..1."
        })
    }
}

/// Where it is: an upright box in parts of the frame, 0..1, origin top-left.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Location {
    /// Left edge: 0 at the left of the frame, 1 at its right.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) x: f32,
    /// Top edge: 0 at the top of the frame, 1 at its bottom.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) y: f32,
    /// Width: 1 is the whole frame's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) width: f32,
    /// Height: 1 is the whole frame's.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(crate) height: f32,
}

impl From<Rect> for Location {
    /// The part of `rect` inside the frame; what is not a number is 0.
    ///
    /// A box inside the frame keeps its numbers exactly: cutting would cost the last digit of
    /// `width` even where nothing is cut off.
    fn from(rect: Rect) -> Self {
        let Rect { x, y, width, height } = rect;
        let inside =
            x >= 0.0 && y >= 0.0 && width >= 0.0 && height >= 0.0 && x + width <= 1.0 && y + height <= 1.0;
        if inside {
            return Self { x, y, width, height };
        }
        // Far enough outside to change nothing, near enough that infinities do not meet.
        let finite = |part: f32| if part.is_nan() { 0.0 } else { part.clamp(-1e6, 1e6) };
        let [x, y, width, height] = [x, y, width, height].map(finite);
        let Rect { x, y, width, height } = Rect::new(x, y, width.max(0.0), height.max(0.0)).clamped();
        // Without `+ 0.0` an edge at -0.0 would be written `-0.0`.
        Self { x: x + 0.0, y: y + 0.0, width: width + 0.0, height: height + 0.0 }
    }
}

macro_rules! closed_sets {
    ($($(#[$doc:meta])+ $name:ident($inner:ty) { $($value:pat => $text:literal),+ $(,)? })+) => {$(
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, JsonSchema)]
        #[schemars(inline, transparent)]
        pub(crate) struct $name(#[schemars(with = "String", extend("enum" = [$($text),+]))] pub(crate) $inner);

        impl $name {
            pub(crate) const fn as_str(self) -> &'static str {
                match self.0 { $($value => $text),+ }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}

closed_sets! {
    /// What kind of object it is.
    Class(ObjectClass) {
        ObjectClass::Person => "Person",
        ObjectClass::Vehicle => "Vehicle",
        ObjectClass::Animal => "Animal",
        ObjectClass::Face => "Face",
        ObjectClass::Unknown => "Unknown",
    }
    /// Which way the line was crossed. Down is the side to the right of somebody who walks from
    /// the line's first end to its second, seen on the screen.
    Direction(CrossingDirection) {
        CrossingDirection::Up => "up",
        CrossingDirection::Down => "down",
    }
    /// Whether the object came to rest and stayed, or was there and is gone.
    State(ObjectState) {
        ObjectState::Left => "left",
        ObjectState::Removed => "removed",
    }
    /// How bad it is: worth knowing, works but not as it should, does not work.
    HowBad(Severity) {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[schemars(inline)]
pub(crate) struct Pixels {
    /// Pixels in a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
}

impl From<Size> for Pixels {
    fn from(size: Size) -> Self {
        Self { width: size.width, height: size.height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: impl Serialize) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn fractions_are_short_and_in_range() {
        let written =
            [0.3_f32, 1.0, -0.5, 7.0, f32::NAN, f32::INFINITY].map(|part| json(Fraction::new(part)));
        assert_eq!(written, ["0.3", "1.0", "0.0", "1.0", "0.0", "1.0"]);
    }

    #[test]
    fn boxes_inside_keep_their_numbers_and_others_are_cut() {
        let inside = Location::from(Rect::new(0.1, 0.2, 0.3, 0.4));
        assert_eq!(json(inside), r#"{"x":0.1,"y":0.2,"width":0.3,"height":0.4}"#);
        let cut = Location::from(Rect::new(-0.25, 0.5, 0.5, 4.0));
        assert_eq!(json(cut), r#"{"x":0.0,"y":0.5,"width":0.25,"height":0.5}"#);
        let broken = Location::from(Rect::new(f32::NAN, f32::NEG_INFINITY, -1.0, f32::INFINITY));
        for part in [broken.x, broken.y, broken.width, broken.height] {
            assert!((0.0..=1.0).contains(&part), "{broken:?}");
        }
    }
}
