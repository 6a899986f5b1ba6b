//! Texts, pictures, and values that are a number in one version and text in the other.

use std::borrow::Cow;

use base64::{display::Base64Display, engine::general_purpose::STANDARD};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use watchpost_model::{AttributeValue, Size};

/// The picture: a JPEG file in plain base64 (RFC 4648, padded), not a data URL.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(crate) struct Picture<'a>(
    #[schemars(with = "String", extend("contentEncoding" = "base64", "contentMediaType" = "image/jpeg"))]
    pub(crate) &'a [u8],
);

impl Serialize for Picture<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

/// Integers up to this size are the same as a double and as an integer, and are written as the
/// latter: `42`, not `42.0`.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number, written without a fraction where it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.0.is_finite() {
            // JSON has no such number; `0` is at least of the promised type.
            serializer.serialize_u64(0)
        } else if self.0.fract() == 0.0 && self.0.abs() < EXACT {
            serializer.serialize_i64(self.0 as i64)
        } else {
            serializer.serialize_f64(self.0)
        }
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

/// What serde_json writes for `value`, as text in quotes: how version 1 carries numbers.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(crate) struct AsText<T>(#[schemars(with = "String")] pub(crate) T);

impl<T: Serialize> Serialize for AsText<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(&text)
    }
}

/// Width and height in pixels as text, for example `1920x1080`.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(crate) struct SizeText(#[schemars(with = "String")] pub(crate) Size);

impl Serialize for SizeText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}x{}", self.0.width, self.0.height))
    }
}

/// The attribute's value: text, true or false, or a number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypedValue<'a>(pub(crate) &'a AttributeValue);

impl Serialize for TypedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Text(text) => serializer.serialize_str(text),
            AttributeValue::Bool(yes) => serializer.serialize_bool(*yes),
            AttributeValue::Number(number) => Number(*number).serialize(serializer),
        }
    }
}

impl JsonSchema for TypedValue<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TypedValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": ["string", "boolean", "number"],
            "description": "The attribute's value: text, true or false, or a number."
        })
    }
}

/// The attribute's value, always as text: `"true"` and `"false"` for truth values, decimal digits
/// for numbers.
#[derive(Clone, Copy, Debug, JsonSchema)]
#[schemars(inline, transparent)]
pub(crate) struct TextValue<'a>(#[schemars(with = "String")] pub(crate) &'a AttributeValue);

impl Serialize for TextValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            AttributeValue::Text(text) => serializer.serialize_str(text),
            AttributeValue::Bool(_) | AttributeValue::Number(_) => {
                AsText(TypedValue(self.0)).serialize(serializer)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: impl Serialize) -> String {
        serde_json::to_string(&value).unwrap()
    }

    #[test]
    fn attribute_values_are_typed_or_text() {
        let values =
            [AttributeValue::Text("red".into()), AttributeValue::Bool(true), AttributeValue::Number(42.0)];
        assert_eq!(values.each_ref().map(|value| json(TypedValue(value))), [r#""red""#, "true", "42"]);
        assert_eq!(
            values.each_ref().map(|value| json(TextValue(value))),
            [r#""red""#, r#""true""#, r#""42""#]
        );
    }

    #[test]
    fn numbers_lose_a_fraction_of_zero_only() {
        let written = [5.0, -0.0, 29.97, 1e300, f64::NAN].map(|number| json(Number(number)));
        assert_eq!(written, ["5", "0", "29.97", "1e300", "0"]);
        assert_eq!(json(AsText(Number(29.97))), r#""29.97""#);
    }

    #[test]
    fn pictures_are_plain_base64() {
        assert_eq!(json(Picture(&[0xff, 0xd8, 0xff])), r#""/9j/""#);
    }
}
