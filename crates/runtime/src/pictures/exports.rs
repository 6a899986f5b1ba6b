//! The picture and video exports that run now: started and ended while the source goes on.

use std::{
    sync::{
        Arc,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
};

use parking_lot::{Mutex, MutexGuard, RwLock};
use watchpost_config::Hours;
use watchpost_export::{Picture, PictureError, PictureSink, Video, VideoOutput};
use watchpost_media::{Codec, EncodedStream, Encoder, EncoderSettings, MediaError};
use watchpost_model::Timestamp;
use watchpost_schema::streams::StreamName;

use super::{
    encoders::{self, Encoders, Looks},
    worker::{Begin, LOOKS, Message, PICTURES, VideoItem, Worker, send},
};
use crate::{
    status::{ReceiverStatus, State, add},
    whose,
};

/// An export as it was planned.
pub(crate) struct Shows {
    pub made: Made,
    pub stream: StreamName,
    /// When it takes anything; `None`: always.
    pub hours: Option<Hours>,
    /// Somebody may be watching.
    pub viewers: bool,
}

/// What a plan makes of an export of pictures or video.
pub(crate) enum Made {
    Pictures(Box<dyn Fn() -> Box<dyn PictureSink> + Send + Sync>),
    Video(VideoOutput),
}

/// Shared by the pipeline and by whoever starts and ends exports. The pipeline never waits for the list longer
/// than it takes to exchange it.
#[derive(Clone, Default)]
pub(crate) struct PictureExports(Arc<Shared>);

/// Lock order: `encoders` before `list`.
#[derive(Default)]
struct Shared {
    encoders: Mutex<Encoders>,
    list: RwLock<Arc<[Arc<PictureExport>]>>,
}

/// One of them, with its thread.
pub(crate) struct PictureExport {
    pub(super) takes: Takes,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub(super) status: Arc<ReceiverStatus>,
    /// Somebody may be watching.
    viewers: bool,
    turn: Mutex<Turn>,
}

/// When it takes pictures, and whether it does now.
struct Turn {
    hours: Option<Hours>,
    place: Place,
}

enum Place {
    /// It takes pictures.
    Within,
    /// It takes none, and its thread is still to be told: there was no room in the queue.
    Leaving,
    /// It takes none.
    Outside,
}

/// What there is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// A frame of the source.
    Frame,
    /// Nothing comes; a picture that says so.
    NoSignal,
}

/// What goes to its thread.
pub(super) enum Takes {
    Pictures { queue: SyncSender<Message<Picture>>, looks: Looks },
    Video(Box<VideoExport>),
}

pub(super) struct VideoExport {
    pub(super) queue: SyncSender<Message<VideoItem>>,
    pub(super) video: Video,
    pub(super) carries: &'static [Codec],
    stream: StreamName,
    now: Mutex<Now>,
}

/// Where its video comes from now.
#[derive(Default)]
struct Now {
    stream: Option<EncodedStream>,
    key: Option<(Looks, EncoderSettings)>,
    /// How that differs from what was asked for.
    remark: Option<String>,
    /// Said once, not with every frame.
    refused: Option<MediaError>,
}

/// An export that has been taken out, and the encoders that only it used.
pub(crate) struct Removed {
    export: Arc<PictureExport>,
    encoders: Vec<Arc<Encoder>>,
}

impl PictureExports {
    /// Starts an export. It takes what comes from the next frame on.
    pub fn add(&self, shows: Shows, status: Arc<ReceiverStatus>) -> std::io::Result<()> {
        let Shows { made, stream, hours, viewers } = shows;
        let name = format!("export {}", status.name);
        let looks = if stream == StreamName::Source { Looks::Clean } else { Looks::Shown };
        let (takes, worker): (Takes, Box<dyn FnOnce() + Send>) = match made {
            Made::Pictures(make) => {
                let (queue, pictures) = sync_channel(PICTURES);
                let worker = Worker::pictures(make, pictures, status.clone());
                (Takes::Pictures { queue, looks }, Box::new(|| worker.run()))
            }
            Made::Video(VideoOutput { video, carries, make, gone: _ }) => {
                let (queue, items) = sync_channel(LOOKS);
                let worker = Worker::video(make, items, status.clone());
                let export = VideoExport { queue, video, carries, stream, now: Mutex::default() };
                (Takes::Video(Box::new(export)), Box::new(|| worker.run()))
            }
        };
        let span = whose::receiver(&status.name);
        let thread = std::thread::Builder::new().name(name).spawn(move || span.in_scope(worker))?;
        let (thread, turn) = (Mutex::new(Some(thread)), Mutex::new(Turn { hours, place: Place::Within }));
        let export = Arc::new(PictureExport { takes, thread, status, viewers, turn });
        let mut list = self.0.list.write();
        *list = list.iter().cloned().chain([export]).collect();
        Ok(())
    }

    /// Takes the export `name` out of the list; `None` if it is not there.
    pub fn remove(&self, name: &str) -> Option<Removed> {
        let mut encoders = self.0.encoders.lock();
        let mut list = self.0.list.write();
        let export = list.iter().find(|export| export.status.name == name).cloned()?;
        *list = list.iter().filter(|export| export.status.name != name).cloned().collect();
        let unused = encoders.take_unused(&list);
        Some(Removed { export, encoders: unused })
    }

    pub(super) fn take_all(&self) -> (Vec<Arc<PictureExport>>, Vec<Arc<Encoder>>) {
        let mut encoders = self.0.encoders.lock();
        let list = std::mem::take(&mut *self.0.list.write());
        (list.iter().cloned().collect(), encoders.take_all())
    }

