//! One instance: the pieces of the data path put together, changed while they run, and taken apart in
//! order.
//!
//! Two lives are in it. Log, receivers and preprocess command live as long as the instance is loaded. The
//! run of its source (`run.rs`) is started and stopped in between: what it leaves in the log is delivered
//! all the same.

mod replay;
mod run;
mod view;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use parking_lot::RwLock;
use thiserror::Error;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tracing::{Instrument, Span};
use watchpost_config::{self as config, Pace};
use watchpost_export::InstanceInfo;
use watchpost_journal as journal;
use watchpost_model::Id;
use watchpost_process::Talk;
use watchpost_source::{Source, SourceError};

use self::run::{Run, Surrounded};
pub use self::view::{Final, View};
pub(crate) use self::{
    replay::{ReplayError, find as find_record},
    run::{Scene, ended},
};
use crate::{
    dead::DeadLetters,
    entrance::Entrance,
    exports::{Exports, Removed, Wishes},
    glance::Glance,
    intake::{Intake, Way},
    keeper::{Bounds, Gate, Keeper},
    log::{Cursor, InstanceLog},
    open_events,
    pipeline::Ended,
    plans,
    preprocess::{self, PreprocessTask},
    recorder::{RecordError, Recorder},
    runtime::Surroundings,
    status::State,
    wanted::Wanted,
    whose,
};

/// How long everything together has to close at the end; TERM must be done within 10 s (PRODUCT 12).
const CLOSE_LIMIT: Duration = Duration::from_secs(8);
/// Of that the preprocess command may take so much: what it says last is still to be delivered.
const PREPROCESS_LIMIT: Duration = Duration::from_secs(4);
/// And the last sync on top.
const SYNC_LIMIT: Duration = Duration::from_secs(1);

/// Why an instance does not start at all. Trouble of a single export is a state of that export.
#[derive(Debug, Error)]
pub enum StartError {
    /// The source cannot be opened.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] journal::Error),
    /// Events left open by a crash could not be ended.
    #[error("{0}")]
    Record(String),
    /// The system refused a thread.
    #[error("starting a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A loaded instance. It delivers; its source runs between [`Instance::begin`] and its end.
pub struct Instance {
    around: Arc<Surroundings>,
    wishes: config::Instance,
    log: InstanceLog,
    wanted: Arc<Wanted>,
    intake: Arc<Intake>,
    gate: Arc<Gate>,
    exports: Exports,
    preprocess: Option<PreprocessTask>,
    keeper: JoinHandle<()>,
    run: Option<Run>,
    view: View,
    /// What is done for it says so in the log.
    span: Span,
}

impl Instance {
    /// Loads an instance: opens its log and starts delivering. Receivers that have a cursor go on from there.
    /// The source does not run yet.
    pub(crate) async fn open(loaded: &config::Loaded, around: Arc<Surroundings>) -> Result<Self, StartError> {
        let span = whose::instance(&loaded.instance.name);
        Self::open_within(loaded, around, span.clone()).instrument(span).await
    }

    async fn open_within(
        loaded: &config::Loaded,
        around: Arc<Surroundings>,
        span: Span,
    ) -> Result<Self, StartError> {
        let wishes = loaded.instance.clone();
        // Nobody is told to stop before there is a run; what is done meanwhile may wait for the journal.
        let entrance = Arc::new(Entrance::new(&around.journal, true, Arc::default()));
        let log = InstanceLog::open(around.journal.log(&log_name(wishes.id))?, entrance);
        log.latest().belongs_to(wishes.id);
        let wanted = Arc::new(Wanted::default());
        let mut exports = Exports::new(wishes.id, around.clone(), log.clone(), wanted.clone());
        let info = plans::info(&wishes, false);
        exports.apply(exports_of(loaded, &info, &[])).await?;
        let recorder = recorder(&wishes, &log, &info, &wanted);
        let (way, preprocess) =
            PreprocessTask::start(&wishes, recorder, &around, Talk::default()).map_err(failure)?;
        let elsewhere = elsewhere(&way, &log, &around, wishes.id)?;
        let intake = Arc::new(Intake::new(way));
        open_events::end_left_open(&intake, elsewhere.as_ref()).map_err(failure)?;
        let gate = Arc::new(Gate::default());
        let view = View {
            log: log.clone(),
            wanted: wanted.clone(),
            statuses: exports.statuses(),
            preprocess: Arc::new(RwLock::new(preprocess.as_ref().map(PreprocessTask::seen))),
            source: Arc::default(),
            glance: Arc::new(Glance::with(log.latest().clone())),
        };
        let mut instance = Self {
            keeper: around.tokio.spawn(async {}),
            around,
            wishes,
            log,
            wanted,
            intake,
            gate,
            exports,
            preprocess,
            run: None,
            view,
            span,
        };
        instance.keep_within_bounds(false);
        Ok(instance)
    }

