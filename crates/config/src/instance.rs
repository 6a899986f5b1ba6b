//! What an instance file says, with every default filled in.

use std::time::Duration;

use serde_json::{Map, Value};
use watchpost_model::{Area, Id, Line, ObjectClass, Size, Timestamp};

use crate::{LabelTable, Problem, Render};

/// One video (or metadata) source, its analytics and its outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// `InstanceId`; where absent, made from the file's path, so the same file keeps the same id.
    pub id: Id,
    /// `DisplayName`; where absent, the file's name without its ending.
    pub name: String,
    /// `Solution`; only `securt` exists.
    pub solution: String,
    /// `AutoStart`; absent: off.
    pub auto_start: bool,
    /// Where frames come from.
    pub input: Input,
    /// `SolutionManager.enable_debug`: noise control is off.
    pub debug: bool,
    /// `SolutionManager.run_statistics`; absent: on.
    pub run_statistics: bool,
    /// `SolutionManager.send_diagnostics`; absent: on.
    pub send_diagnostics: bool,
    /// `SolutionManager.send_metadata`; absent: on.
    pub send_metadata: bool,
    /// `Zone.Zones`, in the order of the file.
    pub areas: Vec<Area>,
    /// `Tripwire.Tripwires`, in the order of the file.
    pub lines: Vec<Line>,
    /// What leaves the instance.
    pub output: Output,
    /// `journal`: bounds of the instance's log.
    pub journal: JournalLimits,
}

/// Where frames and detections come from, and how they are timed (PRODUCT section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// As written; empty where an instance of a server has no source yet.
    pub uri: String,
    /// The video beside a source of bare detections.
    pub video_uri: Option<String>,
    /// `loop`: a file starts again when it has ended.
    pub looping: bool,
    /// How fast a file plays.
    pub pace: Pace,
    /// When a file's first frame was taken.
    pub start_time: Option<Timestamp>,
    /// A live source that gives no picture for so long is connected anew; `None`: it is waited for.
    pub stall_timeout: Option<Duration>,
    /// While a live source is away, viewers of its exports are shown so.
    pub no_signal_picture: bool,
    /// IANA name for text that shows local time; `UTC` where absent.
    pub time_zone: String,
    /// Analysed frames per second of stream time, at most; `None`: all.
    pub frame_rate_limit: Option<f64>,
    /// Pixels of an analysed frame, at most; `None`: no limit.
    pub input_pixel_limit: Option<u64>,
    /// Class of what motion finds.
    pub motion_class: ObjectClass,
    /// Detectors' words to classes.
    pub labels: LabelTable,
    /// `follow`: a file of detections is read on as it grows; `None`: it ends where it ends.
    pub follow: Option<Follow>,
    /// Pixels of the frames that recorded detections were made on.
    pub frame_size: Option<Size>,
    /// Frames per second of recorded detections that have no times of their own.
    pub frame_rate: Option<f64>,
    /// `media_format.is_software`: hardware decoders are not used. Absent: they are, where there are some.
    pub software_decoder: bool,
    /// The user's own detector, a command that is given frames.
    pub detector: Option<Detector>,
}

/// Where a followed file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// With what stands in it.
    Start,
    /// With what is appended from now on.
    End,
}

/// `Input.detector_*`: a child that is given frames and answers detections (PRODUCT section 4).
#[derive(Clone, Debug, PartialEq)]
pub struct Detector {
    /// `detector_cmd`: one line, to be split into words without a shell.
    pub command: String,
    /// `detector_fps`: frames per second given to it, at most; `None`: as many as it takes.
    pub fps: Option<f64>,
    /// `detector_width`: wider frames are scaled down to so many pixels, keeping their shape; `None`: never.
    pub width: Option<u32>,
    /// `detector_format`: how pixels are laid out; absent: BGR, what OpenCV works on.
    pub format: DetectorFormat,
    /// `detector_timeout_ms`: it hangs when a frame stays unanswered for this long; absent: 10 000.
    pub timeout_ms: u64,
    /// `detector_start_timeout_ms`: the same until its first answer, while it loads its model; absent: 60 000.
    pub start_timeout_ms: u64,
}

