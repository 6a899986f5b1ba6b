//! Changes of single values, from JSON text to JSON text. `None` means: leave it as it is.

use serde::Deserialize;
use serde_json::Number;

use crate::words::Rfc3339;

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unquoted(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

/// `66.733` → `66`. Rounded down like every whole number of milliseconds.
pub(crate) fn float_to_whole(raw: &str) -> Option<String> {
    let ms = raw.parse::<f64>().ok().filter(|ms| ms.abs() < 1e18)?;
    Some((ms.floor() as i64).to_string())
}

/// `66` → `66.0`.
pub(crate) fn whole_to_float(raw: &str) -> Option<String> {
    raw.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("{raw}.0"))
}

/// `42` → `"42"`, `true` → `"true"`; text stays.
pub(crate) fn to_text(raw: &str) -> Option<String> {
    (!raw.starts_with('"')).then(|| quoted(raw))
}

/// `"true"` → `true`; everything else stays.
pub(crate) fn text_to_bool(raw: &str) -> Option<String> {
    match raw {
        r#""true""# => Some("true".to_owned()),
        r#""false""# => Some("false".to_owned()),
        _ => None,
    }
}

/// `"29.97"` → `29.97`; text that is no JSON number stays.
pub(crate) fn text_to_number(raw: &str) -> Option<String> {
    let text = raw.strip_prefix('"')?.strip_suffix('"')?;
    serde_json::from_str::<Number>(text).is_ok().then(|| text.trim().to_owned())
}

#[derive(Deserialize)]
struct Pixels {
    width: u32,
    height: u32,
}

/// `{"width":1920,"height":1080}` → `"1920x1080"`.
pub(crate) fn size_to_text(raw: &str) -> Option<String> {
    let Pixels { width, height } = serde_json::from_str(raw).ok()?;
    Some(format!("\"{width}x{height}\""))
}

/// `"1920x1080"` → `{"width":1920,"height":1080}`.
pub(crate) fn text_to_size(raw: &str) -> Option<String> {
    let text = unquoted(raw)?;
    let (width, height) = text.split_once('x')?;
    let (width, height) = (width.parse::<u32>().ok()?, height.parse::<u32>().ok()?);
    Some(format!("{{\"width\":{width},\"height\":{height}}}"))
}

/// The moment that quoted RFC 3339 text stands for, in Unix milliseconds.
pub(crate) fn unix_ms(raw: &str) -> Option<i64> {
    Some(unquoted(raw)?.parse::<jiff::Timestamp>().ok()?.as_millisecond())
}

/// A moment in Unix milliseconds as quoted RFC 3339 text, with milliseconds or in whole seconds.
pub(crate) fn datetime(unix_ms: i64, whole_seconds: bool) -> String {
    let text = Rfc3339::new(unix_ms);
    if whole_seconds {
        format!("\"{}\"", text.whole_seconds().as_str())
    } else {
        format!("\"{}\"", text.with_ms())
    }
}

/// `"2026-07-27T14:10:53.812Z"` → `"1785161453812"`.
pub(crate) fn datetime_to_unix_text(raw: &str) -> Option<String> {
    Some(format!("\"{}\"", unix_ms(raw)?))
}

/// `"1785161453812"` → `"2026-07-27T14:10:53.812Z"`.
pub(crate) fn unix_text_to_datetime(raw: &str) -> Option<String> {
    Some(datetime(unquoted(raw)?.parse().ok()?, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn expected_values_are_changed() {
        assert_eq!(float_to_whole("66.733"), some("66"));
        assert_eq!(whole_to_float("66"), some("66.0"));
        assert_eq!(to_text("42"), some(r#""42""#));
        assert_eq!(text_to_bool(r#""true""#), some("true"));
        assert_eq!(text_to_number(r#""29.97""#), some("29.97"));
        assert_eq!(size_to_text(r#"{"width":2,"height":1}"#), some(r#""2x1""#));
        assert_eq!(text_to_size(r#""2x1""#), some(r#"{"width":2,"height":1}"#));
        assert_eq!(datetime_to_unix_text(r#""2026-07-27T14:10:53.812Z""#), some(r#""1785161453812""#));
        assert_eq!(unix_text_to_datetime(r#""1785161453812""#), some(r#""2026-07-27T14:10:53.812Z""#));
    }

    #[test]
    fn unexpected_values_stay() {
        let changes: [fn(&str) -> Option<String>; 8] = [
            float_to_whole,
            whole_to_float,
            text_to_bool,
            text_to_number,
            size_to_text,
            text_to_size,
            datetime_to_unix_text,
            unix_text_to_datetime,
        ];
        for change in changes {
            for raw in [r#""word""#, "null", "[1]", "{}", r#""""#, "1e400"] {
                assert_eq!(change(raw), None, "{raw}");
            }
        }
    }
}