    /// Starts the run of a source that was opened by [`Runtime::open_source`](crate::Runtime::open_source).
    pub(crate) async fn begin(&mut self, source: Box<dyn Source>) -> Result<(), StartError> {
        self.span.clone().in_scope(|| self.begin_within(source))
    }

    /// What is done for it goes on within this span.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    fn begin_within(&mut self, source: Box<dyn Source>) -> Result<(), StartError> {
        let info = plans::info(&self.wishes, self.wishes.input.pace == Pace::Fast && !source.info().live);
        // Bounds depend on whether it can wait.
        self.keep_within_bounds(info.lossless);
        self.exports.begin_run(&info);
        let stop = Arc::new(AtomicBool::new(false));
        self.log.entrance().begin_run(info.lossless, stop.clone());
        let run = Run::begin(
            source,
            stop,
            Surrounded {
                wishes: &self.wishes,
                info: &info,
                wanted: self.wanted.clone(),
                intake: self.intake.clone(),
                pictures: self.exports.pictures(),
                gate: self.gate.clone(),
                glance: self.view.glance.clone(),
            },
        )?;
        *self.view.source.write() = Some(run.status.clone());
        self.run = Some(run);
        Ok(())
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.wishes.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.wishes.name
    }

    /// How many frames the source has, where that is known: a file that does not loop.
    pub fn frames_expected(&self) -> Option<u64> {
        self.run.as_ref()?.frames_expected
    }

    /// What can be seen of it.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// Tells the source and the analysis to stop. What is in the log is still delivered.
    pub fn stop_source(&self) {
        if let Some(run) = &self.run {
            run.stop();
        }
    }

    /// Waits until the source has ended or stopped and all its frames have passed the analysis.
    pub async fn source_ended(&self) -> Ended {
        match &self.run {
            Some(run) => ended(run.ended.clone()).await,
            None => Ended::Stopped,
        }
    }

    /// Where the end of the run of its source will be told; `None` if it has not run.
    pub(crate) fn watch_end(&self) -> Option<watch::Receiver<Option<Ended>>> {
        self.run.as_ref().map(|run| run.ended.clone())
    }

    /// Stops the source and waits for its end.
    pub(crate) async fn end_run(&mut self) -> Ended {
        self.stop_source();
        let ended = self.source_ended().await;
        self.exports.end_run();
        ended
    }

    /// Brings everything to what `loaded` says, touching only what differs. `renames`: exports by their old
    /// and new names. Returns the exports that are gone, with what waited for them, and whether the source has
    /// to be opened anew: it has been stopped then.
    pub(crate) async fn apply(
        &mut self,
        loaded: &config::Loaded,
        renames: &[(String, String)],
    ) -> Result<Applied, StartError> {
        whose::renamed(&self.span, &loaded.instance.name);
        let span = self.span.clone();
        self.apply_within(loaded, renames).instrument(span).await
    }

    async fn apply_within(
        &mut self,
        loaded: &config::Loaded,
        renames: &[(String, String)],
    ) -> Result<Applied, StartError> {
        let new = &loaded.instance;
        let runs = self.run.as_ref().is_some_and(|run| run.has_ended().is_none());
        let reopen = runs && source_settings(&self.wishes) != source_settings(new);
        if reopen {
            self.end_run().await;
        }
        let info = plans::info(new, false);
        if self.wishes.output.preprocess != new.output.preprocess || self.wishes.name != new.name {
            self.change_preprocess(new, &info).await?;
        }
        let removed = self.exports.apply(exports_of(loaded, &info, renames)).await?;
        let scene_changed = !reopen && scene(&self.wishes) != scene(new);
        let bounds_changed = self.wishes.journal != new.journal;
        self.wishes = new.clone();
        if let Some(run) = self.run.as_ref().filter(|_| scene_changed) {
            run.change_scene(new, &info);
        }
        if bounds_changed && !reopen {
            self.keep_within_bounds(self.exports.lossless());
        }
        Ok(Applied { removed, reopen })
    }

