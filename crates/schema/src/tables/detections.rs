//! The detections table: one row per detection of an `output-detections` object.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Cell, NotTabular,
    fields::{Head, List, Scratch},
    read, with_frame_keys,
};

/// Columns of PRODUCT section 6.
pub(super) const COLUMNS: [&str; 11] = with_frame_keys(["label", "x", "y", "width", "height", "confidence"]);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Object<'a> {
    #[serde(borrow)]
    frame_id: Option<&'a RawValue>,
    frame_time: Option<&'a RawValue>,
    system_timestamp: Option<&'a RawValue>,
    system_date: Option<&'a RawValue>,
    instance_id: Option<&'a RawValue>,
    detections: List<Detection<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detection<'a> {
    #[serde(borrow)]
    label: Option<&'a RawValue>,
    x: Option<&'a RawValue>,
    y: Option<&'a RawValue>,
    width: Option<&'a RawValue>,
    height: Option<&'a RawValue>,
    confidence: Option<&'a RawValue>,
}

pub(super) fn rows(bytes: &[u8], mut row: impl FnMut(&[Cell<'_>])) -> Result<usize, NotTabular> {
    let object: Object<'_> = read(bytes)?;
    let head = Head {
        frame_id: object.frame_id,
        frame_time: object.frame_time,
        system_timestamp: object.system_timestamp,
        system_date: object.system_date,
        instance_id: object.instance_id,
        ..Head::default()
    };
    let mut scratch = Scratch::default();
    let frame = head.cells(&mut scratch);
    for detection in &object.detections.0 {
        let [a, b, c, d, e] = frame.clone();
        row(&[
            a,
            b,
            c,
            d,
            e,
            Cell::new(detection.label),
            Cell::new(detection.x),
            Cell::new(detection.y),
            Cell::new(detection.width),
            Cell::new(detection.height),
            Cell::new(detection.confidence),
        ]);
    }
    Ok(object.detections.0.len())
}
