//! Picture exports: the frame is drawn once, then each export takes it on a thread of its own.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::{Mutex, RwLock};
use watchpost_analytics::Analysis;
use watchpost_export::{Picture, PictureError, PictureSink};
use watchpost_model::Frame;

use crate::{
    backoff::Backoff,
    overlay::Painter,
    status::{ReceiverStatus, State, add},
};

/// Pictures that wait before an export. Enough to overlap drawing and encoding; more only adds memory
/// (3 MB each at 1080p) and delay.
const QUEUE: usize = 4;

/// Makes a sink anew after a failure.
pub(crate) type MakeSink = Box<dyn Fn() -> Box<dyn PictureSink> + Send + Sync>;

/// The pictures of one run of a source: drawn once, handed to every picture export.
pub(crate) struct Pictures {
    pub painter: Painter,
    /// `true` at pace `fast`: a full queue holds up the source, and no picture is skipped.
    lossless: bool,
    exports: PictureExports,
}

impl Pictures {
    pub fn new(painter: Painter, lossless: bool, exports: PictureExports) -> Self {
        Self { painter, lossless, exports }
    }

    /// Gives a frame to all exports, with what was found in it.
    pub fn show(&mut self, frame: &Frame, analysis: &Analysis) {
        let exports = self.exports.now();
        if !exports.is_empty()
            && let Some(picture) = self.painter.picture(frame, analysis)
        {
            self.hand_out(&exports, &picture);
        }
    }

    /// As `show`, for a frame that was not analysed: what was found last is drawn again.
    pub fn show_again(&mut self, frame: &Frame) {
        let exports = self.exports.now();
        if !exports.is_empty()
            && let Some(picture) = self.painter.picture_again(frame)
        {
            self.hand_out(&exports, &picture);
        }
    }

    /// Gives the last frame once more, for events that come when the source has ended.
    pub fn show_last(&mut self, frame: &Frame, analysis: &Analysis) {
        let exports = self.exports.now();
        if !exports.is_empty()
            && !analysis.groups.is_empty()
            && let Some(picture) = self.painter.last_picture(frame, analysis)
        {
            self.hand_out(&exports, &picture);
        }
    }

    fn hand_out(&self, exports: &[Arc<PictureExport>], picture: &Picture) {
        for export in exports {
            // A closed queue means its thread has given up, and its status says why.
            if self.lossless {
                let _closed = export.queue.send(picture.clone());
            } else if let Err(TrySendError::Full(_)) = export.queue.try_send(picture.clone()) {
                add(&export.status.dropped, 1);
            }
        }
    }

    /// Completes all files. Waits for the encoders.
    pub fn finish(&mut self) {
        for export in self.exports.take_all() {
            export.complete();
        }
    }
}

/// The picture exports that take pictures now: shared by the pipeline and by whoever starts and ends them.
/// The pipeline never waits for the lock longer than it takes to exchange the list.
#[derive(Clone, Default)]
pub(crate) struct PictureExports(Arc<RwLock<Arc<[Arc<PictureExport>]>>>);

/// One of them, with its thread.
pub(crate) struct PictureExport {
    queue: SyncSender<Picture>,
    thread: Mutex<Option<JoinHandle<()>>>,
    status: Arc<ReceiverStatus>,
}

impl PictureExports {
    /// Starts an export. It takes pictures from the next frame on.
    pub fn add(&self, make: MakeSink, status: Arc<ReceiverStatus>) -> std::io::Result<()> {
        let (queue, pictures) = sync_channel(QUEUE);
        let worker = PictureWorker { make, pictures, status: status.clone() };
        let thread = std::thread::Builder::new()
            .name(format!("export {}", status.name))
            .spawn(move || worker.run())?;
        let export = Arc::new(PictureExport { queue, thread: Mutex::new(Some(thread)), status });
        let mut list = self.0.write();
        *list = list.iter().cloned().chain([export]).collect();
        Ok(())
    }

    /// Takes the export `name` out of the list; `None` if it is not there.
    pub fn remove(&self, name: &str) -> Option<Arc<PictureExport>> {
        let mut list = self.0.write();
        let found = list.iter().find(|export| export.status.name == name).cloned();
        *list = list.iter().filter(|export| export.status.name != name).cloned().collect();
        found
    }

    fn take_all(&self) -> Vec<Arc<PictureExport>> {
        std::mem::take(&mut *self.0.write()).iter().cloned().collect()
    }

    fn now(&self) -> Arc<[Arc<PictureExport>]> {
        self.0.read().clone()
    }
}

impl PictureExport {
    /// Completes its files, once everybody has let go of it. Waits for the encoder.
    pub fn complete(self: Arc<Self>) {
        let (thread, status) = (self.thread.lock().take(), self.status.clone());
        // Its queue closes with the last handle: the pipeline may hold one for a frame more.
        drop(self);
        if thread.is_some_and(|thread| thread.join().is_err()) {
            status.set(State::Failed, Some("its thread panicked; this is a bug in Watchpost".into()));
        }
    }
}

/// The thread of one picture export.
struct PictureWorker {
    make: MakeSink,
    pictures: Receiver<Picture>,
    status: Arc<ReceiverStatus>,
}

impl PictureWorker {
    fn run(self) {
        let mut backoff = Backoff::default();
        let mut sink = Some((self.make)());
        let mut retry_at = None;
        while let Ok(picture) = self.pictures.recv() {
            if sink.is_none() && retry_at.is_some_and(|at: Instant| at <= Instant::now()) {
                sink = Some((self.make)());
            }
            let Some(open) = sink.as_mut() else {
                add(&self.status.dropped, 1);
                continue;
            };
            match open.push(&picture) {
                Ok(()) => {
                    add(&self.status.delivered, u64::from(!picture.again));
                    if self.status.state() != State::Running {
                        self.status.set(State::Running, None);
                        backoff.reset();
                    }
                }
                Err(error) => {
                    add(&self.status.dropped, 1);
                    retry_at = self.failed(&error, backoff.next());
                    if let Some(broken) = sink.take() {
                        self.complete(broken);
                    }
                }
            }
        }
        if let Some(sink) = sink {
            self.complete(sink);
        }
    }

    /// Shows the failure; says when to try again, if ever.
    fn failed(&self, error: &PictureError, pause: Duration) -> Option<Instant> {
        let until = Instant::now() + pause;
        let (state, retry) = match error {
            PictureError::Retry(_) => (State::Waiting { until }, Some(until)),
            PictureError::Blocked(_) => (State::Blocked, Some(until)),
            PictureError::Failed(_) => (State::Failed, None),
        };
        self.status.set(state, Some(error.to_string()));
        retry
    }

    fn complete(&self, sink: Box<dyn PictureSink>) {
        match sink.finish() {
            Ok(written) => {
                add(&self.status.bytes, written.iter().map(|w| w.bytes).sum());
                self.status.has_written(written);
            }
            Err(error) => self.status.set(State::Failed, Some(error.to_string())),
        }
    }
}
