//! MP4 files that play up to their last second however the process ends.
//!
//! The file is fragmented (ISO/IEC 14496-12, section 8.8): a header, then pieces of half a second,
//! each written with one call as soon as it is complete. Nothing has to be mended after a crash.

mod name;
mod pipeline;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use gst::prelude::*;
use gstreamer as gst;
use gstreamer_app as gst_app;
use parking_lot::{Condvar, Mutex};
use watchpost_model::StreamTime;

pub use name::Overwrite;

use crate::{
    EncodedStream, MediaError, MediaErrorKind as Kind, bus,
    stream::{Cut, StartAt, Subscription},
};

/// How long [`Mp4Writer::finish`] waits for the last piece: all of Watchpost must end within 10 s.
const FINISH_TIMEOUT: Duration = Duration::from_secs(8);

/// How long the frames may take that an encoder still holds when one of its outputs leaves.
const LAST_FRAMES_TIMEOUT: Duration = Duration::from_secs(5);

/// A file that is being written. Dropping it without [`Mp4Writer::finish`] stops at the last piece.
pub struct Mp4Writer {
    path: PathBuf,
    pipeline: gst::Pipeline,
    appsrc: gst_app::AppSrc,
    /// `None`: somebody feeds it by hand.
    subscription: Option<Subscription>,
    shared: Arc<Shared>,
}

/// What a finished file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mp4Summary {
    /// Where it is; not what was asked for if that was taken.
    pub path: PathBuf,
    /// Frames in it; with 0 there is no file.
    pub frames: u64,
    /// Its size.
    pub bytes: u64,
    /// From its first frame to the end of its last.
    pub duration: StreamTime,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    phase: Phase,
    frames: u64,
    bytes: u64,
    /// First PTS and the end of the last frame, in ns of running time.
    extent: Option<(u64, u64)>,
    /// PTS at which the piece that is being filled began.
    split_at: u64,
}

/// Where a file has got to.
#[derive(Clone, Debug, Default)]
enum Phase {
    /// Takes frames.
    #[default]
    Writing,
    /// Told to end; frames it has are still written.
    Finishing,
    /// All is written.
    Ended,
    /// Broke off; the file is good up to its last piece.
    Failed(MediaError),
}

impl Mp4Writer {
    /// Begins a file at `path` with the stream's next key frame, or with what is kept of it. Folders are
    /// created.
    ///
    /// # Errors
    /// The file cannot be created, or an element is missing.
    pub fn start(path: &Path, overwrite: Overwrite, stream: &EncodedStream) -> Result<Self, MediaError> {
        let mut writer = Self::start_unfed(path, overwrite, stream)?;
        writer.subscription = Some(stream.feed(&writer.appsrc, StartAt::Kept));
        Ok(writer)
    }

    /// Begins the file that follows this one: at the first key frame that is `after` this one's beginning,
    /// or when this one has had so many bytes. Nothing is missing between the two, and nothing is in both.
    ///
    /// # Errors
    /// As for [`Self::start`]; this one then goes on.
    pub fn start_next(
        &self,
        path: &Path,
        overwrite: Overwrite,
        stream: &EncodedStream,
        (after, after_bytes): (Option<StreamTime>, Option<u64>),
    ) -> Result<Self, MediaError> {
        let mut next = Self::start_unfed(path, overwrite, stream)?;
        let first = self.shared.state.lock().extent.map_or(0, |(first, _)| first);
        let at_ns = after.map_or(u64::MAX, |after| first.saturating_add(after.as_nanos()));
        let cut = Cut { at_ns, after_bytes: after_bytes.unwrap_or(u64::MAX) };
        next.subscription =
            self.subscription.as_ref().map(|subscription| subscription.hand_over(&next.appsrc, cut));
        Ok(next)
    }

    /// A file that begins with the first sample that is pushed to [`Self::appsrc`].
    pub(crate) fn start_unfed(
        path: &Path,
        overwrite: Overwrite,
        stream: &EncodedStream,
    ) -> Result<Self, MediaError> {
        let (appsrc, head) = stream.head()?;
        let path = name::create(path, overwrite)?;
        let shared = Arc::new(Shared::default());
        let pipeline = pipeline::build(&path, &head, &shared)?;
        if let Some(bus) = pipeline.bus() {
            let (shared, place) = (Arc::clone(&shared), path.display().to_string());
            let weak = appsrc.downgrade();
            bus.set_sync_handler(move |_, message| {
                match message.view() {
                    gst::MessageView::Eos(_) => shared.ended(&place),
                    gst::MessageView::Error(error) => {
                        shared.set(Phase::Failed(bus::error_from(error, &place)));
                        // Nobody must wait for a pipeline that takes nothing any more.
                        if let Some(appsrc) = weak.upgrade() {
                            release(&appsrc);
                        }
                    }
                    _ => {}
                }
                gst::BusSyncReply::Drop
            });
        }
        let writer = Self { path, pipeline, appsrc, subscription: None, shared };
        match writer.pipeline.set_state(gst::State::Playing) {
            Ok(_) => Ok(writer),
            Err(error) => {
                let message = format!("{}: cannot be written", writer.path.display());
                Err(writer.error().unwrap_or_else(|| MediaError::new(Kind::Internal, message, error)))
            }
        }
    }

