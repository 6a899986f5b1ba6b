//! The pipeline, workers, receivers' states, instance life cycle.
//!
//! [`pipeline`](mod@pipeline) is the place to begin reading: one instance's way from source to outputs.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod armed;
mod backoff;
mod claims;
mod dead;
pub mod doctor;
mod entrance;
mod entry;
mod exports;
mod glance;
mod ids;
mod instance;
mod intake;
mod keeper;
mod latency;
mod latest;
mod log;
mod notices;
mod open_events;
mod overlay;
mod pictures;
mod pipeline;
mod plans;
mod preprocess;
mod recent;
mod recorder;
#[doc(hidden)]
pub mod rig;
mod runtime;
mod server;
mod source_status;
mod status;
mod streams;
mod tail;
pub mod trace;
mod wanted;
mod whose;
mod worker;

pub use claims::Claims;
pub use dead::LetterBox;
pub use exports::Removed;
pub use instance::{Final, Instance, StartError, View};
pub use latency::{LATENCY_BOUNDS_S, Latency};
pub use pipeline::Ended;
pub use plans::{Checked, check, check_manifest};
pub use runtime::{OpenError, Runtime};
pub use server::{
    After, Asked, Client, ClientError, Conformance, ConformanceRow, Delivered, DeliveredState, Diagnosed,
    Diagnosis, DiskHealth, Drafted, ErrorKind, EventsFollowed, ExportSeen, ExporterSeen, Filter, FilterError,
    FindingLevel, Findings, Followed, Heard, Installed, InstanceSnapshot, InstanceState, JournalHealth,
    JournalState, Look, Looked, Operation, OperationError, OutputFrom, OutputLine, Place, PostError,
    Preprocessed, Rehearsed, Reply, SOCKET, Sample, Samples, SeenBox, SeenEvent, Server, ServerHealth,
    SettingSeen, Socket, SocketError, SwitchTo, Tap, TapPlace, Tapped, TestOutcome, Tested, Tried, Unusable,
    Use,
};
pub use source_status::SourceSnapshot;
pub use status::{Happened, ReceiverSnapshot};
pub use watchpost_media::FeedKind;
/// What HLS exports have cut, for whoever serves HTTP.
pub use watchpost_media::hls;
pub use watchpost_process::Guardian;
pub use watchpost_source::{Body, Posted};
