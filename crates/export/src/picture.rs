//! The contracts between the pipeline and exports of pictures and of video.

use bytes::Bytes;
use thiserror::Error;
use watchpost_media::EncodedStream;
use watchpost_model::{Frame, Image, StreamTime, Timestamp};

/// Something that takes pictures: a video file, stills, later live streams.
///
/// Runs on a thread of its own with a short queue before it: at pace `fast` a full queue holds up the
/// source, live it costs the export (and no other) that picture, which is counted.
pub trait PictureSink: Send {
    /// Takes one picture, and says how many it makes of it: none if it is not one of those that are wanted. May block
    /// while an encoder is busy.
    ///
    /// # Errors
    /// See [`PictureError`]; the sink is then finished and, unless `Failed`, made anew later.
    fn push(&mut self, picture: &Picture) -> Result<u64, PictureError>;

    /// Whether what it takes gets anywhere: `false` while a connection is being made. Frames it takes meanwhile
    /// are counted as dropped.
    fn is_up(&self) -> bool {
        true
    }

    /// Completes and syncs what was written.
    ///
    /// # Errors
    /// As for `push`; what could be completed is complete.
    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError>;
}

/// Something that takes encoded video: a file, a stream server.
///
/// The video comes by the [`EncodedStream`] that it subscribes to, on GStreamer's threads; this contract is
/// about everything else, and runs on a thread of its own. The runtime owns the encoder, which other outputs
/// may share.
pub trait VideoSink: Send {
    /// A video begins, or another one instead of the last: other settings, a camera that changed its size, a
    /// source that came back, an encoder that had to be started again. The last one has ended then, or gets
    /// no more frames. At pace `fast` no frame passes until this returns.
    ///
    /// # Errors
    /// See [`PictureError`]; the sink is then finished and, unless `Failed`, made anew later.
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError>;

    /// A frame has passed, and may or may not be encoded by now: the place to see how one is doing, and to
    /// act on events. Never left out for a frame that has events; others may be while this is busy.
    ///
    /// # Errors
    /// As for `begin`.
    fn look(&mut self, moment: &Moment) -> Result<(), PictureError>;

    /// Whether what it takes gets anywhere: `false` while a connection is being made. Frames it takes meanwhile
    /// are counted as dropped.
    fn is_up(&self) -> bool {
        true
    }

    /// Completes and syncs what was written, up to the last frame that was looked at.
    ///
    /// # Errors
    /// As for `begin`; what could be completed is complete.
    fn finish(self: Box<Self>) -> Result<Vec<Written>, PictureError>;
}

/// A frame as video exports see it: everything but its pixels.
#[derive(Clone, Debug)]
pub struct Moment {
    /// The stream's clock.
    pub time: StreamTime,
    /// The wall clock the frame was taken at.
    pub timestamp: Timestamp,
    /// The frame's `event-*` records, version 2, each one JSON object.
    pub events: Vec<Bytes>,
}

/// One moment as picture exports see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Picture {
    /// The frame with its clean image and clocks.
    pub frame: Frame,
    /// What is shown: the clean image, or the one with boxes, areas and lines drawn
    /// (`render_preset`).
    pub shown: Image,
    /// The five frame keys as a JSON object: what `{obj...}` means where no event is meant.
    pub frame_keys: Bytes,
    /// The frame's `event-*` records, version 2, each one JSON object.
    pub events: Vec<Bytes>,
    /// The frame was shown before: only `events` are new (ends that come when the source has ended).
    /// Video takes nothing of it.
    pub again: bool,
}

/// A file that an export has written, or a folder of like files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file, or the folder with `count` like files below it.
    pub path: std::path::PathBuf,
    /// Frames, records, rows or files.
    pub count: u64,
    /// In all.
    pub bytes: u64,
}

/// Why a sink cannot go on. States as for receivers.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PictureError {
    /// May pass by itself.
    #[error("{0}")]
    Retry(String),
    /// The disk is full or a permission is missing.
    #[error("{0}")]
    Blocked(String),
    /// Only a change of its settings can help.
    #[error("{0}")]
    Failed(String),
}
