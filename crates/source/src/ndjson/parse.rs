//! One line of detections: `{"frame_id", "timestamp_ms", "detections": [{"label", "confidence",
//! "x", "y", "width", "height", "track_id"?, "attributes"?}]}` (PRODUCT section 4).
//!
//! A pure function, so that it can be fuzzed: whatever comes in, a line or an error comes out.

use serde_json::{Map, Value};
use watchpost_config::LabelTable;
use watchpost_model::{AttributeValue, Detection, Rect};

/// Detections of one frame; more is a detector gone wild, and would cost analysis its time.
const MAX_DETECTIONS: usize = 10_000;
/// Attributes of one detection.
const MAX_ATTRIBUTES: usize = 100;
/// Longest label, track id, attribute name or text, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Detectors round: a box may reach this far out of the frame, and is then cut. Parts of the frame.
const ROUNDING: f64 = 0.005;

/// What one line says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Line {
    /// Which frame of the source, from 0; `None`: the one after the last.
    pub frame_id: Option<u64>,
    /// Time of the frame in ms: on the stream's clock, or, from 10^11 on, Unix time.
    pub timestamp_ms: Option<f64>,
    /// The detections that are in order.
    pub detections: Vec<Detection>,
    /// Why each of the others is not: place and what was expected.
    pub refused: Vec<String>,
}

/// Why a whole line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LineError(pub String);

/// Reads one line. A detection that is not in order is refused alone.
///
/// # Errors
/// The line is not JSON, or not an object of the form above.
pub fn parse_line(line: &[u8], labels: &LabelTable) -> Result<Line, LineError> {
    let value: Value = serde_json::from_slice(line).map_err(|error| not_json(line, &error))?;
    let object =
        value.as_object().ok_or_else(|| expected("the line", &value, "an object {\"frame_id\", ...}"))?;
    let frame_id = match get(object, "frame_id") {
        None => None,
        Some(value) => {
            Some(value.as_u64().ok_or_else(|| expected("frame_id", value, "a whole number from 0 on"))?)
        }
    };
    let timestamp_ms = match get(object, "timestamp_ms") {
        None => None,
        Some(value) => {
            let ms = value.as_f64().filter(|ms| (0.0..=MAX_MS).contains(ms));
            Some(ms.ok_or_else(|| expected("timestamp_ms", value, "milliseconds from 0 on"))?)
        }
    };
    let list = get(object, "detections").ok_or_else(|| {
        LineError("`detections` is missing: expected a list, empty if nothing is seen".to_owned())
    })?;
    let list = list.as_array().ok_or_else(|| expected("detections", list, "a list"))?;
    if list.len() > MAX_DETECTIONS {
        return Err(LineError(format!("{} detections: expected at most {MAX_DETECTIONS}", list.len())));
    }
    let mut parsed = Line { frame_id, timestamp_ms, ..Line::default() };
    for (index, item) in list.iter().enumerate() {
        match detection(item, labels) {
            Ok(detection) => parsed.detections.push(detection),
            Err(LineError(why)) => parsed.refused.push(format!("detections[{index}]: {why}")),
        }
    }
    Ok(parsed)
}

/// 2286-11-20: no clock is later, and every sum stays exact.
const MAX_MS: f64 = 1e13;

fn detection(item: &Value, labels: &LabelTable) -> Result<Detection, LineError> {
    let object = item.as_object().ok_or_else(|| expected("it", item, "an object"))?;
    let label = text(object, "label")?;
    let confidence = part(object, "confidence", 0.0)? as f32;
    let (x, y) = (part(object, "x", ROUNDING)?, part(object, "y", ROUNDING)?);
    let (width, height) = (size(object, "width", x)?, size(object, "height", y)?);
    let track_id = match get(object, "track_id") {
        None => None,
        Some(Value::Number(number)) => Some(number.to_string()),
        Some(_) => Some(text(object, "track_id")?.to_owned()),
    };
    let rect = Rect::new(x as f32, y as f32, width as f32, height as f32).clamped();
    if rect.width <= 0.0 || rect.height <= 0.0 {
        return Err(LineError("the box has no area within the frame".to_owned()));
    }
    Ok(Detection {
        class: labels.classify(label),
        label: label.to_owned(),
        confidence,
        rect,
        track_id,
        attributes: attributes(object)?,
    })
}

