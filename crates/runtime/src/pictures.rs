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
use watchpost_config::Hours;
use watchpost_export::{Picture, PictureError, PictureSink};
use watchpost_model::{Frame, Timestamp};

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
        let exports = self.exports.at(frame.timestamp);
        if !exports.is_empty()
            && let Some(picture) = self.painter.picture(frame, analysis)
        {
            self.hand_out(&exports, &picture);
        }
    }

    /// As `show`, for a frame that was not analysed: what was found last is drawn again.
    pub fn show_again(&mut self, frame: &Frame) {
        let exports = self.exports.at(frame.timestamp);
        if !exports.is_empty()
            && let Some(picture) = self.painter.picture_again(frame)
        {
            self.hand_out(&exports, &picture);
        }
    }

    /// Gives the last frame once more, for events that come when the source has ended.
    pub fn show_last(&mut self, frame: &Frame, analysis: &Analysis) {
        if analysis.groups.is_empty() {
            return;
        }
        let exports = self.exports.at(frame.timestamp);
        if !exports.is_empty()
            && let Some(picture) = self.painter.last_picture(frame, analysis)
        {
            self.hand_out(&exports, &picture);
        }
    }

    fn hand_out(&self, exports: &[Arc<PictureExport>], picture: &Picture) {
        for export in exports {
            // A closed queue means its thread has given up, and its status says why.
            let message = Message::Show(Box::new(picture.clone()));
            if self.lossless {
                let _closed = export.queue.send(message);
            } else if let Err(TrySendError::Full(_)) = export.queue.try_send(message) {
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
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    status: Arc<ReceiverStatus>,
    schedule: Mutex<Option<Scheduled>>,
}

/// What its thread is told.
enum Message {
    Show(Box<Picture>),
    /// Its schedule has ended for now: what was written is to be complete, and not when it begins again.
    Rest,
}

/// Where an export with a schedule stands.
struct Scheduled {
    hours: Hours,
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

impl Scheduled {
    /// Whether it takes a picture of `at`; where it does not for the first time, its thread is told.
    fn takes(&mut self, at: Timestamp, queue: &SyncSender<Message>) -> bool {
        if self.hours.is_on(at) {
            self.place = Place::Within;
            return true;
        }
        if !matches!(self.place, Place::Outside) {
            // Not waited for: no source waits for an export. The next picture tries again.
            let full = matches!(queue.try_send(Message::Rest), Err(TrySendError::Full(_)));
            self.place = if full { Place::Leaving } else { Place::Outside };
        }
        false
    }
}

impl PictureExports {
    /// Starts an export. It takes pictures from the next frame on.
    pub fn add(
        &self,
        make: MakeSink,
        hours: Option<Hours>,
        status: Arc<ReceiverStatus>,
    ) -> std::io::Result<()> {
        let (queue, pictures) = sync_channel(QUEUE);
        let worker = PictureWorker { make, pictures, status: status.clone() };
        let thread = std::thread::Builder::new()
            .name(format!("export {}", status.name))
            .spawn(move || worker.run())?;
        let schedule = Mutex::new(hours.map(|hours| Scheduled { hours, place: Place::Within }));
        let export = Arc::new(PictureExport { queue, thread: Mutex::new(Some(thread)), status, schedule });
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

    /// Those that take a picture of the moment `at`; the others count it.
    fn at(&self, at: Timestamp) -> Arc<[Arc<PictureExport>]> {
        let all = self.0.read().clone();
        let takes = |export: &PictureExport| {
            export.schedule.lock().as_mut().is_none_or(|schedule| schedule.takes(at, &export.queue))
        };
        let taken: Vec<bool> = all.iter().map(|export| takes(export)).collect();
        if taken.iter().all(|takes| *takes) {
            return all;
        }
        for (export, _) in all.iter().zip(&taken).filter(|(_, takes)| !**takes) {
            add(&export.status.outside, 1);
        }
        all.iter().zip(taken).filter(|(_, takes)| *takes).map(|(export, _)| export.clone()).collect()
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
    pictures: Receiver<Message>,
    status: Arc<ReceiverStatus>,
}

impl PictureWorker {
    fn run(self) {
        let mut backoff = Backoff::default();
        let mut sink = Some((self.make)());
        // Begins anew: after its schedule at once, after a failure later or never.
        let mut again_at = None;
        while let Ok(message) = self.pictures.recv() {
            let Message::Show(picture) = message else {
                if let Some(sink) = sink.take() {
                    self.complete(sink);
                    again_at = Some(Instant::now());
                }
                continue;
            };
            if sink.is_none() && again_at.is_some_and(|at: Instant| at <= Instant::now()) {
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
                    again_at = self.failed(&error, backoff.next());
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
