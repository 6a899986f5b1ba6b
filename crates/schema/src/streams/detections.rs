//! `output-detections`: the detections of each analysed frame.

use serde::{Serialize, Serializer};
use watchpost_model::{AttributeValue, Detection, Instant};

use super::{FrameSize, write};
use crate::{Context, words::*};

/// A detection and, where crops are wanted, its picture.
#[derive(Clone, Copy, Debug)]
pub struct DetectionItem<'a> {
    /// What was detected.
    pub detection: &'a Detection,
    /// A JPEG file of the object.
    pub crop: Option<&'a [u8]>,
}

impl<'a> From<&'a Detection> for DetectionItem<'a> {
    fn from(detection: &'a Detection) -> Self {
        Self { detection, crop: None }
    }
}

#[derive(Serialize)]
struct Detections<'a> {
    #[serde(flatten)]
    size: FrameSize,
    detections: Vec<Entry<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Picture<'a>>,
}

/// Keys of REFERENCE "Streams"; those that may be absent are ours.
#[derive(Serialize)]
struct Entry<'a> {
    #[serde(flatten)]
    location: Location,
    confidence: Fraction,
    /// Number of the class (REFERENCE "Analytics").
    classid: u8,
    /// The detector's own word.
    label: &'a str,
    /// The user's own track, if their detector tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    track_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Attributes::is_empty")]
    attributes: Attributes<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<Picture<'a>>,
}

/// Properties as an object: name → value.
struct Attributes<'a>(&'a [(String, AttributeValue)]);

impl Attributes<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, TypedValue(value))))
    }
}

impl<'a> From<DetectionItem<'a>> for Entry<'a> {
    fn from(item: DetectionItem<'a>) -> Self {
        let detection = item.detection;
        Self {
            location: detection.rect.into(),
            confidence: Fraction::new(detection.confidence),
            classid: detection.class as u8,
            label: &detection.label,
            track_id: detection.track_id.as_deref(),
            attributes: Attributes(&detection.attributes),
            image: item.crop.map(Picture),
        }
    }
}

/// Appends the `output-detections` object of one frame to `out`: the frame keys, then the list
/// `detections`. `picture` is the whole output frame as a JPEG file ("with output image").
pub fn encode_detections<'a, T: Into<DetectionItem<'a>>>(
    at: &Instant,
    context: &Context<'_>,
    detections: impl IntoIterator<Item = T>,
    picture: Option<&[u8]>,
    out: &mut Vec<u8>,
) {
    let detections = detections.into_iter().map(|detection| Entry::from(detection.into())).collect();
    write(at, context, Detections { size: at.into(), detections, image: picture.map(Picture) }, out);
}
