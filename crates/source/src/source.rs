//! What every source is to those who use it.

use std::time::Duration;

use watchpost_media::{EncodedStream, MediaError};
use watchpost_model::{Detection, Diagnostics, Frame, Size, StreamTime};

/// Something that gives frames. Dropping it closes what it holds.
pub trait Source: Send {
    /// What is known of it by now; a camera that was never reached has no size.
    fn info(&self) -> SourceInfo;

    /// The next frame, waiting at most `timeout` for it.
    ///
    /// # Errors
    /// The source cannot go on, and trying again would not help. The same answer is given again.
    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError>;

    /// Counts since it was opened.
    fn status(&self) -> Status;

    /// The video as it was sent, for outputs that pass it on; `None` where there is none that can be. Another
    /// one comes when the source is opened anew, or changes its size or codec. Cheap to ask for every frame.
    fn encoded(&self) -> Option<EncodedStream> {
        None
    }

    /// Which pass over a file the last frame belonged to; always the first of what does not loop.
    fn pass(&self) -> Pass {
        Pass::default()
    }
}

/// One pass over a file that loops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pass {
    /// From 0.
    pub number: u64,
    /// Id of its first frame.
    pub first_id: u64,
    /// Time of its first frame.
    pub first_time: StreamTime,
}

/// What [`Source::next`] found.
#[derive(Debug)]
pub enum Next {
    /// A frame.
    Item(Item),
    /// Nothing within the timeout; there may be more.
    Idle,
    /// Something the user should know, to be shown and recorded; the source goes on.
    Notice(Diagnostics),
    /// There is no more.
    Ended {
        /// Why it ended before it should have; `None` for a good end.
        early: Option<String>,
    },
}

/// One moment of a source.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its clocks and, from a video, its picture.
    pub frame: Frame,
    /// What the user's detector said of it; `None` where nobody looked, and motion is to be found.
    pub detections: Option<Vec<Detection>>,
    /// Whether it is to be analysed. `false` beyond `frame_rate_limit`, and where a detector's
    /// stream has no word on this frame; video exports take it all the same.
    pub analyse: bool,
    /// Its picture was given before: only its detections are new, which came after a picture could wait.
    pub again: bool,
}

/// What a source is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourceInfo {
    /// Name in the table [`crate::SOURCES`].
    pub kind: &'static str,
    /// It does not wait: what is not taken in time is skipped.
    pub live: bool,
    /// Picture size, where there is a picture.
    pub size: Option<Size>,
    /// Nominal frames per second.
    pub fps: Option<f64>,
    /// The codec's name for people.
    pub codec: Option<String>,
    /// Pixel format by its GStreamer name.
    pub format: Option<String>,
    /// Length of one pass over a file.
    pub duration: Option<StreamTime>,
}

/// How a source is doing. All counts only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Frames come, or could come.
    pub connected: bool,
    /// Frames skipped because they were not taken in time, or because the detector had none for them.
    pub skipped: u64,
    /// Frames that wait to be taken.
    pub waiting: u64,
    /// Times a connection was lost, or could not be made.
    pub failures: u64,
    /// Lines and detections refused because they were malformed.
    pub refused: u64,
    /// Frames for which the detections beside the video had no word, or not in time.
    pub unmatched: u64,
}

/// Why a source cannot be opened, or cannot go on. `Display` is the text for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SourceError {
    /// JSON pointer of the key of the instance file it is about.
    pub path: &'static str,
    /// Names the place, what was expected and the fix. Holds no password.
    pub message: String,
    /// For the developer; may be empty. Holds no password.
    pub detail: String,
    /// Whether the same may work later without anybody changing a setting.
    pub transient: bool,
}

impl SourceError {
    pub(crate) fn new(path: &'static str, message: impl Into<String>) -> Self {
        let message = watchpost_config::redact(&message.into());
        Self { path, message, detail: String::new(), transient: false }
    }

    pub(crate) fn media(path: &'static str, error: &MediaError) -> Self {
        Self {
            path,
            message: error.message.clone(),
            detail: error.detail.clone(),
            transient: error.kind.is_transient(),
        }
    }
}