    /// Where samples go in by hand.
    pub(crate) const fn appsrc(&self) -> &gst_app::AppSrc {
        &self.appsrc
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Frames handed to the file so far.
    pub fn frames(&self) -> u64 {
        self.shared.state.lock().frames
    }

    /// Encoded frames the file did not get, before its first key frame or because the disk was slow.
    pub fn dropped(&self) -> u64 {
        self.subscription.as_ref().map_or(0, Subscription::dropped)
    }

    /// From its first frame to the end of its last so far.
    pub fn duration(&self) -> StreamTime {
        StreamTime::from_nanos(self.shared.state.lock().extent.map_or(0, |(first, end)| end - first))
    }

    /// Encoded bytes so far.
    pub fn bytes(&self) -> u64 {
        self.shared.state.lock().bytes
    }

    /// Whether it has had its last frame: the stream is over, or the next file has taken over.
    pub fn has_ended(&self) -> bool {
        matches!(self.shared.state.lock().phase, Phase::Ended)
    }

    /// Ends the file after the frame of this running time, which the encoder may not have given out yet.
    /// To be followed by [`Self::finish`].
    pub fn end_after(&self, time: StreamTime) {
        if let Some(subscription) = &self.subscription {
            subscription.finish_after(time.as_nanos());
            // A stream that nobody feeds any more never comes that far.
            self.shared.wait_until(LAST_FRAMES_TIMEOUT, |phase| !matches!(phase, Phase::Writing));
        }
    }

    /// Why it broke off, if it did: no space, most likely.
    pub fn error(&self) -> Option<MediaError> {
        match &self.shared.state.lock().phase {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Ends the file: writes what it was given, syncs file and folder. To lose no frame that the
    /// encoder still holds, call [`Encoder::finish`] before.
    ///
    /// # Errors
    /// Writing failed, now or before; the file is then good up to its last half second.
    pub fn finish(self) -> Result<Mp4Summary, MediaError> {
        {
            let mut state = self.shared.state.lock();
            if matches!(state.phase, Phase::Writing) {
                state.phase = Phase::Finishing;
            }
        }
        match &self.subscription {
            Some(subscription) => subscription.finish(),
            None => drop(self.appsrc.end_of_stream()),
        }
        let ended = self.shared.wait_end(&self.path);
        let stopped = self.pipeline.set_state(gst::State::Null);
        ended?;
        stopped.map_err(|error| {
            MediaError::new(Kind::Storage, format!("{}: was not closed properly", self.path.display()), error)
        })?;
        let (frames, extent) = {
            let state = self.shared.state.lock();
            (state.frames, state.extent)
        };
        let summary = |bytes| Mp4Summary {
            path: self.path.clone(),
            frames,
            bytes,
            duration: StreamTime::from_nanos(extent.map_or(0, |(first, end)| end - first)),
        };
        let failed = |error: std::io::Error| name::storage(&self.path, &error);
        if frames == 0 {
            // Without a frame there is no header either: nothing plays that.
            std::fs::remove_file(&self.path).map_err(failed)?;
            return Ok(summary(0));
        }
        let file = File::open(&self.path).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        if let Some(folder) = self.path.parent() {
            let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        }
        Ok(summary(file.metadata().map_err(failed)?.len()))
    }
}

impl Drop for Mp4Writer {
    fn drop(&mut self) {
        if let Some(subscription) = &self.subscription {
            subscription.leave();
        }
        if self.error().is_some_and(|error| error.message.contains("Panicked")) {
            // A muxer that panicked no longer stops its thread, so its memory must outlive it.
            tracing::error!(path = %self.path.display(), "the muxer has a defect; its pipeline is left behind");
            std::mem::forget(self.pipeline.clone());
        }
        if self.pipeline.set_state(gst::State::Null).is_err() {
            tracing::warn!(path = %self.path.display(), "a file's pipeline did not stop cleanly");
        }
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
    }
}

impl Shared {
    fn set(&self, phase: Phase) {
        let mut state = self.state.lock();
        if !matches!(state.phase, Phase::Failed(_) | Phase::Ended) {
            state.phase = phase;
        }
        self.changed.notify_all();
    }

    /// The muxer said that it is done.
    fn ended(&self, place: &str) {
        // A muxer that is given times it cannot order ends at once, without an error and with an
        // empty file; an encoder that ends has ended all its consumers on purpose.
        let empty = {
            let state = self.state.lock();
            state.frames == 0 && matches!(state.phase, Phase::Writing)
        };
        if empty {
            tracing::debug!(place, "a file ended before its first frame");
        }
        self.set(Phase::Ended);
    }

    /// Waits until `there` holds, at most `timeout`; the phase then.
    fn wait_until(&self, timeout: Duration, there: impl Fn(&Phase) -> bool) -> Phase {
        let deadline = Instant::now() + timeout;
        let mut state = self.state.lock();
        while !there(&state.phase) && !self.changed.wait_until(&mut state, deadline).timed_out() {}
        state.phase.clone()
    }

    fn wait_end(&self, path: &Path) -> Result<(), MediaError> {
        match self.wait_until(FINISH_TIMEOUT, |phase| matches!(phase, Phase::Ended | Phase::Failed(_))) {
            Phase::Ended => Ok(()),
            Phase::Failed(error) => Err(error),
            Phase::Writing | Phase::Finishing => {
                let message = format!("{}: the disk did not take the rest within 8 s", path.display());
                Err(MediaError::new(Kind::Timeout, message, ""))
            }
        }
    }
}

/// Wakes whoever waits for room in `appsrc`.
fn release(appsrc: &gst_app::AppSrc) {
    appsrc.set_block(false);
    appsrc.set_max_buffers(0);
    appsrc.set_max_bytes(0);
}
