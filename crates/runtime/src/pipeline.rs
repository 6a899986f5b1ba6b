//! The data path of one instance, from source to outputs, in the order it is passed.
//!
//! ```text
//!  source ─▶ solution ─┬─▶ intake ─▶ (inbox ─▶ preprocess) ─▶ recorder ─▶ log ─▶ a worker per receiver
//!                      └─▶ pictures ─▶ a thread per picture export, an encoder for all video that is alike
//! ```
//!
//! This file is one thread: it takes frames from the source, has the solution look at them, and gives
//! what came out to the log and to the picture exports. It waits for neither receivers nor disks. Behind
//! the log each receiver has a worker and a cursor of its own (`worker.rs`), so a slow one holds up
//! nobody; the picture exports have a thread and a short queue each (`pictures/`).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use watchpost_analytics::{Analysis, Securt};
use watchpost_model::{Diagnostics, Frame, Group, Record, StreamTime};
use watchpost_source::{Item, Next, Source};

use crate::{
    armed::Schedules, glance::Glance, instance::Scene, intake::Intake, keeper::Gate, open_events::OpenEvents,
    overlay::Wants, pictures::Pictures, recorder::RecordError, source_status::SourceStatus, streams::Streams,
    trace::Passage,
};

/// How long to wait for a frame before looking whether to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// A live source is given this long to go on by itself before viewers are told.
const SILENCE: Duration = Duration::from_secs(1);

/// Everything one instance's frames pass through.
pub(crate) struct Pipeline {
    /// Where frames (and the user's own detections) come from.
    pub source: Box<dyn Source>,
    /// Looks at frames: tracks objects, knows areas and lines, makes records.
    pub solution: Securt,
    /// Says which areas and lines are armed.
    pub schedules: Schedules,
    /// Makes the objects of the metadata streams out of what it found.
    pub streams: Streams,
    /// Starts without an end yet: kept in the journal, so that each has its end after a crash too.
    pub open_events: OpenEvents,
    /// Where records and objects go: to the preprocess command's inbox, or straight to the log.
    pub intake: Arc<Intake>,
    /// Where pictures go.
    pub pictures: Pictures,
    /// Other areas, lines or names, to be taken over before the next frame.
    pub scene: Scene,
    /// Where a file at pace `fast` waits while the log is at its bound.
    pub gate: Arc<Gate>,
    /// The last analysed frame: what ends with the source is shown in it.
    pub last_frame: Option<Frame>,
    /// The last frame at all, and when it came: where viewers are to be told that no other does.
    pub last_shown: Option<(Frame, Instant)>,
    /// `Input.no_signal_picture`.
    pub tells_silence: bool,
    /// What can be seen from outside.
    pub status: Arc<SourceStatus>,
    /// What viewers look at.
    pub glance: Arc<Glance>,
}

/// Why a pipeline ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The source has nothing more.
    Finished,
    /// The source broke off; what it gave before has been processed.
    BrokeOff(String),
    /// It was told to stop.
    Stopped,
    /// It cannot go on.
    Failed(String),
}

impl Pipeline {
    /// Runs until the source ends or `stop` is set. Every open event has its end afterwards.
    pub fn run(mut self, stop: &AtomicBool) -> Ended {
        let ended = self.run_source(stop);
        let last = self.solution.stop();
        if let Err(error) = self.notices(true) {
            return Ended::Failed(error.to_string());
        }
        if let Err(error) = self.record(None, &last, Passage::begin(None)) {
            return Ended::Failed(error.to_string());
        }
        if let Some(frame) = self.last_frame.take() {
            self.pictures.show_last(&frame, &last);
        }
        self.pictures.finish();
        self.glance.stopped();
        ended
    }

    fn run_source(&mut self, stop: &AtomicBool) -> Ended {
        while !stop.load(Ordering::Relaxed) {
            if let Err(error) = self.take_over_changes().and_then(|()| self.notices(false)) {
                return Ended::Failed(error.to_string());
            }
            let passed = match self.source.next(LOOK_UP) {
                Ok(Next::Item(item)) => {
                    self.gate.wait(stop);
                    self.pass(item)
                }
                Ok(Next::Idle) => {
                    self.tell_silence();
                    continue;
                }
                Ok(Next::Notice(notice)) => {
                    if !self.source.status().connected {
                        self.glance.lost(&notice.message);
                    }
                    // It may have come back as another one.
                    self.glance.codec(self.source.info().codec);
                    self.notice(notice)
                }
                Ok(Next::Ended { early: None }) => return Ended::Finished,
                Ok(Next::Ended { early: Some(reason) }) => return Ended::BrokeOff(reason),
                Err(error) => return Ended::Failed(error.to_string()),
            };
            if let Err(error) = passed {
                return Ended::Failed(error.to_string());
            }
        }
        Ended::Stopped
    }

