//! What lies behind an instance's solution, without a source: the benchmarks' way to put in more than any
//! source could give.
//!
//! No part of the program uses it, so it is hidden from the documentation; it is here because its parts
//! are not public. It takes what a frame gave by the way of `pipeline.rs`.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use watchpost_analytics::Analysis;
use watchpost_config as config;
use watchpost_export::{Output, Plan};
use watchpost_model::Frame;

use crate::{
    StartError,
    entrance::Entrance,
    intake::Intake,
    keeper::{Bounds, Gate, Keeper},
    log::InstanceLog,
    plans::{self, Planned},
    preprocess::PreprocessTask,
    receivers::Receivers,
    recorder::{RecordError, Recorder},
    runtime::Runtime,
    status::ReceiverSnapshot,
    streams::Streams,
    wanted::Wanted,
};

/// The metadata exports, exporters and preprocess command of an instance, and its log before them.
pub struct Rig {
    log: InstanceLog,
    streams: Streams,
    intake: Intake,
    gate: Arc<Gate>,
    receivers: Receivers,
    preprocess: Option<PreprocessTask>,
    keeper: JoinHandle<()>,
}

impl Rig {
    /// Starts everything of `loaded` but its source, its solution and its picture exports.
    ///
    /// # Errors
    /// As for [`Runtime::start`]; also where an export cannot be planned.
    pub fn start(runtime: &Runtime, loaded: &config::Loaded, file: &Path) -> Result<Self, StartError> {
        let around = runtime.around(file);
        let wishes = &loaded.instance;
        let info = plans::info(wishes, true);
        let entrance = Arc::new(Entrance::new(&around.journal, info.lossless, Arc::default()));
        let log = InstanceLog::open(around.journal.log(&format!("instance/{}", wishes.id))?, entrance);
        let wanted = Arc::new(Wanted::default());
        let mut receivers = Receivers::new(
            around.journal.clone(),
            log.clone(),
            wishes.id,
            around.tokio.clone(),
            wanted.clone(),
        );
        let mut failed = plans::refused(loaded);
        for Planned { plan, status } in plans::all(wishes, &info, &around, &mut failed) {
            let Plan { selection, common, output: Output::Receiver(make), .. } = plan else { continue };
            receivers.add(status, selection, common, make())?;
        }
        if let Some(failed) = failed.first() {
            let problem = failed.snapshot(0).problem.unwrap_or_default();
            return Err(StartError::Record(format!("{}: {problem}", failed.name)));
        }
        let recorder = Arc::new(Recorder::new(log.clone(), &info, plans::version(wishes), wanted.clone()));
        let (intake, preprocess) = PreprocessTask::start(wishes, recorder, &around).map_err(failure)?;
        let gate = Arc::new(Gate::default());
        let bounds = Bounds::new(&wishes.journal, true);
        let keeper = Keeper::new(log.clone(), bounds, receivers.statuses(), gate.clone());
        Ok(Self {
            log,
            streams: Streams::new(info, wanted),
            intake,
            gate,
            receivers,
            preprocess,
            keeper: around.tokio.spawn(keeper.run()),
        })
    }

    /// Takes what a frame gave, as the pipeline does at pace `fast`: waits while the log is at its bound.
    ///
    /// # Errors
    /// What kept it out of the log.
    pub fn take(&mut self, frame: &Frame, analysis: &Analysis) -> Result<(), StartError> {
        self.gate.wait(&AtomicBool::new(false));
        let objects = self.streams.objects(frame, analysis);
        let groups: Vec<_> = analysis.groups.iter().collect();
        let taken = self.intake.take(&groups, objects, vec![]);
        taken.map_err(failure)
    }

    /// How many records and objects every receiver together has.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        let end = self.log.end();
        self.receivers.statuses().read().iter().map(|status| status.snapshot(end)).collect()
    }

    /// Waits until the preprocess command and every receiver have everything, at most `limit`.
    pub async fn drain(&mut self, limit: Duration) {
        if let Some(preprocess) = &mut self.preprocess {
            preprocess.finish().await;
        }
        self.receivers.drain(self.log.end(), limit).await;
    }

    /// Closes everything, within `limit`.
    pub async fn stop(mut self, limit: Duration) {
        self.receivers.stop(Instant::now() + limit).await;
        self.keeper.abort();
    }
}

fn failure(error: RecordError) -> StartError {
    StartError::Record(error.to_string())
}
