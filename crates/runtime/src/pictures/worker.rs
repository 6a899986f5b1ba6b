//! The thread of one export: opens its sink, feeds it, and makes it anew after a failure.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError},
    },
    time::{Duration, Instant},
};

use watchpost_export::{Moment, Picture, PictureError, PictureSink, VideoSink, Written};
use watchpost_media::EncodedStream;

use crate::{
    backoff::Backoff,
    status::{ReceiverStatus, State, add},
};

/// Pictures that wait before an export. Enough to overlap drawing and encoding; more only adds memory
/// (3 MB each at 1080p) and delay.
pub(super) const PICTURES: usize = 4;
/// Moments that wait before a video export, 10 s at 30 frames: they are small, and one with an event must
/// outlast a disk that is slow to sync a clip.
pub(super) const LOOKS: usize = 300;

/// What an export's thread is told.
pub(super) enum Message<T> {
    Show(Box<T>),
    /// Its schedule has ended for now: what was written is to be complete, and not when it begins again.
    Rest,
}

/// What is shown of a first connection as the time until it is known to have failed; most take milliseconds.
const CONNECTING: Duration = Duration::from_secs(1);

/// What goes to the thread of a video export.
pub(super) enum VideoItem {
    Begin(Begin),
    /// A frame has passed; `frames` is 0 if it was one that had passed before.
    Look {
        moment: Moment,
        frames: u64,
    },
}

pub(super) struct Begin {
    pub stream: EncodedStream,
    /// Dropped when the output has begun, for whom waits at the other end.
    pub _done: Option<SyncSender<()>>,
}

/// Puts `item` in the queue. A live source does not wait: `lost` is called if there is no room.
pub(super) fn send<T>(queue: &SyncSender<Message<T>>, item: T, lossless: bool, lost: impl FnOnce()) {
    let item = Message::Show(Box::new(item));
    // A closed queue means its thread has given up, and its status says why.
    if lossless {
        let _closed = queue.send(item);
    } else if let Err(TrySendError::Full(_)) = queue.try_send(item) {
        lost();
    }
}

/// One export's thread.
pub(super) struct Worker<S: Sink> {
    make: Box<dyn Fn() -> S + Send + Sync>,
    items: Receiver<Message<S::Item>>,
    status: Arc<ReceiverStatus>,
    backoff: Backoff,
    /// Begins anew: after its schedule at once, after a failure later or never.
    again_at: Option<Instant>,
}

/// Both kinds of sinks, as the worker sees them.
pub(super) trait Sink: Sized {
    type Item;

    /// Takes an item. Says how many frames it counts for.
    fn take(&mut self, item: &Self::Item) -> Result<u64, PictureError>;

    /// Whether what it takes gets anywhere.
    fn is_up(&self) -> bool;

    fn finish(self) -> Result<Vec<Written>, PictureError>;
}

impl Sink for Box<dyn PictureSink> {
    type Item = Picture;

    fn take(&mut self, picture: &Picture) -> Result<u64, PictureError> {
        self.push(picture)
    }

    fn is_up(&self) -> bool {
        (**self).is_up()
    }

    fn finish(self) -> Result<Vec<Written>, PictureError> {
        PictureSink::finish(self)
    }
}

impl Sink for Box<dyn VideoSink> {
    type Item = VideoItem;

    fn take(&mut self, item: &VideoItem) -> Result<u64, PictureError> {
        match item {
            VideoItem::Begin(begin) => self.begin(&begin.stream).map(|()| 0),
            VideoItem::Look { moment, frames } => self.look(moment).map(|()| *frames),
        }
    }

    fn is_up(&self) -> bool {
        (**self).is_up()
    }

    fn finish(self) -> Result<Vec<Written>, PictureError> {
        VideoSink::finish(self)
    }
}

impl Worker<Box<dyn PictureSink>> {
    pub fn pictures(
        make: Box<dyn Fn() -> Box<dyn PictureSink> + Send + Sync>,
        items: Receiver<Message<Picture>>,
        status: Arc<ReceiverStatus>,
    ) -> Self {
        Self { make, items, status, backoff: Backoff::default(), again_at: None }
    }

