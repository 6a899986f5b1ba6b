//! What an MP4 export writes while its video comes.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use watchpost_media::{ClipRecorder, EncodedStream, MediaError, Mp4Summary, Mp4Writer, Overwrite};
use watchpost_model::StreamTime;

use super::kept::Kept;
use crate::{
    files::{House, Retention},
    picture::{Moment, PictureError, VideoSink, Written},
};

/// The next segment's file is opened so long before it begins, so that a slow disk loses no frame of it.
const LEAD: StreamTime = StreamTime::from_nanos(3_000_000_000);

/// Files whose names are remembered for the table at the end; a recording of months has more, and those count
/// with the folder.
const MAX_LISTED: usize = 1000;

/// Which files are written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    Whole,
    Segments { after: Option<StreamTime>, bytes: Option<u64> },
    Clips { before: StreamTime, after: StreamTime },
}

/// The names of an export's files, one after another, over failures and pauses.
#[derive(Clone)]
pub(super) struct Files {
    path: PathBuf,
    overwrite: Overwrite,
    count: Arc<AtomicU32>,
    /// Whose they are: see [`crate::files::mark`].
    key: u64,
    retention: Option<Retention>,
    /// Goes on between two videos and while the export rests; begun with the first file.
    house: Arc<OnceLock<Option<House>>>,
}

pub(super) struct Mp4Sink {
    files: Files,
    shape: Shape,
    job: Job,
    /// The last frame that was looked at.
    last: StreamTime,
    done: Vec<Written>,
    kept: Kept,
}

enum Job {
    Nothing,
    /// `next`: the file that is ready to follow.
    Writes {
        stream: EncodedStream,
        writer: Mp4Writer,
        next: Option<Mp4Writer>,
    },
    Waits(EncodedStream, ClipRecorder),
}

impl Files {
    pub(super) fn new(path: PathBuf, overwrite: Overwrite, key: u64, retention: Option<Retention>) -> Self {
        Self { path, overwrite, count: Arc::default(), key, retention, house: Arc::default() }
    }

    /// Lets go of what retention does not keep.
    fn house(&self) -> Option<House> {
        let folder = self.path.parent().unwrap_or(Path::new("")).to_owned();
        let house = self.house.get_or_init(|| House::of_folder(folder, self.key, self.retention));
        house.as_ref().inspect(|house| house.opened(0)).cloned()
    }

    /// With `replace` only what was there before is replaced, not what this export has written itself.
    fn next(&self) -> (PathBuf, Overwrite) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        match self.overwrite {
            Overwrite::Replace if number > 0 => (Overwrite::numbered(&self.path, number), Overwrite::Replace),
            overwrite => (self.path.clone(), overwrite),
        }
    }
}

impl VideoSink for Mp4Sink {
    fn begin(&mut self, video: &EncodedStream) -> Result<(), PictureError> {
        self.complete()?;
        self.job = match self.shape {
            Shape::Clips { before, after } => {
                Job::Waits(video.clone(), ClipRecorder::start(video, before, after))
            }
            Shape::Whole | Shape::Segments { .. } => {
                let (path, overwrite) = self.files.next();
                self.kept.begins(&path);
                let writer = Mp4Writer::start(&path, overwrite, video)?;
                self.kept.opened(writer.path());
                Job::Writes { stream: video.clone(), writer, next: None }
            }
        };
        Ok(())
    }

    fn look(&mut self, moment: &Moment) -> Result<(), PictureError> {
        self.last = moment.time;
        match &mut self.job {
            Job::Nothing => {}
            Job::Writes { stream, writer, .. } => {
                if let Some(error) = writer.error().or_else(|| stream.error()) {
                    return Err(error.into());
                }
                self.kept.grown(writer.path(), writer.bytes());
                self.segment()?;
            }
            Job::Waits(stream, clips) => {
                if let Some(error) = stream.error() {
                    return Err(error.into());
                }
                if !moment.events.is_empty() {
                    let is_new = clips.writing().is_none();
                    clips.event(moment.time, || {
                        let next = self.files.next();
                        self.kept.begins(&next.0);
                        next
                    })?;
                    if let (true, Some(writer)) = (is_new, clips.writing()) {
                        self.kept.opened(writer.path());
                    }
                }
                if let Some(writer) = clips.writing() {
                    self.kept.grown(writer.path(), writer.bytes());
                }
                let done = clips.advance()?;
                self.done(done);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>) -> Result<Vec<Written>, PictureError> {
        self.complete()?;
        Ok(self.done)
    }
}

impl Mp4Sink {
    pub(super) fn new(files: Files, shape: Shape) -> Self {
        let kept = Kept::new(files.house(), files.key);
        Self { files, shape, job: Job::Nothing, last: StreamTime::ZERO, done: Vec::new(), kept }
    }

    /// Gets the next file ready in time, and completes the one that it has followed.
    fn segment(&mut self) -> Result<(), MediaError> {
        let Shape::Segments { after, bytes } = self.shape else { return Ok(()) };
        let Job::Writes { stream, writer, next } = &mut self.job else { return Ok(()) };
        if next.is_none() {
            let soon = after.is_some_and(|after| writer.duration() + LEAD >= after)
                || bytes.is_some_and(|bytes| writer.bytes() >= bytes / 2);
            if writer.frames() > 0 && soon {
                let (path, overwrite) = self.files.next();
                self.kept.begins(&path);
                let follower = writer.start_next(&path, overwrite, stream, (after, bytes))?;
                self.kept.opened(follower.path());
                *next = Some(follower);
            }
        }
        if writer.has_ended()
            && let Some(follower) = next.take()
        {
            let ended = std::mem::replace(writer, follower).finish()?;
            self.done(Some(ended));
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<(), MediaError> {
        match std::mem::replace(&mut self.job, Job::Nothing) {
            Job::Nothing => {}
            Job::Writes { stream, writer, next } => {
                let last = self.last.since(stream.origin());
                writer.end_after(last);
                let ended = writer.finish();
                // It may have followed just now, with the last frames.
                if let Some(next) = next {
                    next.end_after(last);
                    let followed = next.finish()?;
                    self.done(Some(ended?));
                    self.done(Some(followed));
                } else {
                    self.done(Some(ended?));
                }
            }
            Job::Waits(_, clips) => {
                let done = clips.finish()?;
                self.done(done);
            }
        }
        Ok(())
    }

    fn done(&mut self, file: Option<Mp4Summary>) {
        let Some(Mp4Summary { path, frames, bytes, .. }) = file else { return };
        self.kept.grown(&path, bytes);
        self.kept.closed(&path);
        if frames == 0 {
            return;
        }
        if self.done.len() < MAX_LISTED {
            self.done.push(Written { path, count: frames, bytes });
            return;
        }
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        match self.done.last_mut().filter(|last| last.path == folder) {
            Some(last) => {
                last.count += frames;
                last.bytes += bytes;
            }
            None => self.done.push(Written { path: folder, count: frames, bytes }),
        }
    }
}
