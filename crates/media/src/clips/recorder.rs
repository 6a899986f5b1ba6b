//! Clips around events: a file each, from some seconds before to some seconds after.

use std::{path::PathBuf, sync::Arc};

use watchpost_model::StreamTime;

use super::{Read, Ring};
use crate::{
    EncodedStream, MediaError, MediaErrorKind as Kind, Mp4Summary, Mp4Writer, Overwrite,
    stream::{Consumer, StartAt, Subscription},
};

/// Keeps the last seconds of a stream and writes those around events to files.
///
/// Everything happens on the thread that calls: [`ClipRecorder::advance`] writes what has come.
pub struct ClipRecorder {
    stream: EncodedStream,
    ring: Arc<Ring>,
    /// Fills the ring.
    _subscription: Subscription,
    before: StreamTime,
    after: StreamTime,
    open: Option<Clip>,
    lost: u64,
}

struct Clip {
    writer: Mp4Writer,
    /// The next unit of the ring to write.
    next: u64,
    /// The last running time that belongs to it, in ns.
    until_ns: u64,
}

impl ClipRecorder {
    /// Begins to keep what comes. A clip begins with the last key frame that is at least `before` an event.
    pub fn start(stream: &EncodedStream, before: StreamTime, after: StreamTime) -> Self {
        let ring = Arc::new(Ring::new(before));
        let subscription = stream.add(Consumer::Ring(Arc::clone(&ring)), StartAt::Kept);
        Self { stream: stream.clone(), ring, _subscription: subscription, before, after, open: None, lost: 0 }
    }

    /// Something happened at `at`, in stream time: the clip that is open grows, or one begins at the path that
    /// `name` gives.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn event(
        &mut self,
        at: StreamTime,
        name: impl FnOnce() -> (PathBuf, Overwrite),
    ) -> Result<(), MediaError> {
        let at = at.since(self.stream.origin());
        let until_ns = (at + self.after).as_nanos();
        if let Some(clip) = &mut self.open {
            clip.until_ns = clip.until_ns.max(until_ns);
            return Ok(());
        }
        let (path, overwrite) = name();
        let writer = Mp4Writer::start_unfed(&path, overwrite, &self.stream)?;
        let next = self.ring.hold(at.since(self.before).as_nanos());
        self.open = Some(Clip { writer, next, until_ns });
        Ok(())
    }

    /// Writes what has come for the clip that is open. Returns the clip that is complete by this.
    ///
    /// # Errors
    /// Writing failed; the clip is good up to its last half second, and the next event begins another.
    pub fn advance(&mut self) -> Result<Option<Mp4Summary>, MediaError> {
        let Some(clip) = &mut self.open else { return Ok(None) };
        loop {
            if let Some(error) = clip.writer.error() {
                self.open = None;
                self.ring.let_go();
                return Err(error);
            }
            match self.ring.read(clip.next) {
                Read::Unit(_, unit) if unit.time_ns > clip.until_ns => return self.close().map(Some),
                Read::Unit(number, unit) => {
                    self.lost += number - clip.next;
                    clip.next = number + 1;
                    // A pipeline that fails says why by its error, at the next turn.
                    if clip.writer.appsrc().push_sample(&unit.sample).is_err()
                        && clip.writer.error().is_none()
                    {
                        let message = format!("{}: takes no more frames", clip.writer.path().display());
                        return Err(MediaError::new(Kind::Internal, message, ""));
                    }
                }
                Read::NotYet => return Ok(None),
                Read::Ended => return self.close().map(Some),
            }
        }
    }

    /// Completes the clip that is open, with what has come.
    ///
    /// # Errors
    /// As for [`Self::advance`].
    pub fn finish(mut self) -> Result<Option<Mp4Summary>, MediaError> {
        match self.advance()? {
            Some(summary) => Ok(Some(summary)),
            None if self.open.is_some() => self.close().map(Some),
            None => Ok(None),
        }
    }

    /// The clip that is being written.
    pub fn writing(&self) -> Option<&Mp4Writer> {
        self.open.as_ref().map(|clip| &clip.writer)
    }

    /// Encoded frames that clips lack because they were written too slowly.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    fn close(&mut self) -> Result<Mp4Summary, MediaError> {
        self.ring.let_go();
        match self.open.take() {
            Some(clip) => clip.writer.finish(),
            None => Err(MediaError::new(Kind::Internal, "there is no clip to close", "")),
        }
    }
}
