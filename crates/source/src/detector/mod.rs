//! A video and the user's own detector: a child that is given frames and answers detections
//! (PRODUCT section 4, `Input.detector_cmd`).
//!
//! ```text
//!  video ─▶ window (frames in order) ─────────────────────────▶ analysis
//!              │ a frame that is due         ▲ its detections
//!              ▼                             │
//!           keeper (a task) ─▶ child's STDIN, STDOUT ─▶ keeper
//! ```
//! A file at pace `fast` waits for every answer. Live, the child is given the newest frame as soon as it
//! has answered the last, and no picture waits for it longer than the window allows.

mod keeper;
mod window;

use std::{
    collections::VecDeque,
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tracing::Instrument;
use watchpost_config::{Detector as Settings, DetectorFormat, Input, Pace, Paths};
use watchpost_media::{EncodedStream, RawConverter, RawFormat};
use watchpost_model::{Diagnostics, Frame, Severity};
use watchpost_process::{Framing, Spec, Stdout};

use self::{
    keeper::{Keeper, Question, Told},
    window::Window,
};
use crate::{
    Host, Next, Pass, Source, SourceError, SourceInfo, Status,
    limiter::Limiter,
    ndjson::{MAX_LINE_BYTES, Refusals},
};

const PATH: &str = "/Input/detector_cmd";
/// Between two looks for an answer while a frame is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of frames that may wait for the child: of the largest pictures, as many as may be unanswered.
const QUEUE_BYTES: usize = 1 << 30;

pub(crate) struct Detector {
    video: Box<dyn Source>,
    window: Window,
    lossless: bool,
    converter: RawConverter,
    format: RawFormat,
    limiter: Limiter,
    /// `None` once no more frames come.
    questions: Option<UnboundedSender<Question>>,
    told: Receiver<Told>,
    /// A process runs and may be asked.
    runs: bool,
    restarts: u64,
    refusals: Refusals,
    notices: VecDeque<Diagnostics>,
    failed: Option<SourceError>,
    video_ended: Option<Option<String>>,
    keeper_ended: bool,
}

/// Whether the command could be started.
pub(crate) fn check(settings: &Settings, paths: &Paths) -> Result<(), SourceError> {
    spec(settings, paths, &Host::default())?
        .resolve()
        .map(drop)
        .map_err(|error| SourceError::new(PATH, error.to_string()))
}

pub(crate) fn open(
    settings: &Settings,
    input: &Input,
    paths: &Paths,
    host: &Host,
    video: Box<dyn Source>,
) -> Result<Box<dyn Source>, SourceError> {
    check(settings, paths)?;
    let children = host.children.clone();
    let children = children.ok_or_else(|| SourceError::new(PATH, "no detector can be started here"))?;
    let lossless = input.pace == Pace::Fast && !video.info().live;
    let format = match settings.format {
        DetectorFormat::Bgr => RawFormat::Bgr,
        DetectorFormat::Rgb => RawFormat::Rgb,
        DetectorFormat::Gray8 => RawFormat::Gray8,
        DetectorFormat::I420 => RawFormat::I420,
    };
    let (questions, asked) = unbounded_channel();
    let (tell, told) = channel();
    let spec = spec(settings, paths, host)?;
    let (settings, labels) = (settings.clone(), input.labels.clone());
    let rate = [settings.fps, input.frame_rate_limit].into_iter().flatten().min_by(f64::total_cmp);
    let converter = RawConverter::new(format, settings.width);
    let keeper = Keeper::new(spec, children.guardian, settings, labels, lossless, (asked, tell));
    children.tokio.spawn(keeper.run().in_current_span());
    Ok(Box::new(Detector {
        video,
        window: Window::new(lossless),
        lossless,
        converter,
        format,
        limiter: Limiter::new(rate),
        questions: Some(questions),
        told,
        runs: false,
        restarts: 0,
        refusals: Refusals::new("the detector".to_owned()),
        notices: VecDeque::new(),
        failed: None,
        video_ended: None,
        keeper_ended: false,
    }))
}

fn spec(settings: &Settings, paths: &Paths, host: &Host) -> Result<Spec, SourceError> {
    let mut spec = Spec::new("detector", &settings.command, paths.bare_dir())
        .map_err(|error| SourceError::new(PATH, error.to_string()))?;
    if let Some((id, name)) = &host.instance {
        spec.name = format!("detector of {name}");
        spec.set_env("WATCHPOST_INSTANCE_ID", id.to_string());
        spec.set_env("WATCHPOST_INSTANCE_NAME", name);
    }
    // Python keeps what it prints into a pipe until there are 8 KiB of it: no answer would come.
    spec.set_env("PYTHONUNBUFFERED", "1");
    // The header says how many bytes follow: nothing stands between frames.
    spec.framing = Framing::Nothing;
    spec.stdout = Stdout::Lines { max_bytes: MAX_LINE_BYTES };
    spec.queue_bytes = QUEUE_BYTES;
    Ok(spec)
}

impl Detector {
    /// Takes what the keeper has told until now.
    fn hear(&mut self) {
        while let Ok(told) = self.told.try_recv() {
            self.heard(told);
        }
    }

    fn heard(&mut self, told: Told) {
        match told {
            Told::Runs => self.runs = true,
            Told::Answer(id, number, line) => {
                line.refused.iter().for_each(|why| self.refusals.add(number, why));
                self.window.answered(id, Some(line.detections));
            }
            Told::Refused(number, why) => self.refusals.add(number, &why),
            Told::NoWord(id) => self.window.answered(id, None),
            Told::Poison(id) => {
                let message =
                    format!("the detector ended again and again over frame {id}, which is passed over");
                self.notices.push_back(notice("frame not analysed", message));
                self.window.answered(id, None);
            }
            Told::Died(reason, pause) => {
                self.runs = false;
                self.restarts += 1;
                let message = format!("{reason}; started again in {:.1} s", pause.as_secs_f64());
                self.notices.push_back(notice("detector ended", message));
                if !self.lossless {
                    self.window.lost();
                }
            }
            Told::Failed(reason) => {
                self.failed = Some(SourceError { transient: true, ..SourceError::new(PATH, reason) });
            }
            Told::Ended => self.keeper_ended = true,
        }
    }

    /// Gives the detector what it can take.
    fn ask(&mut self) -> Result<(), SourceError> {
        while self.lossless || self.runs {
            let Some(item) = self.window.ask() else { break };
            let question = question(&mut self.converter, self.format, &item.frame)?;
            // Gone: its last word says why.
            let _gone = self.questions.as_ref().map(|questions| questions.send(question));
        }
        Ok(())
    }

    /// Waits for the keeper's next word.
    fn listen(&mut self, until: Instant) {
        match self.told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(told) => self.heard(told),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                self.keeper_ended = true;
                let message = "the detector's keeper has ended; this is a bug in Watchpost";
                self.failed.get_or_insert_with(|| SourceError::new(PATH, message));
            }
        }
    }
}