    /// Another preprocess command, other settings of it, or none. Whoever writes waits meanwhile only for what
    /// is left in the inbox to be passed on, not for the command.
    async fn change_preprocess(
        &mut self,
        new: &config::Instance,
        info: &InstanceInfo,
    ) -> Result<(), StartError> {
        if let Some(mut old) = self.preprocess.take() {
            old.stop(PREPROCESS_LIMIT).await;
        }
        // What the one before said last is what the change is about.
        let talk = self.view.preprocess.read().as_ref().map(|seen| seen.status.talk.clone());
        let (intake, log, wanted) = (&self.intake, &self.log, &self.wanted);
        let exchange = || {
            let before = intake.state_log();
            // Made while nobody writes: it goes on with the numbers of the one before.
            let exchanged = intake.switch(|| {
                PreprocessTask::start(
                    new,
                    recorder(new, log, info, wanted),
                    &self.around,
                    talk.unwrap_or_default(),
                )
            })?;
            // Open events are closed where records now enter.
            open_events::move_along(&before, &intake.state_log())?;
            Ok(exchanged)
        };
        self.preprocess = tokio::task::block_in_place(exchange).map_err(failure)?;
        *self.view.preprocess.write() = self.preprocess.as_ref().map(PreprocessTask::seen);
        self.keep_within_bounds(self.exports.lossless());
        Ok(())
    }

    fn keep_within_bounds(&mut self, lossless: bool) {
        let bounds = Bounds::new(&self.wishes.journal, lossless);
        let keeper = Keeper::new(self.log.clone(), bounds, self.exports.statuses(), self.gate.clone())
            .with_inbox(self.preprocess.as_ref().map(PreprocessTask::seen));
        let old = std::mem::replace(
            &mut self.keeper,
            self.around.tokio.spawn(keeper.run().instrument(self.span.clone())),
        );
        old.abort();
    }

    /// After the source has ended: waits, at most `limit`, until the preprocess command has given its
    /// last answer and every receiver has everything.
    pub async fn drain(&mut self, limit: Duration) {
        let exports = &self.exports;
        let (preprocess, log) = (&mut self.preprocess, &self.log);
        let all = async {
            if let Some(preprocess) = preprocess {
                preprocess.finish().await;
            }
            exports.drain(log.end(), limit).await;
        };
        // Who is not done by then shows in the statuses.
        let _late = timeout(limit, all).await;
    }

    /// Where records enter, and what holds up who writes them.
    pub(crate) fn way_in(&self) -> (&Intake, &Gate) {
        (&self.intake, &self.gate)
    }

    /// Whether there is an export or exporter of this name.
    pub(crate) fn has_export(&self, name: &str) -> bool {
        self.view.statuses.read().iter().any(|status| status.name == name)
    }

    /// Moves the cursor of a receiver back to the record `from`, or the oldest that is kept, and lets go of the
    /// receiver: [`Instance::apply`] starts it again, from there. Says how many records that are.
    pub(crate) async fn replay(&mut self, name: &str, from: Option<u64>) -> Result<u64, ReplayError> {
        let log = self.log.clone();
        let back = tokio::task::block_in_place(|| find_record(&log, from))?;
        self.exports.let_go(name).instrument(self.span.clone()).await;
        let cursor = Cursor { position: back.position, ..self.log.cursor(name).unwrap_or_default() };
        self.log.set_cursor(name, Some(&cursor))?;
        Ok(back.records)
    }

    /// Lets go of a receiver: [`Instance::apply`] starts it again, where it was.
    pub(crate) async fn let_go(&mut self, name: &str) {
        self.exports.let_go(name).await;
    }

