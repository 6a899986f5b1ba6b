//! From what the instance file asks for to exports that can be started. What cannot be is a visible
//! state of that export; the others go on.

use std::{collections::BTreeMap, sync::Arc};

use watchpost_analytics as analytics;
use watchpost_config::{self as config, Found, Handler, Paths, Problem};
use watchpost_export::{self as export, InstanceInfo, Plan, Request, Selection};
use watchpost_process::{Spec, split};
use watchpost_schema::{SchemaId, Version};

use crate::{
    preprocess,
    runtime::{Surroundings, Usable, find_exporter},
    status::ReceiverStatus,
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
                let problems = match &plan.selection {
                    Selection::Records(records) => unavailable(handler, records, available(wishes)),
                    Selection::Stream(_) => Vec::new(),
                };
                if problems.is_empty() {
                    planned.push(Planned::new(plan));
                } else {
                    statuses.push(failed(&handler.name, plan.format.name, &problems));
                }
            }
            Err(problems) => statuses.push(failed(&handler.name, "-", &problems)),
        }
    }
    for (name, _) in wishes.output.exporters.iter().filter(|(_, enabled)| *enabled) {
        match around.exporter(name, info, available(wishes)) {
            Ok(plan) => planned.push(Planned::new(plan)),
            Err(problems) => statuses.push(failed(name, "exporter", &problems)),
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
    status.takes_no_records();
    let problems: Vec<_> = problems.iter().map(Problem::to_string).collect();
    status.cannot_start(problems.join("\n"));
    Arc::new(status)
}

/// The versions that receivers of an instance can have: one behind a preprocess command that sees version 1,
/// which is not turned into what it never was.
fn available(wishes: &config::Instance) -> &'static [Version] {
    match &wishes.output.preprocess {
        Some(preprocess) if preprocess.version == 1 => &[Version::V1],
        _ => &[Version::V1, Version::V2],
    }
}

/// The version that records are stored in: the newest, but the one the preprocess command writes.
pub(crate) fn version(wishes: &config::Instance) -> Version {
    if available(wishes) == [Version::V1] { Version::V1 } else { Version::V2 }
}

/// Everything that would keep the instance, an export or an exporter from starting, and what is probably not
/// meant. Of the disk it looks at the source's file and at the programs of commands only.
pub fn check(loaded: &config::Loaded, paths: &Paths, exporters: &[Found]) -> Checked {
    let wishes = &loaded.instance;
    let info = info(wishes, false);
    let mut errors: Vec<Problem> = loaded.errors().cloned().collect();
    let mut warnings = loaded.warnings.clone();
    for handler in wishes.output.handlers.iter().filter(|handler| handler.enabled) {
        match export::plan(&Request { handler, paths, instance: &info }) {
            Ok(plan) => {
                warnings.extend(plan.warnings);
                if let Selection::Records(records) = &plan.selection {
                    errors.extend(unavailable(handler, records, available(wishes)));
                }
            }
            Err(problems) => errors.extend(problems),
        }
    }
    for (name, _) in wishes.output.exporters.iter().filter(|(_, enabled)| *enabled) {
        match find_exporter(exporters, name) {
            Ok(usable) => errors.extend(no_program(&usable)),
            Err(problems) => errors.extend(problems),
        }
    }
    let mut fatal = Vec::new();
    if let Err(error) = watchpost_source::check(&wishes.input, paths) {
        fatal.push(Problem::at(error.path, error.message, ""));
    }
    if let Some(Err(message)) =
        wishes.output.preprocess.as_ref().map(|p| preprocess::resolve(&p.command, paths))
    {
        let fix =
            "expected a program and its arguments; a relative path begins at the instance file's folder";
        fatal.push(Problem::at("/Output/preprocess_cmd", message, fix));
    }
    // Problems of a manifest know their place already.
    let locate =
        |problem: Problem| if problem.file.as_os_str().is_empty() { loaded.locate(problem) } else { problem };
    let located = |problems: Vec<Problem>| problems.into_iter().map(locate).collect();
    Checked { fatal: located(fatal), errors: located(errors), warnings: located(warnings) }
}

/// Why an exporter's program cannot be executed. One that a setting names is seen when it starts.
fn no_program(usable: &Usable<'_>) -> Option<Problem> {
    let dir = std::path::absolute(usable.dir).ok()?;
    let words = split(&usable.manifest.command).ok()?;
    if words.first()?.contains("{settings.") {
        return None;
    }
    let error = Spec::of_words(&usable.manifest.name, words, &dir).resolve().err()?;
    let problem = Problem::at("/command", error.to_string(), "");
    Some(Problem { file: dir.join(config::MANIFEST_FILE), ..problem })
}

/// What [`check`] found.
#[derive(Debug)]
pub struct Checked {
    /// Nothing could be delivered: not worth starting.
    pub fatal: Vec<Problem>,
    /// Exports and exporters that do not work; the others do.
    pub errors: Vec<Problem>,
    /// What works, but is probably not meant.
    pub warnings: Vec<Problem>,
}

/// What a handler asks for and cannot have behind the preprocess command.
fn unavailable(
    handler: &Handler,
    records: &BTreeMap<SchemaId, Version>,
    available: &[Version],
) -> Vec<Problem> {
    let not = records.iter().filter(|(_, version)| !available.contains(version));
    not.map(|(id, version)| {
        let path = format!("{}/config/schema_events", handler.path);
        let number = version.number();
        let message =
            format!("`{id}:{number}` cannot be had behind a preprocess command that sees version 1");
        let fix =
            format!("subscribe to `{id}:1`, or set preprocess_version to 2 if the command understands it");
        Problem::at(path, message, fix)
    })
    .collect()
}

/// What exports may know of an instance.
pub(crate) fn info(wishes: &config::Instance, lossless: bool) -> InstanceInfo {
    InstanceInfo {
        id: wishes.id,
        name: wishes.name.clone(),
        time_zone: wishes.input.time_zone.clone(),
        lossless,
    }
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
