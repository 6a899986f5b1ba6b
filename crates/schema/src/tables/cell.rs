//! One cell of a row.

use std::borrow::Cow;

use super::fields::Raw;

/// One cell of a row. It borrows from the bytes the row was made of.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Unknown: the record does not say.
    Empty,
    /// Text.
    Text(Cow<'a, str>),
    /// A number, as JSON writes it, digit by digit as the record has it.
    Number(Cow<'a, str>),
    /// A number that was counted or computed.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A list or object where a simple value was expected, as compact JSON: a preprocess command
    /// may have put it there.
    Json(Cow<'a, str>),
}

impl<'a> Cell<'a> {
    /// The value `raw`; a missing one and `null` are empty.
    pub(crate) fn new(Raw(raw): Raw<'a>) -> Self {
        let Some(raw) = raw else { return Self::Empty };
        match raw.as_bytes() {
            [b'"', inner @ .., b'"'] => {
                let text = if inner.contains(&b'\\') { None } else { raw.get(1..raw.len() - 1) };
                match text {
                    Some(text) => Self::Text(text.into()),
                    None => Self::Text(serde_json::from_str::<String>(raw).unwrap_or_default().into()),
                }
            }
            b"null" => Self::Empty,
            b"true" => Self::Bool(true),
            b"false" => Self::Bool(false),
            [b'{' | b'[', ..] => Self::Json(raw.into()),
            _ => Self::Number(raw.into()),
        }
    }

    /// This cell, or `other` where this one is empty.
    pub(super) fn or(self, other: Raw<'a>) -> Self {
        if matches!(self, Self::Empty) { Self::new(other) } else { self }
    }

    /// The text of the cell as a table shows it, without quotes; empty for [`Cell::Empty`].
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Empty => "".into(),
            Self::Text(text) | Self::Number(text) | Self::Json(text) => text.as_ref().into(),
            Self::Int(number) => number.to_string().into(),
            Self::Bool(yes) => if *yes { "true" } else { "false" }.into(),
        }
    }

    /// Appends the cell to `out` as a JSON value; [`Cell::Empty`] as `null`.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Empty => out.extend_from_slice(b"null"),
            Self::Text(text) => crate::encode::write(text, out),
            Self::Number(raw) | Self::Json(raw) => out.extend_from_slice(raw.as_bytes()),
            Self::Int(number) => crate::encode::write(number, out),
            Self::Bool(yes) => crate::encode::write(yes, out),
        }
    }

    /// The same cell, borrowing from nothing.
    pub fn to_static(&self) -> Cell<'static> {
        let owned = |text: &Cow<'_, str>| Cow::Owned(text.clone().into_owned());
        match self {
            Self::Empty => Cell::Empty,
            Self::Text(text) => Cell::Text(owned(text)),
            Self::Number(raw) => Cell::Number(owned(raw)),
            Self::Int(number) => Cell::Int(*number),
            Self::Bool(yes) => Cell::Bool(*yes),
            Self::Json(raw) => Cell::Json(owned(raw)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(raw: &str) -> Cell<'_> {
        Cell::new(Raw(Some(raw)))
    }

    #[test]
    fn cells_keep_what_was_written() {
        assert_eq!(cell("0.30"), Cell::Number("0.30".into()));
        assert_eq!(cell(r#""a b""#), Cell::Text("a b".into()));
        assert_eq!(cell(r#""a\n\"b\"""#), Cell::Text("a\n\"b\"".into()));
        assert_eq!(cell("true"), Cell::Bool(true));
        assert_eq!(cell("null"), Cell::Empty);
        assert_eq!(cell("[1,2]").text(), "[1,2]");
        let mut out = Vec::new();
        cell(r#""\"""#).write_json(&mut out);
        assert_eq!(out, br#""\"""#);
    }
}
