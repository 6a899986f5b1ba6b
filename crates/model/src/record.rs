//! What leaves analytics on its way to the log.

use crate::{Event, Id, ObjectClass, Rect, Size, StreamTime, Timestamp};

/// The moment a record speaks of. All records of one group share it exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Instant {
    /// Which frame.
    pub frame_id: u64,
    /// The stream's clock.
    pub time: StreamTime,
    /// The wall clock.
    pub timestamp: Timestamp,
    /// Picture size, where there is a picture.
    pub size: Option<Size>,
}

/// What travels together: an event with the attributes and crops known at that time, in that
/// order, or any other record alone (PRODUCT section 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// When.
    pub at: Instant,
    /// Never empty.
    pub records: Vec<Record>,
}

/// One record, before it has a schema version, a number or bytes.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// An `event-*`.
    Event(Event),
    /// A `track`.
    Track(TrackRecord),
    /// A `crop`.
    Crop(Crop),
    /// An `attribute`.
    Attribute(Attribute),
    /// `diagnostics`.
    Diagnostics(Diagnostics),
    /// `statistics`.
    Statistics(Statistics),
}

/// A track's state, sent because it caused an event (or because debug is on).
#[derive(Clone, Debug, PartialEq)]
pub struct TrackRecord {
    /// Which track.
    pub track_id: Id,
    /// Its class.
    pub class: ObjectClass,
    /// Where it is.
    pub rect: Rect,
    /// Confidence of its last match, 0..1.
    pub confidence: f32,
    /// Since it was first seen.
    pub age: StreamTime,
    /// Whether it moves.
    pub is_moving: bool,
    /// Ids of the events it has caused so far.
    pub events: Vec<Id>,
}

/// A picture of a track: the best seen so far.
#[derive(Clone, Debug, PartialEq)]
pub struct Crop {
    /// Which track.
    pub track_id: Id,
    /// The event it was sent with.
    pub event_id: Option<Id>,
    /// When the picture was taken, at or before the group's moment.
    pub taken_at: StreamTime,
    /// Where the track was when it was taken.
    pub rect: Rect,
    /// How good the picture is, 0..1; consumers take the highest.
    pub confidence: f32,
    /// A JPEG file.
    pub jpeg: Vec<u8>,
}

/// A property of a track.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// Which track.
    pub track_id: Id,
    /// For example `vehicle_color`, `license_plate`.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
    /// 0..1, where the detector says.
    pub confidence: Option<f32>,
}

/// The value of an attribute. Version 1 writes each as text (REFERENCE "Records").
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// Yes or no.
    Bool(bool),
    /// A finite number.
    Number(f64),
}

/// Something a person who runs the system should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    /// How bad.
    pub severity: Severity,
    /// A few words, the same for the same problem.
    pub title: String,
    /// What happened, where, and what to do.
    pub message: String,
}

/// How bad a [`Diagnostics`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong.
    Info,
    /// Works, but not as it should.
    Warning,
    /// Something does not work.
    Error,
}

/// How an instance runs, every 5 s of stream time.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// Analysed since the start.
    pub frames_processed: u64,
    /// Skipped since the start because analysis could not keep up.
    pub frames_dropped: u64,
    /// Analysed frames per second, over the last interval.
    pub framerate: f64,
    /// The source's own rate, where known.
    pub source_framerate: Option<f64>,
    /// From a frame's arrival to the end of its analysis, mean over the last interval, in ms.
    pub latency_ms: f64,
    /// Frames that wait for analysis.
    pub input_queue_size: u64,
    /// When the instance started.
    pub started_at: Timestamp,
    /// Pixel format by its GStreamer name, where there is a picture.
    pub format: Option<String>,
    /// Size of analysed frames.
    pub resolution: Option<Size>,
    /// Size of the source's frames.
    pub source_resolution: Option<Size>,
}
