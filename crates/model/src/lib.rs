//! The domain's words: frames, detections, tracks, areas, lines, events. No serde, no IO, no async.
//!
//! Every other room speaks in these types, so a unit or a range is said once, here. Nothing here
//! can be serialised: what goes over the wire is the business of `watchpost-schema`, and a field
//! renamed here changes no consumer's format.

mod class;
mod detection;
mod event;
mod frame;
mod geometry;
mod record;
mod schedule;
mod time;
mod track;
mod zone;

pub use class::{ClassFilter, ObjectClass};
pub use detection::Detection;
pub use event::{CrossingDirection, Event, EventKind, ObjectState, Subject, ZoneRef};
pub use frame::{Frame, Image, PixelFormat, Plane, Size};
pub use geometry::{Point, Rect};
pub use record::{
    Attribute, AttributeValue, Crop, Diagnostics, Group, Instant, Record, Severity, Statistics, TrackRecord,
};
pub use schedule::{Schedule, WeekSpan};
pub use time::{StreamTime, Timestamp};
pub use track::{Track, TrackPhase};
pub use zone::{Anchor, Area, AreaTriggers, Line, LineDirection, LineTriggers, SizeLimits};

/// Identity of tracks, events, areas, lines, instances and records.
///
/// Any 8-4-4-4-12 hexadecimal value is legal: the reference system's ids are not always of a
/// registered UUID version (REFERENCE "Records").
pub type Id = uuid::Uuid;