    /// Those that take what there is of the moment `at`; the others count frames.
    pub(super) fn at(&self, at: Timestamp, shown: Shown) -> Arc<[Arc<PictureExport>]> {
        let all = self.0.list.read().clone();
        let taken: Vec<bool> = all.iter().map(|export| export.takes_at(at, shown)).collect();
        if taken.iter().all(|takes| *takes) {
            return all;
        }
        if shown == Shown::Frame {
            for (export, _) in all.iter().zip(&taken).filter(|(_, takes)| !**takes) {
                add(&export.status.outside, 1);
            }
        }
        all.iter().zip(taken).filter(|(_, takes)| *takes).map(|(export, _)| export.clone()).collect()
    }

    pub(super) fn encoders(&self) -> MutexGuard<'_, Encoders> {
        self.0.encoders.lock()
    }
}

impl Removed {
    /// Completes its files, once everybody has let go of it. Waits for the encoder.
    pub fn complete(self) {
        encoders::finish(&self.encoders);
        let status = self.export.status.clone();
        self.export.complete();
        // What it says of its video ends with that.
        status.remark(None);
    }
}

impl PictureExport {
    pub(super) fn complete(self: Arc<Self>) {
        let (thread, status) = (self.thread.lock().take(), self.status.clone());
        // Its queue closes with the last handle: the pipeline may hold one for a frame more.
        drop(self);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            status.set(State::Failed, Some("its thread panicked; this is a bug in Watchpost".into()));
        }
    }

    /// Whether it takes what is shown at the moment `at`; where it does not for the first time, its thread is told.
    ///
    /// Without a signal, recordings are complete and begin anew when it is back. Whoever passes on the source's own
    /// video has nothing then, and keeps its viewers waiting.
    fn takes_at(&self, at: Timestamp, shown: Shown) -> bool {
        let is_silent = shown == Shown::NoSignal;
        if is_silent && self.viewers && self.wants_source() {
            return false;
        }
        let Turn { hours, place } = &mut *self.turn.lock();
        if hours.as_mut().is_none_or(|hours| hours.is_on(at)) && (self.viewers || !is_silent) {
            *place = Place::Within;
            return true;
        }
        if !matches!(place, Place::Outside) {
            // Not waited for: no source waits for an export. The next picture tries again.
            let full = match &self.takes {
                Takes::Pictures { queue, .. } => is_full(queue.try_send(Message::Rest)),
                Takes::Video(video) => video.rest(),
            };
            *place = if full { Place::Leaving } else { Place::Outside };
        }
        false
    }

    /// Whether it shows what is drawn, if anything is.
    pub(super) fn wants_drawn(&self) -> bool {
        match &self.takes {
            Takes::Pictures { looks, .. } => *looks == Looks::Shown,
            Takes::Video(video) => !video.is_source(),
        }
    }

    /// Whether it may take the source's own video.
    pub(super) fn wants_source(&self) -> bool {
        matches!(&self.takes, Takes::Video(video) if video.is_source())
    }

    /// Its video cannot be had.
    pub(super) fn refuse(&self, error: &MediaError) {
        let Takes::Video(video) = &self.takes else { return };
        let mut now = video.now.lock();
        if now.refused.as_ref() != Some(error) {
            let (state, text) = match PictureError::from(error.clone()) {
                PictureError::Blocked(text) => (State::Blocked, text),
                PictureError::Retry(text) | PictureError::Failed(text) => (State::Failed, text),
            };
            self.status.set(state, Some(text));
            (now.refused, now.stream) = (Some(error.clone()), None);
        }
    }
}

fn is_full<T>(sent: Result<(), TrySendError<T>>) -> bool {
    matches!(sent, Err(TrySendError::Full(_)))
}

impl VideoExport {
    /// It takes nothing for now; true if its thread could not be told.
    fn rest(&self) -> bool {
        let full = is_full(self.queue.try_send(Message::Rest));
        if !full {
            *self.now.lock() = Now::default();
        }
        full
    }

    pub(super) fn is_source(&self) -> bool {
        self.stream == StreamName::Source
    }

    pub(super) fn has_begun(&self) -> bool {
        self.now.lock().stream.is_some()
    }

    pub(super) fn known_key(&self) -> Option<(Looks, EncoderSettings)> {
        self.now.lock().key.clone()
    }

    pub(super) fn remember_key(&self, key: Option<&(Looks, EncoderSettings)>) {
        let mut now = self.now.lock();
        if now.key.as_ref() != key {
            now.key = key.cloned();
        }
    }

    /// Gives it `stream`, if it has not got it; `remark`: how that differs from what was asked for. At pace `fast` waits until it has subscribed, so that it misses
    /// nothing.
    pub(super) fn begin(
        &self,
        export: &PictureExport,
        stream: &EncodedStream,
        remark: Option<String>,
        lossless: bool,
    ) {
        let mut now = self.now.lock();
        if now.remark != remark {
            export.status.remark(remark.clone());
            now.remark = remark;
        }
        if now.stream.as_ref().is_some_and(|before| before.is(stream)) {
            return;
        }
        let (done, wait) = if lossless {
            let (done, wait) = sync_channel(1);
            (Some(done), Some(wait))
        } else {
            (None, None)
        };
        let begin = VideoItem::Begin(Begin { stream: stream.clone(), _done: done });
        let mut is_sent = true;
        send(&self.queue, begin, lossless, || is_sent = false);
        if !is_sent {
            // Its thread is busy: with the next frame.
            return;
        }
        (now.stream, now.refused) = (Some(stream.clone()), None);
        drop(now);
        if let Some(wait) = wait {
            // Comes back when the item is dropped, however that went.
            let _done = wait.recv();
        }
    }
}
