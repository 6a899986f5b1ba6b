//! What lies behind an instance's solution, without a source: the benchmarks' way to put in more than any
//! source could give.
//!
//! No part of the program uses it, so it is hidden from the documentation; it is here because its parts
//! are not public. It takes what a frame gave by the way of `pipeline.rs`.

use std::{path::Path, sync::atomic::AtomicBool, time::Duration};

use watchpost_analytics::Analysis;
use watchpost_config::{self as config, Base};
use watchpost_model::Frame;

use crate::{
    StartError,
    instance::{Instance, failure},
    plans,
    runtime::Runtime,
    status::{ReceiverSnapshot, State},
    streams::Streams,
};

/// The metadata exports, exporters and preprocess command of an instance, and its log before them.
pub struct Rig {
    instance: Instance,
    streams: Streams,
}

impl Rig {
    /// Starts everything of `loaded` but its source, its solution and its picture exports.
    ///
    /// # Errors
    /// As for [`Runtime::start`]; also where an export cannot be planned.
    pub async fn start(runtime: &Runtime, loaded: &config::Loaded, file: &Path) -> Result<Self, StartError> {
        let around = runtime.surroundings(file, Base::InstanceFile);
        let instance = Instance::open(loaded, around.into()).await?;
        let receivers = instance.view().receivers();
        if let Some(failed) = receivers.iter().find(|receiver| receiver.state == State::Failed.name()) {
            let problem = failed.problem.clone().unwrap_or_default();
            return Err(StartError::Record(format!("{}: {problem}", failed.name)));
        }
        let info = plans::info(&loaded.instance, true);
        Ok(Self { streams: Streams::new(info, instance.view().wanted()), instance })
    }

    /// Takes what a frame gave, as the pipeline does at pace `fast`: waits while the log is at its bound.
    ///
    /// # Errors
    /// What kept it out of the log.
    pub fn take(&mut self, frame: &Frame, analysis: &Analysis) -> Result<(), StartError> {
        let (intake, gate) = self.instance.way_in();
        gate.wait(&AtomicBool::new(false));
        let objects = self.streams.objects(frame, analysis, None, None);
        let groups: Vec<_> = analysis.groups.iter().collect();
        let taken = intake.take(&groups, objects, vec![]);
        taken.map_err(failure)
    }

    /// How many records and objects every receiver together has.
    pub fn receivers(&self) -> Vec<ReceiverSnapshot> {
        self.instance.view().receivers()
    }

    /// Waits until the preprocess command and every receiver have everything, at most `limit`.
    pub async fn drain(&mut self, limit: Duration) {
        self.instance.drain(limit).await;
    }

    /// Closes everything.
    pub async fn stop(mut self) {
        self.instance.shut_down().await;
    }
}
