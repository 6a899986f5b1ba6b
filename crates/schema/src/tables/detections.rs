//! The detections table: one row per detection of an `output-detections` object.

use super::{
    Cell, NotTabular,
    fields::{Head, List, Raw, Scratch, Skipped},
    read,
    row::Row,
    scan::fields,
    with_frame_keys,
};

/// Columns of PRODUCT section 6.
pub(super) const COLUMNS: [&str; 11] = with_frame_keys(["label", "x", "y", "width", "height", "confidence"]);

fields! {
    pub(super) struct Object {
        "frame_id" => frame_id: Raw<'a>,
        "frame_time" => frame_time: Raw<'a>,
        "system_timestamp" => system_timestamp: Raw<'a>,
        "system_date" => system_date: Raw<'a>,
        "instance_id" => instance_id: Raw<'a>,
        "frame_width" => frame_width: Skipped,
        "frame_height" => frame_height: Skipped,
        "detections" => detections: List<Detection<'a>>,
    }
}

fields! {
    struct Detection {
        "x" => x: Raw<'a>,
        "y" => y: Raw<'a>,
        "width" => width: Raw<'a>,
        "height" => height: Raw<'a>,
        "confidence" => confidence: Raw<'a>,
        "classid" => classid: Skipped,
        "label" => label: Raw<'a>,
    }
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
    let mut cells = Row::<{ COLUMNS.len() }>::of(head.cells(&mut scratch));
    for detection in &object.detections.0 {
        row(cells.with([
            Cell::new(detection.label),
            Cell::new(detection.x),
            Cell::new(detection.y),
            Cell::new(detection.width),
            Cell::new(detection.height),
            Cell::new(detection.confidence),
        ]));
    }
    Ok(object.detections.0.len())
}