    /// Marks dead letters of a receiver to be sent again and lets go of the receiver: [`Instance::apply`]
    /// starts it again, with them first. Says how many they are.
    pub(crate) async fn resend(&mut self, name: &str, letters: &[u64]) -> Result<u64, journal::Error> {
        let dead = DeadLetters::open(&self.around.journal, self.wishes.id, name)?;
        let count = dead.mark(letters)?;
        self.exports.let_go(name).instrument(self.span.clone()).await;
        Ok(count)
    }

    /// The instance is deleted: every export goes.
    pub(crate) async fn remove_all_exports(&mut self) -> Result<Vec<Removed>, journal::Error> {
        let span = self.span.clone();
        self.remove_all_within().instrument(span).await
    }

    async fn remove_all_within(&mut self) -> Result<Vec<Removed>, journal::Error> {
        if let Some(preprocess) = self.preprocess.as_mut() {
            preprocess.stop(PREPROCESS_LIMIT).await;
        }
        self.keeper.abort();
        self.exports.remove_all().await
    }

    /// Stops everything that is left and lets go of all receivers. What they have not acknowledged
    /// waits for the next start.
    pub async fn shut_down(&mut self) -> Final {
        let span = self.span.clone();
        self.shut_down_within().instrument(span).await
    }

    async fn shut_down_within(&mut self) -> Final {
        let ended = self.end_run().await;
        // Whoever still waits for the journal to be writable has waited long enough.
        self.log.entrance().begin_run(true, Arc::new(AtomicBool::new(true)));
        let by = tokio::time::Instant::now() + CLOSE_LIMIT;
        if let Some(preprocess) = self.preprocess.as_mut() {
            preprocess.stop(PREPROCESS_LIMIT).await;
        }
        self.exports.stop(by).await;
        self.keeper.abort();
        let end = self.log.end();
        if let Some(preprocess) = &self.preprocess {
            preprocess.finished();
        }
        let synced = timeout(SYNC_LIMIT, self.log.store().wait_durable(end)).await;
        if !matches!(synced, Ok(Ok(()))) {
            tracing::warn!("the log could not be synced within {SYNC_LIMIT:?}");
        }
        let statuses = self.view.statuses.read();
        let receivers = statuses.iter().filter(|status| status.state() != State::Disabled);
        Final {
            ended,
            source: self.view.source(),
            receivers: receivers.map(|s| (s.snapshot(end), s.written())).collect(),
            preprocess: self.view.preprocess(),
        }
    }
}

/// What [`Instance::apply`] has done.
pub(crate) struct Applied {
    pub removed: Vec<Removed>,
    /// The source was stopped and is to be opened anew.
    pub reopen: bool,
}

/// The name of an instance's log in the store.
pub(crate) fn log_name(id: Id) -> String {
    format!("instance/{id}")
}

fn exports_of<'a>(
    loaded: &'a config::Loaded,
    info: &'a InstanceInfo,
    renames: &'a [(String, String)],
) -> Wishes<'a> {
    Wishes { exports: plans::wishes(loaded), info, available: plans::available(&loaded.instance), renames }
}

fn recorder(
    wishes: &config::Instance,
    log: &InstanceLog,
    info: &InstanceInfo,
    wanted: &Arc<Wanted>,
) -> Arc<Recorder> {
    Arc::new(Recorder::new(log.clone(), info, plans::version(wishes), wanted.clone()))
}

/// What a change of makes it necessary to open the source anew.
fn source_settings(wishes: &config::Instance) -> impl PartialEq + '_ {
    let config::Instance { input, debug, run_statistics, send_diagnostics, send_metadata, .. } = wishes;
    (input, debug, run_statistics, send_diagnostics, send_metadata)
}

/// What the pipeline takes over while it runs.
fn scene(wishes: &config::Instance) -> impl PartialEq + '_ {
    (&wishes.areas, &wishes.lines, &wishes.name, &wishes.output.render)
}

/// The log through which records no longer enter, since a preprocess command came or went.
fn elsewhere(
    way: &Way,
    log: &InstanceLog,
    around: &Surroundings,
    id: Id,
) -> Result<Option<journal::Log>, journal::Error> {
    match way {
        Way::Direct(_) => preprocess::abandoned(&around.journal, id),
        Way::Inbox { .. } => Ok(Some(log.store().clone())),
    }
}

pub(crate) fn failure(error: RecordError) -> StartError {
    StartError::Record(error.to_string())
}
