//! One running instance: the pieces of the data path put together, and taken apart in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use thiserror::Error;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use watchpost_analytics::Securt;
use watchpost_config::{self as config, Pace};
use watchpost_export::{Output, Plan, Written};
use watchpost_journal as journal;
use watchpost_model::Id;
use watchpost_source::{SourceError, SourceInfo};

use crate::{
    entrance::Entrance,
    intake::Intake,
    keeper::{Bounds, Gate, Keeper},
    log::InstanceLog,
    open_events::{self, OpenEvents},
    overlay::Painter,
    pictures::Pictures,
    pipeline::{Ended, Pipeline},
    plans::{self, Planned},
    preprocess::{self, PreprocessTask},
    receivers::Receivers,
    recorder::Recorder,
    runtime::Surroundings,
    source_status::{SourceSnapshot, SourceStatus},
    status::{ReceiverSnapshot, ReceiverStatus, State},
    streams::Streams,
    wanted::Wanted,
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
    /// What a run before has left could not be put into the log.
    #[error("{0}")]
    Record(String),
    /// The system refused a thread.
    #[error("starting a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// A running instance.
pub struct Instance {
    id: Id,
    name: String,
    log: InstanceLog,
    source: Arc<SourceStatus>,
    frames_expected: Option<u64>,
    receivers: Receivers,
    statuses: Vec<Arc<ReceiverStatus>>,
    preprocess: Option<PreprocessTask>,
    keeper: JoinHandle<()>,
    stop: Arc<AtomicBool>,
    ended: watch::Receiver<Option<Ended>>,
}

impl Instance {
    /// Starts everything of `loaded`. Receivers that have a cursor go on from there.
    pub(crate) fn start(loaded: &config::Loaded, around: &Surroundings) -> Result<Self, StartError> {
        let wishes = &loaded.instance;
        let source = watchpost_source::open(&wishes.input, &around.paths)?;
        let info = plans::info(wishes, wishes.input.pace == Pace::Fast && !source.info().live);
        let stop = Arc::new(AtomicBool::new(false));
        let entrance = Arc::new(Entrance::new(&around.journal, info.lossless, stop.clone()));
        let log = InstanceLog::open(around.journal.log(&format!("instance/{}", wishes.id))?, entrance);
        let wanted = Arc::new(Wanted::default());
        let mut receivers = Receivers::new(
            around.journal.clone(),
            log.clone(),
            wishes.id,
            around.tokio.clone(),
            wanted.clone(),
        );
        let mut pictures = Pictures::new(Painter::new(wishes, &info), info.lossless);
        let mut statuses = plans::refused(loaded);
        for Planned { plan, status } in plans::all(wishes, &info, around, &mut statuses) {
            statuses.push(status.clone());
            let Plan { selection, common, output, .. } = plan;
            match output {
                Output::Receiver(make) => receivers.add(status, selection, common, make())?,
                Output::Pictures(make) => {
                    status.takes_no_records();
                    pictures.add(make, status)?;
                }
            }
        }
        let recorder = Arc::new(Recorder::new(log.clone(), &info, plans::version(wishes), wanted.clone()));
        let (intake, preprocess) = PreprocessTask::start(wishes, recorder, around)
            .map_err(|error| StartError::Record(error.to_string()))?;
        let elsewhere = match &intake {
            Intake::Direct(_) => preprocess::abandoned(&around.journal, wishes.id)?,
            Intake::Inbox { .. } => Some(log.store().clone()),
        };
        open_events::end_left_open(&intake, elsewhere.as_ref())
            .map_err(|error| StartError::Record(error.to_string()))?;
        let status = Arc::new(SourceStatus::new(source.info().fps));
        let frames_expected = frames_expected(&source.info(), wishes.input.looping);
        let gate = Arc::new(Gate::default());
        let bounds = Bounds::new(&wishes.journal, info.lossless);
        let keeper = Keeper::new(log.clone(), bounds, receivers.statuses(), gate.clone())
            .with_inbox(preprocess.as_ref().map(PreprocessTask::kept));
        let pipeline = Pipeline {
            source,
            solution: Securt::new(plans::solution(wishes)),
            streams: Streams::new(info, wanted),
            open_events: OpenEvents::default(),
            intake,
            pictures,
            gate,
            last_frame: None,
            status: status.clone(),
        };
        let ended = spawn(pipeline, &wishes.name, stop.clone())?;
        Ok(Self {
            id: wishes.id,
            name: wishes.name.clone(),
            log,
            source: status,
            frames_expected,
            receivers,
            statuses,
            preprocess,
            keeper: around.tokio.spawn(keeper.run()),
            stop,
            ended,
        })
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many frames the source has, where that is known: a file that does not loop.
    pub fn frames_expected(&self) -> Option<u64> {
        self.frames_expected
    }

    /// Frames in, analysed, skipped, and where in the stream it is.
    pub fn source(&self) -> SourceSnapshot {
        SourceSnapshot { lost: self.log.entrance().lost(), ..self.source.snapshot() }
    }

    /// The state of every export and exporter, also of those that could not be started.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        let end = self.log.end();
        self.statuses.iter().map(|status| status.snapshot(end)).collect()
    }

    /// What the preprocess command is doing, if there is one.
    pub fn preprocess(&self) -> Option<ReceiverSnapshot> {
        self.preprocess.as_ref().map(PreprocessTask::snapshot)
    }

    /// Tells the source and the analysis to stop. What is in the log is still delivered.
    pub fn stop_source(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits until the source has ended or stopped and all its frames have passed the analysis.
    pub async fn source_ended(&mut self) -> Ended {
        match self.ended.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ended::Stopped),
            Err(_) => Ended::Failed("the instance's thread panicked; this is a bug in Watchpost".into()),
        }
    }

    /// After the source has ended: waits, at most `limit`, until the preprocess command has given its
    /// last answer and every receiver has everything.
    pub async fn drain(&mut self, limit: Duration) {
        let receivers = &self.receivers;
        let (preprocess, log) = (&mut self.preprocess, &self.log);
        let all = async {
            if let Some(preprocess) = preprocess {
                preprocess.finish().await;
            }
            receivers.drain(log.end(), limit).await;
        };
        // Who is not done by then shows in the statuses.
        let _late = timeout(limit, all).await;
    }

    /// Stops everything that is left and lets go of all receivers. What they have not acknowledged
    /// waits for the next start.
    pub async fn shut_down(mut self) -> Final {
        self.stop_source();
        let ended = self.source_ended().await;
        let by = tokio::time::Instant::now() + CLOSE_LIMIT;
        if let Some(preprocess) = self.preprocess.as_mut() {
            preprocess.stop(PREPROCESS_LIMIT).await;
        }
        self.receivers.stop(by).await;
        self.keeper.abort();
        let end = self.log.end();
        for status in &self.statuses {
            status.finish(end);
        }
        if let Some(preprocess) = &self.preprocess {
            preprocess.finished();
        }
        let synced = timeout(SYNC_LIMIT, self.log.store().wait_durable(end)).await;
        if !matches!(synced, Ok(Ok(()))) {
            tracing::warn!("the log could not be synced within {SYNC_LIMIT:?}");
        }
        Final {
            ended,
            source: self.source(),
            receivers: self.statuses.iter().map(|s| (s.snapshot(end), s.written())).collect(),
            preprocess: self.preprocess(),
        }
    }
}

