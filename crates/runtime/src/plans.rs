//! From what the instance file asks for to exports that can be started. What cannot be is a visible
//! state of that export; the others go on.

use std::sync::Arc;

use watchpost_analytics as analytics;
use watchpost_config::{self as config, Problem};
use watchpost_export::{self as export, InstanceInfo, Plan, Request};

use crate::{
    Surroundings,
    status::{ReceiverStatus, State},
};

/// An export that can be started.
pub(crate) struct Planned {
    pub plan: Plan,
    pub status: Arc<ReceiverStatus>,
}

/// Exports that could not even be read.
pub(crate) fn refused(loaded: &config::Loaded) -> Vec<Arc<ReceiverStatus>> {
    loaded.broken.iter().map(|broken| failed(&broken.name, "-", &broken.problems)).collect()
}

/// All exports and exporters that are on; those that cannot be planned join `statuses` as failed.
pub(crate) fn all(
    wishes: &config::Instance,
    info: &InstanceInfo,
    around: &Surroundings,
    statuses: &mut Vec<Arc<ReceiverStatus>>,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    for handler in wishes.output.handlers.iter().filter(|handler| handler.enabled) {
        let request = Request { handler, paths: &around.paths, instance: info };
        match export::plan(&request) {
            Ok(plan) => {
                for warning in &plan.warnings {
                    tracing::warn!("{warning}");
                }
                planned.push(Planned::new(plan));
            }
            Err(problems) => statuses.push(failed(&handler.name, "-", &problems)),
        }
    }
    for (name, _) in wishes.output.exporters.iter().filter(|(_, enabled)| *enabled) {
        match around.exporter(name, info) {
            Ok(plan) => planned.push(Planned::new(plan)),
            Err(problem) => statuses.push(failed(name, "exporter", &[problem])),
        }
    }
    planned
}

impl Planned {
    fn new(plan: Plan) -> Self {
        let status = Arc::new(ReceiverStatus::new(plan.name.clone(), plan.format.name));
        Self { plan, status }
    }
}

fn failed(name: &str, format: &'static str, problems: &[Problem]) -> Arc<ReceiverStatus> {
    let status = ReceiverStatus::new(name, format);
    let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
    status.set(State::Failed, Some(problems.join("\n")));
    Arc::new(status)
}

/// What the analysis has to know.
pub(crate) fn solution(wishes: &config::Instance) -> analytics::Settings {
    analytics::Settings {
        areas: wishes.areas.clone(),
        lines: wishes.lines.clone(),
        motion_class: wishes.input.motion_class,
        debug: wishes.debug,
        ..analytics::Settings::default()
    }
}
