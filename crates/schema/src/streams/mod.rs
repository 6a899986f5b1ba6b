//! The flows of objects out of a solution, beside its records: one JSON object per frame or moment
//! (PRODUCT section 6, REFERENCE "Streams"). They have no versions; their first five keys are
//! always the [`FRAME_KEYS`].

mod detections;
mod events;
mod figures;
mod name;
mod pictures;
mod samples;
mod tracks;

use serde::Serialize;
use watchpost_model::Instant;

use crate::{Context, words::*};

pub use detections::{DetectionItem, encode_detections};
pub use events::{EVENT_TYPES, encode_events_envelope, schema_of_type};
pub use figures::{ObjectStats, ZoneStats, encode_object_stats, encode_statistics, encode_zone_stats};
pub use name::{StreamKind, StreamName, UnknownStream};
pub use pictures::{replace_pictures, replace_pictures_of};
pub use samples::stream_sample;
pub use tracks::{Thumbnail, TrackItem, encode_tracks};

/// What every stream object begins with.
pub const FRAME_KEYS: [&str; 5] =
    ["frame_id", "frame_time", "system_timestamp", "system_date", "instance_id"];

/// [`FRAME_KEYS`] and their values.
#[derive(Serialize)]
struct Head {
    /// Number of the frame, from 0; frames that were skipped are counted too.
    frame_id: u64,
    /// Stream clock, ms.
    frame_time: FrameTime,
    /// Wall clock, Unix ms.
    system_timestamp: SystemTimestamp,
    /// The same, RFC 3339 UTC, ms.
    system_date: TimestampText,
    instance_id: InstanceId,
}

impl Head {
    fn new(at: &Instant, context: &Context<'_>) -> Self {
        Self {
            frame_id: at.frame_id,
            frame_time: FrameTime(at.time),
            system_timestamp: SystemTimestamp(at.timestamp),
            system_date: TimestampText(at.timestamp),
            instance_id: InstanceId(context.instance_id),
        }
    }
}

/// What boxes are parts of, where there is a picture.
#[derive(Serialize)]
struct FrameSize {
    /// Pixels in a row.
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_width: Option<u32>,
    /// Rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    frame_height: Option<u32>,
}

impl From<&Instant> for FrameSize {
    fn from(at: &Instant) -> Self {
        Self { frame_width: at.size.map(|size| size.width), frame_height: at.size.map(|size| size.height) }
    }
}

/// Appends an object of the frame keys alone to `out`: what a picture is named by.
pub fn encode_frame_keys(at: &Instant, context: &Context<'_>, out: &mut Vec<u8>) {
    crate::encode::write(&Head::new(at, context), out);
}

/// An object of a stream: the frame keys, then its own.
#[derive(Serialize)]
struct Object<B> {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    body: B,
}

fn write<B: Serialize>(at: &Instant, context: &Context<'_>, body: B, out: &mut Vec<u8>) {
    crate::encode::write(&Object { head: Head::new(at, context), body }, out);
}