impl Source for Detector {
    fn info(&self) -> SourceInfo {
        self.video.info()
    }

    fn next(&mut self, timeout: Duration) -> Result<Next, SourceError> {
        let until = Instant::now() + timeout;
        loop {
            self.hear();
            if let Some(notice) = self.notices.pop_front().or_else(|| self.refusals.notice()) {
                return Ok(Next::Notice(notice));
            }
            if let Some(failed) = &self.failed {
                return Err(failed.clone());
            }
            self.ask()?;
            if let Some(item) = self.window.next(Instant::now()) {
                return Ok(Next::Item(item));
            }
            if let Some(early) = &self.video_ended {
                if self.window.is_empty() && self.keeper_ended {
                    return Ok(Next::Ended { early: early.clone() });
                }
                if self.window.is_empty() {
                    // Its STDIN ends, and so does it.
                    self.questions = None;
                }
                self.listen(until.min(Instant::now() + LOOK));
            } else if self.window.has_room() {
                let left = until.saturating_duration_since(Instant::now());
                let wait = if self.window.is_waiting() { left.min(LOOK) } else { left };
                match self.video.next(wait)? {
                    Next::Item(item) => {
                        let due = self.limiter.pass(item.frame.time);
                        self.window.arrived(item, due, Instant::now());
                        continue;
                    }
                    Next::Ended { early } => self.video_ended = Some(early),
                    Next::Idle => {}
                    notice @ Next::Notice(_) => return Ok(notice),
                }
            } else {
                self.listen(until);
            }
            if Instant::now() >= until {
                return Ok(Next::Idle);
            }
        }
    }

    fn status(&self) -> Status {
        let video = self.video.status();
        Status {
            skipped: video.skipped + self.window.skipped,
            failures: video.failures + self.restarts,
            refused: self.refusals.count(),
            unmatched: self.window.unmatched,
            ..video
        }
    }

    fn encoded(&self) -> Option<EncodedStream> {
        self.video.encoded()
    }

    fn pass(&self) -> Pass {
        self.video.pass()
    }
}

fn question(converter: &mut RawConverter, format: RawFormat, frame: &Frame) -> Result<Question, SourceError> {
    let image = frame.image.as_ref().ok_or_else(|| SourceError::new(PATH, "the source has no pictures"))?;
    let picture = converter.convert(image).map_err(|error| SourceError::media(PATH, &error))?;
    let header = serde_json::json!({
        "frame_id": frame.id,
        "timestamp_ms": frame.time.as_ms(),
        "width": picture.size.width,
        "height": picture.size.height,
        "stride": picture.stride,
        "format": format.name(),
        "bytes": picture.as_ref().len(),
    });
    Ok(Question { id: frame.id, header: format!("{header}\n").into(), pixels: Bytes::from_owner(picture) })
}

fn notice(title: &str, message: String) -> Diagnostics {
    Diagnostics { severity: Severity::Warning, title: title.to_owned(), message }
}
