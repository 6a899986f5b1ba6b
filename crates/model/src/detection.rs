//! What a detector says of one frame.

use crate::{AttributeValue, ObjectClass, Rect};

/// One object seen in one frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Detection {
    /// The class after the instance's label table.
    pub class: ObjectClass,
    /// The detector's own word (`person`, `forklift`, ...), kept for the detections stream.
    pub label: String,
    /// 0..1.
    pub confidence: f32,
    /// Where, in parts of the frame.
    pub rect: Rect,
    /// The user's own track, if their detector tracks; objects with it are not matched again.
    pub track_id: Option<String>,
    /// Further properties: name and value.
    pub attributes: Vec<(String, AttributeValue)>,
}