fn attributes(object: &Map<String, Value>) -> Result<Vec<(String, AttributeValue)>, LineError> {
    let Some(value) = get(object, "attributes") else { return Ok(Vec::new()) };
    let map =
        value.as_object().ok_or_else(|| expected("attributes", value, "an object of names and values"))?;
    if map.len() > MAX_ATTRIBUTES {
        return Err(LineError(format!("{} attributes: expected at most {MAX_ATTRIBUTES}", map.len())));
    }
    let read = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Bool(flag) => AttributeValue::Bool(*flag),
            Value::Number(number) => AttributeValue::Number(number.as_f64().unwrap_or_default()),
            Value::String(text) if text.len() <= MAX_TEXT_BYTES => AttributeValue::Text(text.clone()),
            other => {
                return Err(expected(
                    &format!("attributes.{name}"),
                    other,
                    "a short text, a number, true or false",
                ));
            }
        };
        Ok((name.clone(), value))
    };
    map.iter().map(read).collect()
}

/// A number from 0 to 1, or out of it by at most `slack`.
fn part(object: &Map<String, Value>, key: &str, slack: f64) -> Result<f64, LineError> {
    let value = get(object, key)
        .ok_or_else(|| LineError(format!("`{key}` is missing: expected a number from 0 to 1")))?;
    let number = value.as_f64().filter(|number| (-slack..=1.0 + slack).contains(number));
    let range = if key == "confidence" {
        "a number from 0 to 1"
    } else {
        "a number from 0 to 1 (parts of the frame, not pixels)"
    };
    number.ok_or_else(|| expected(key, value, range))
}

/// A width or height above 0 that ends inside the frame, from `start` on.
fn size(object: &Map<String, Value>, key: &str, start: f64) -> Result<f64, LineError> {
    let size = part(object, key, ROUNDING)?;
    if size <= 0.0 {
        return Err(LineError(format!("{key} is {size}: expected more than 0")));
    }
    if start + size > 1.0 + 2.0 * ROUNDING {
        return Err(LineError(format!(
            "the box ends at {:.3}, outside the frame: expected {key} up to {:.3}",
            start + size,
            1.0 - start
        )));
    }
    Ok(size)
}

fn text<'v>(object: &'v Map<String, Value>, key: &str) -> Result<&'v str, LineError> {
    let value = get(object, key).ok_or_else(|| LineError(format!("`{key}` is missing: expected a text")))?;
    let text = value.as_str().filter(|text| !text.is_empty() && text.len() <= MAX_TEXT_BYTES);
    text.ok_or_else(|| expected(key, value, &format!("a text of 1 to {MAX_TEXT_BYTES} bytes")))
}

fn get<'v>(object: &'v Map<String, Value>, key: &str) -> Option<&'v Value> {
    object.get(key).filter(|value| !value.is_null())
}

fn expected(what: &str, value: &Value, expected: &str) -> LineError {
    /// Enough to recognise a value.
    const SHOWN: usize = 40;
    let text = value.to_string();
    let cut: String = text.chars().take(SHOWN).collect();
    let more = if cut.len() < text.len() { "..." } else { "" };
    LineError(format!("{what} is {cut}{more}: expected {expected}"))
}