    pub fn run(mut self) {
        let mut sink = Some((self.make)());
        while let Ok(message) = self.items.recv() {
            let Message::Show(picture) = message else {
                self.rest(&mut sink);
                continue;
            };
            if sink.is_none() && self.may_retry() {
                sink = Some((self.make)());
            }
            if self.feed(&mut sink, &picture).is_none() {
                add(&self.status.dropped, 1);
            }
        }
        self.complete(sink);
    }
}

impl Worker<Box<dyn VideoSink>> {
    pub fn video(
        make: Box<dyn Fn() -> Box<dyn VideoSink> + Send + Sync>,
        items: Receiver<Message<VideoItem>>,
        status: Arc<ReceiverStatus>,
    ) -> Self {
        Self { make, items, status, backoff: Backoff::default(), again_at: None }
    }

    pub fn run(mut self) {
        let mut sink = Some((self.make)());
        let mut stream: Option<EncodedStream> = None;
        while let Ok(message) = self.items.recv() {
            let Message::Show(item) = message else {
                self.rest(&mut sink);
                stream = None;
                continue;
            };
            let begins = matches!(&*item, VideoItem::Begin(_));
            if let VideoItem::Begin(Begin { stream: new, .. }) = &*item {
                stream = Some(new.clone());
            }
            // After a failure it begins again by itself, unless the video is over: then another one comes.
            let goes_on = stream.as_ref().filter(|stream| !stream.has_ended());
            if sink.is_none() && self.may_retry() {
                let mut new = Some((self.make)());
                let again = goes_on.filter(|_| !begins).map(|stream| {
                    self.feed(&mut new, &VideoItem::Begin(Begin { stream: stream.clone(), _done: None }))
                });
                if begins || again.flatten().is_some() {
                    sink = new;
                }
            }
            if self.feed(&mut sink, &item).is_none() {
                add(&self.status.dropped, u64::from(!begins));
            }
        }
        self.complete(sink);
    }
}

impl<S: Sink> Worker<S> {
    /// Gives `item` to the sink. `None`: there is no sink, or from now on there is none.
    fn feed(&mut self, sink: &mut Option<S>, item: &S::Item) -> Option<()> {
        let open = sink.as_mut()?;
        match open.take(item) {
            Ok(frames) if !open.is_up() => {
                add(&self.status.dropped, frames);
                // After a failure that stands until it is up again.
                if self.status.state() == State::Running {
                    let until = Instant::now() + CONNECTING;
                    self.status.set(State::Waiting { until }, Some("connecting".to_owned()));
                }
                Some(())
            }
            Ok(frames) => {
                add(&self.status.delivered, frames);
                if frames > 0 && self.status.state() != State::Running {
                    self.status.set(State::Running, None);
                    self.backoff.reset();
                }
                Some(())
            }
            Err(error) => {
                self.failed(&error);
                self.complete(sink.take());
                None
            }
        }
    }

    fn rest(&mut self, sink: &mut Option<S>) {
        if sink.is_some() {
            self.complete(sink.take());
            self.again_at = Some(Instant::now());
        }
    }

    fn may_retry(&self) -> bool {
        self.again_at.is_some_and(|at| at <= Instant::now())
    }

    /// Shows the failure, and sets when to try again, if ever.
    fn failed(&mut self, error: &PictureError) {
        let pause: Duration = self.backoff.next();
        let until = Instant::now() + pause;
        let (state, retry) = match error {
            PictureError::Retry(_) => (State::Waiting { until }, Some(until)),
            PictureError::Blocked(_) => (State::Blocked, Some(until)),
            PictureError::Failed(_) => (State::Failed, None),
        };
        self.again_at = retry;
        self.status.set(state, Some(error.to_string()));
    }

    fn complete(&self, sink: Option<S>) {
        let Some(sink) = sink else { return };
        // What broke off has said so already, and better.
        let broken = !matches!(self.status.state(), State::Running);
        match sink.finish() {
            Ok(written) => {
                add(&self.status.bytes, written.iter().map(|w| w.bytes).sum());
                self.status.has_written(written);
            }
            Err(_) if broken => {}
            Err(error) => self.status.set(State::Failed, Some(error.to_string())),
        }
    }
}