    /// One frame's way.
    fn pass(&mut self, item: Item) -> Result<(), RecordError> {
        let Item { frame, detections, analyse, again } = item;
        if !again {
            self.status.arrived(&frame, self.source.status());
            self.glance.arrived();
            self.last_shown = self.tells_silence.then(|| (frame.clone(), Instant::now()));
        }
        if !analyse {
            // A frame over `frame_rate_limit`: shown, with what was last seen, but not looked at.
            self.pictures.show_again(&frame, &*self.source);
            self.let_see(&frame, None);
            return Ok(());
        }
        let (began, mut passage) = (Instant::now(), Passage::begin(Some(&frame)));
        self.schedules.arm(frame.timestamp, |zone, armed| self.solution.set_armed(zone, armed));
        let analysis = self.solution.process(&frame, detections.as_deref());
        self.status.analysed(began.elapsed());
        passage.analysed();
        self.glance.found(&analysis);
        self.glance.recent.keep(&frame, &analysis.tracks);
        self.record(Some(&frame), &analysis, passage)?;
        if again {
            self.pictures.show_late(&frame, &analysis);
        } else {
            self.pictures.show(&frame, &analysis, &*self.source);
        }
        self.let_see(&frame, Some(&analysis));
        self.last_frame = Some(frame);
        Ok(())
    }

    /// Leaves a frame for viewers; drawn only where one of them wants that.
    fn let_see(&mut self, frame: &Frame, analysis: Option<&Analysis>) {
        let masked = self.pictures.painter.hides();
        let wanted = self.glance.wants_rendered() || masked && self.glance.is_watched();
        let wants = Wants { drawn: true, clean: false };
        let drawn = wanted.then(|| self.pictures.painter.picture_again(frame, wants)).flatten();
        self.glance.show(frame, drawn.map(|picture| picture.shown), masked, analysis);
        if self.last_frame.as_ref().is_none_or(|last| last.size != frame.size) {
            self.glance.codec(self.source.info().codec);
        }
    }

    /// A camera that is away leaves its viewers with a picture that says so, some times a second.
    fn tell_silence(&mut self) {
        let Some((frame, at)) = &self.last_shown else { return };
        let silent_for = at.elapsed();
        if silent_for >= SILENCE && !self.source.status().connected && self.source.info().live {
            let now = StreamTime::from_nanos(frame.time.as_nanos() + silent_for.as_nanos() as u64);
            self.pictures.show_no_signal(frame, now, &*self.source);
        }
    }

    /// The user has changed areas, lines or names: what was open in areas that are gone is ended.
    fn take_over_changes(&mut self) -> Result<(), RecordError> {
        let Some(change) = self.scene.lock().take() else { return Ok(()) };
        let (wishes, info) = *change;
        let ended = self.solution.set_zones(wishes.areas.clone(), wishes.lines.clone());
        self.solution.set_masks(wishes.output.render.masks.clone());
        self.schedules.change(&wishes, &mut self.solution);
        self.pictures.painter.change(&wishes, &info);
        self.streams.rename(info.name);
        self.record(None, &ended, Passage::begin(None))
    }

    /// Something the user should know of the source: into the log of the program, and as a record.
    fn notice(&mut self, notice: Diagnostics) -> Result<(), RecordError> {
        tracing::warn!("{}: {}", notice.title, notice.message);
        let group = Group { at: self.status.last_instant(), records: vec![Record::Diagnostics(notice)] };
        self.intake.take(&[&group], vec![], vec![])
    }

    /// What workers and the journal have to tell.
    fn notices(&mut self, last: bool) -> Result<(), RecordError> {
        self.intake.entrance().look(last);
        while let Some(notice) = self.intake.entrance().notices.next() {
            self.notice(notice)?;
        }
        Ok(())
    }

    /// Records, stream objects and the state of open events enter the log in one write.
    fn record(
        &mut self,
        frame: Option<&Frame>,
        analysis: &Analysis,
        passage: Passage,
    ) -> Result<(), RecordError> {
        self.glance.happened(&analysis.groups);
        let state = self.open_events.changes(analysis);
        let mut objects = match frame {
            Some(frame) => {
                let painter = &mut self.pictures.painter;
                let wants = Wants { drawn: self.streams.wants_picture(), clean: self.streams.wants_parts() };
                let picture = wants.any().then(|| painter.picture(frame, analysis, wants)).flatten();
                self.streams.objects(frame, analysis, Some(&mut self.solution), picture.as_ref())
            }
            None => Vec::new(),
        };
        let statistics = frame.and_then(|frame| self.status.statistics_due(frame));
        objects.extend(statistics.as_ref().and_then(|due| self.streams.statistics(&due.group)));
        let record = statistics.iter().filter(|due| due.is_record).map(|due| &due.group);
        let groups: Vec<_> = analysis.groups.iter().chain(record).collect();
        self.intake.take(&groups, objects, state)?;
        passage.recorded(self.streams.instance(), &analysis.groups);
        Ok(())
    }
}