/// Layout of the pixels that a detector is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DetectorFormat {
    /// 3 bytes a pixel: blue, green, red.
    #[default]
    Bgr,
    /// 3 bytes a pixel: red, green, blue.
    Rgb,
    /// 1 byte a pixel: brightness.
    Gray8,
    /// A plane of brightness, then one of U and one of V at half size.
    I420,
}

/// How fast a file plays. A live source has its own pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At the speed of its slowest part, nothing skipped.
    Fast,
    /// One second a second, as a camera would.
    Realtime,
}

/// What leaves an instance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Output {
    /// The custom exports that could be read; see [`crate::Loaded::broken`] for the others.
    pub handlers: Vec<Handler>,
    /// Exporters named here, and whether they are on for this instance.
    pub exporters: Vec<(String, Switch)>,
    /// JSON pointer of the entry that switches each exporter, in their order.
    pub exporter_paths: Vec<String>,
    /// The command that every record passes first.
    pub preprocess: Option<Preprocess>,
    /// What is drawn into exported pictures.
    pub render: Render,
}

/// One custom export. What `uri`, `sink` and `config` mean is known to the export room only.
#[derive(Clone, Debug, PartialEq)]
pub struct Handler {
    /// Its name; in the older array form made from the URI.
    pub name: String,
    /// As written.
    pub uri: String,
    /// The stream exported; `None` (absent or empty): records chosen by `config.schema_events`.
    pub sink: Option<String>,
    /// `enabled` (absent: on) and `paused` (absent: not).
    pub switch: Switch,
    /// As written, but with `script` replaced by what it stands for ([`crate::SCRIPTS`]).
    pub config: Map<String, Value>,
    /// JSON pointer of the entry in the file.
    pub path: String,
}

/// Whether something is delivered to an export or exporter (PRODUCT section 12 "Cursors").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// Delivers.
    #[default]
    On,
    /// `paused`: keeps its place in the log; what comes waits.
    Paused,
    /// Not `enabled`: has no place in the log.
    Off,
}

impl Switch {
    pub(crate) fn new(enabled: bool, paused: bool) -> Self {
        match (enabled, paused) {
            (false, _) => Self::Off,
            (true, true) => Self::Paused,
            (true, false) => Self::On,
        }
    }
}

/// A custom export that cannot run as it is written. The instance and its other exports can.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokenHandler {
    /// Its name.
    pub name: String,
    /// JSON pointer of the entry in the file.
    pub path: String,
    /// What is wrong; never empty.
    pub problems: Vec<Problem>,
}

/// `Output.preprocess_*` (PRODUCT section 8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preprocess {
    /// One line, to be split into words without a shell.
    pub command: String,
    /// Record version it sees, 1 or 2; absent: 1, what existing filters expect.
    pub version: u8,
    /// What records do while it is down.
    pub on_failure: OnFailure,
    /// It answers one line per message; absent: no.
    pub acknowledge: bool,
    /// Its output is held against the schemas; absent: no.
    pub validate: bool,
    /// It hangs when something stays unread for this long; absent: 10 000.
    pub timeout_ms: u64,
    /// At the end, silence of this length means that it is done; absent: 1 000.
    pub drain_ms: u64,
}

/// What records do while the preprocess command is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// They wait in the journal.
    Hold,
    /// They pass unfiltered.
    Bypass,
}

/// `journal`: how much of the instance's log is kept (PRODUCT section 12 "Limits").
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JournalLimits {
    /// `keep.hours`: delivered records stay this long for replay, ...
    pub keep: Duration,
    /// `keep.bytes`: ... but never more of them than this.
    pub keep_bytes: u64,
    /// `bytes`: bound of the whole log, what waits included.
    pub bytes: u64,
}

impl Default for JournalLimits {
    /// 24 h or 256 MiB kept, 1 GiB at most.
    fn default() -> Self {
        Self { keep: Duration::from_secs(24 * 3600), keep_bytes: 256 << 20, bytes: 1 << 30 }
    }
}
