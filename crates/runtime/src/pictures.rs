//! Picture exports: the frame is drawn once, then each export takes it on a thread of its own.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

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

/// All picture exports of an instance.
pub(crate) struct Pictures {
    painter: Painter,
    /// `true` at pace `fast`: a full queue holds up the source, and no picture is skipped.
    lossless: bool,
    exports: Vec<Export>,
}

struct Export {
    queue: SyncSender<Picture>,
    thread: JoinHandle<()>,
    status: Arc<ReceiverStatus>,
}

impl Pictures {
    pub fn new(painter: Painter, lossless: bool) -> Self {
        Self { painter, lossless, exports: Vec::new() }
    }

    /// Starts an export. It takes pictures from the next frame on.
    pub fn add(&mut self, make: MakeSink, status: Arc<ReceiverStatus>) -> std::io::Result<()> {
        let (queue, pictures) = sync_channel(QUEUE);
        let worker = PictureWorker { make, pictures, status: status.clone() };
        let thread = std::thread::Builder::new()
            .name(format!("export {}", status.name))
            .spawn(move || worker.run())?;
        self.exports.push(Export { queue, thread, status });
        Ok(())
    }

    /// Gives a frame to all exports, with what was found in it.
    pub fn show(&mut self, frame: &Frame, analysis: &Analysis) {
        if self.exports.is_empty() {
            return;
        }
        if let Some(picture) = self.painter.picture(frame, analysis) {
            self.hand_out(&picture);
        }
    }

    /// As `show`, for a frame that was not analysed: what was found last is drawn again.
    pub fn show_again(&mut self, frame: &Frame) {
        if self.exports.is_empty() {
            return;
        }
        if let Some(picture) = self.painter.picture_again(frame) {
            self.hand_out(&picture);
        }
    }

    /// Gives the last frame once more, for events that come when the source has ended.
    pub fn show_last(&mut self, frame: &Frame, analysis: &Analysis) {
        if self.exports.is_empty() || analysis.groups.is_empty() {
            return;
        }
        if let Some(picture) = self.painter.last_picture(frame, analysis) {
            self.hand_out(&picture);
        }
    }

    fn hand_out(&self, picture: &Picture) {
        for export in &self.exports {
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
        for export in self.exports.drain(..) {
            drop(export.queue);
            if export.thread.join().is_err() {
                export
                    .status
                    .set(State::Failed, Some("its thread panicked; this is a bug in Watchpost".into()));
            }
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