/// How an instance ended, and what it leaves.
#[derive(Debug)]
pub struct Final {
    /// Why the source ended.
    pub ended: Ended,
    /// Its last counts.
    pub source: SourceSnapshot,
    /// Every export and exporter with the files it has written.
    pub receivers: Vec<(ReceiverSnapshot, Vec<Written>)>,
    /// The preprocess command, if there is one.
    pub preprocess: Option<ReceiverSnapshot>,
}

impl Final {
    /// Whether the source ran to its end, nothing waits, and nothing was refused or lost.
    pub fn complete(&self) -> bool {
        let receivers = self.receivers.iter().map(|(receiver, _)| receiver).chain(&self.preprocess);
        let settled =
            |r: &ReceiverSnapshot| r.waiting == 0 && r.refused == 0 && r.state != State::Failed.name();
        matches!(self.ended, Ended::Finished | Ended::Stopped)
            && self.source.lost == 0
            && receivers.into_iter().all(settled)
    }
}

fn frames_expected(source: &SourceInfo, looping: bool) -> Option<u64> {
    let seconds = source.duration.filter(|_| !looping)?.as_secs();
    Some((seconds * source.fps?).round() as u64)
}

fn spawn(
    pipeline: Pipeline,
    name: &str,
    stop: Arc<AtomicBool>,
) -> Result<watch::Receiver<Option<Ended>>, std::io::Error> {
    let (tell, ended) = watch::channel(None);
    thread::Builder::new().name(format!("instance {name}")).spawn(move || {
        let how = pipeline.run(&stop);
        tell.send_replace(Some(how));
    })?;
    Ok(ended)
}