/// Python's `json.dumps` writes NaN and Infinity, which no JSON parser has to take.
fn not_json(line: &[u8], error: &serde_json::Error) -> LineError {
    let rest = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
    let hint = [&b"NaN"[..], b"aN", b"Infinity", b"nfinity", b"-Infinity"];
    if hint.iter().any(|word| rest.starts_with(word)) {
        return LineError(format!("NaN or Infinity at column {}: expected a number", error.column()));
    }
    let text = error.to_string();
    // A word that is none of `true`, `false`, `null`: "ident" is the parser's name for them.
    let reason =
        text.split(" at line ").next().unwrap_or_default().replace("expected ident", "expected value");
    LineError(format!("not JSON from column {} on: {reason}", error.column()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use watchpost_model::ObjectClass;

    use super::*;

    fn parse(line: &str) -> Result<Line, String> {
        parse_line(line.as_bytes(), &LabelTable::default()).map_err(|error| error.to_string())
    }

    fn refused(detection: &str) -> String {
        let line = format!("{{\"detections\": [{detection}]}}");
        parse(&line).unwrap().refused.join("|")
    }

    #[test]
    fn a_whole_line() {
        let line = parse(
            r#"{"frame_id": 7, "timestamp_ms": 280.5, "more": 1, "detections": [{"label": "car", "confidence": 0.5, "x": 0.1,
               "y": 0.2, "width": 0.3, "height": 0.8, "track_id": 12, "attributes": {"color": "red", "old": true, "age": 3}}]}"#,
        )
        .unwrap();
        assert_eq!((line.frame_id, line.timestamp_ms, line.refused.len()), (Some(7), Some(280.5), 0));
        let car = &line.detections[0];
        assert_eq!(
            (car.class, car.label.as_str(), car.track_id.as_deref()),
            (ObjectClass::Vehicle, "car", Some("12"))
        );
        assert_eq!(car.rect, Rect::new(0.1, 0.2, 0.3, 0.8));
        assert_eq!(car.attributes[1], ("old".to_owned(), AttributeValue::Bool(true)));
    }

    #[test]
    fn messages_about_lines() {
        for (line, message) in [
            ("{", "not JSON from column 1 on: EOF while parsing an object"),
            ("[1]", "the line is [1]: expected an object {\"frame_id\", ...}"),
            ("{\"frame_id\": -1}", "frame_id is -1: expected a whole number from 0 on"),
            ("{\"timestamp_ms\": \"now\"}", "timestamp_ms is \"now\": expected milliseconds from 0 on"),
            ("{}", "`detections` is missing: expected a list, empty if nothing is seen"),
            ("{\"detections\": {}}", "detections is {}: expected a list"),
            ("{\"detections\": [{\"x\": NaN}]}", "NaN or Infinity at column 23: expected a number"),
        ] {
            assert_eq!(parse(line).unwrap_err(), message);
        }
    }

    #[test]
    fn messages_about_detections() {
        let part = "expected a number from 0 to 1 (parts of the frame, not pixels)";
        for (detection, message) in [
            ("5", "detections[0]: it is 5: expected an object".to_owned()),
            ("{}", "detections[0]: `label` is missing: expected a text".to_owned()),
            (
                r#"{"label": ""}"#,
                "detections[0]: label is \"\": expected a text of 1 to 1024 bytes".to_owned(),
            ),
            (
                r#"{"label": "a"}"#,
                "detections[0]: `confidence` is missing: expected a number from 0 to 1".to_owned(),
            ),
            (r#"{"label": "a", "confidence": 1, "x": 320}"#, format!("detections[0]: x is 320: {part}")),
            (
                r#"{"label": "a", "confidence": 1, "x": 0.5, "y": 0, "width": 0.7, "height": 1}"#,
                "detections[0]: the box ends at 1.200, outside the frame: expected width up to 0.500"
                    .to_owned(),
            ),
            (
                r#"{"label": "a", "confidence": 1, "x": 0.5, "y": 0, "width": 0, "height": 1}"#,
                "detections[0]: width is 0: expected more than 0".to_owned(),
            ),
            (
                r#"{"label": "a", "confidence": 1, "x": 1.004, "y": 0, "width": 0.003, "height": 1}"#,
                "detections[0]: the box has no area within the frame".to_owned(),
            ),
            (
                r#"{"label": "a", "confidence": 1, "x": 0, "y": 0, "width": 1, "height": 1, "attributes": {"a": []}}"#,
                "detections[0]: attributes.a is []: expected a short text, a number, true or false"
                    .to_owned(),
            ),
        ] {
            assert_eq!(refused(detection), message);
        }
    }

    #[test]
    fn one_bad_detection_leaves_the_others_and_rounding_is_cut() {
        let good = r#"{"label": "a", "confidence": 1, "x": -0.001, "y": 0.5, "width": 0.5, "height": 0.504}"#;
        let line = parse(&format!("{{\"detections\": [{good}, 1, {good}]}}")).unwrap();
        assert_eq!((line.detections.len(), line.refused.len()), (2, 1));
        let rect = line.detections[0].rect;
        assert!(rect.x == 0.0 && rect.y + rect.height <= 1.0, "{rect:?}");
    }

    proptest! {
        #[test]
        fn anything_is_a_line_or_an_error(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_line(&line, &LabelTable::default());
        }

        #[test]
        fn boxes_that_pass_are_inside_the_frame(x in -2.0..2.0, y in -2.0..2.0, w in -2.0..2.0, h in -2.0..2.0) {
            let line = format!(
                r#"{{"detections": [{{"label": "a", "confidence": 1, "x": {x}, "y": {y}, "width": {w}, "height": {h}}}]}}"#
            );
            for detection in parse(&line).unwrap().detections {
                let rect = detection.rect;
                prop_assert!(rect.x >= 0.0 && rect.y >= 0.0 && rect.x + rect.width <= 1.0001 && rect.y + rect.height <= 1.0001);
            }
        }
    }
}
