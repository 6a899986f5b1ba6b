//! From what the instance file asks for to exports that can be started. What cannot be is a visible
//! state of that export; the others go on.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use watchpost_analytics as analytics;
use watchpost_config::{
    self as config, Found, Handler, Hours, Manifest, Pace, Paths, Problem, SettingValue, Switch,
};
use watchpost_export::{self as export, InstanceInfo, Output, Plan, Request, Selection};
use watchpost_process::{Spec, split};
use watchpost_schema::{SchemaId, Version};

use crate::{
    claims::{self, Claims},
    pictures::{Made, Shows},
    preprocess,
    runtime::{Surroundings, Usable, find_exporter},
};

/// One export or exporter as an instance file wants it.
pub(crate) struct Wish<'a> {
    pub name: &'a str,
    pub switch: Switch,
    what: What<'a>,
}

enum What<'a> {
    Export(&'a Handler),
    /// With the JSON pointer of the entry that switches it.
    Exporter(&'a str),
    /// It could not even be read.
    Broken(&'a [Problem]),
}

/// What an export was planned from: while this stays the same, so does the export.
#[derive(Clone, PartialEq)]
pub(crate) enum Origin {
    Export(Box<ExportOrigin>),
    Exporter(Box<ExporterOrigin>),
}

#[derive(Clone, PartialEq)]
pub(crate) struct ExportOrigin {
    pub handler: Handler,
    info: InstanceInfo,
    available: Vec<Version>,
}

#[derive(Clone, PartialEq)]
pub(crate) struct ExporterOrigin {
    pub manifest: Manifest,
    pub dir: PathBuf,
    pub settings: BTreeMap<String, SettingValue>,
    pub info: InstanceInfo,
    pub available: Vec<Version>,
}

impl Wish<'_> {
    /// Its format's name, as far as it can be told.
    pub fn format(&self) -> &'static str {
        match self.what {
            What::Export(handler) => export::format_for(&handler.uri).map_or("-", |format| format.name),
            What::Exporter(_) => export::exporter::NAME,
            What::Broken(_) => "-",
        }
    }
}

/// Everything that the instance file wants to leave, in its order.
pub(crate) fn wishes(loaded: &config::Loaded) -> Vec<Wish<'_>> {
    let output = &loaded.instance.output;
    let exports = output.handlers.iter().map(|handler| Wish {
        name: &handler.name,
        switch: handler.switch,
        what: What::Export(handler),
    });
    let exporters = output.exporters.iter().zip(&output.exporter_paths);
    let exporters =
        exporters.map(|((name, switch), path)| Wish { name, switch: *switch, what: What::Exporter(path) });
    let broken = loaded.broken.iter().map(|broken| Wish {
        name: &broken.name,
        switch: Switch::On,
        what: What::Broken(&broken.problems),
    });
    exports.chain(exporters).chain(broken).collect()
}

/// Makes a plan of an export, and says what it was made from.
pub(crate) fn plan(
    wish: &Wish<'_>,
    info: &InstanceInfo,
    available: &[Version],
    around: &Surroundings,
) -> Result<(Plan, Origin), Vec<Problem>> {
    // How fast the source is concerns pictures only, and those look when it begins.
    let info = InstanceInfo { lossless: false, ..info.clone() };
    match wish.what {
        What::Broken(problems) => Err(problems.to_vec()),
        What::Exporter(path) => {
            let (plan, origin) = around.exporter(wish.name, path, &info, available)?;
            Ok((plan, Origin::Exporter(Box::new(origin))))
        }
        What::Export(handler) => {
            let plan = export::plan(&Request { handler, paths: &around.paths, instance: &info })?;
            if let Selection::Records(records) = &plan.selection {
                let problems = unavailable(handler, records, available);
                if !problems.is_empty() {
                    return Err(problems);
                }
            }
            // Where it stands in the file, and whether it is on, changes nothing about it.
            let handler = Handler { path: String::new(), switch: Switch::On, ..handler.clone() };
            let origin = ExportOrigin { handler, info, available: available.to_vec() };
            Ok((plan, Origin::Export(Box::new(origin))))
        }
    }
}

/// How an export of pictures or video is started, for a source that is known by now.
pub(crate) fn pictures(handler: &Handler, info: &InstanceInfo, paths: &Paths) -> Result<Shows, Vec<Problem>> {
    let plan = export::plan(&Request { handler, paths, instance: info })?;
    let made = match plan.output {
        Output::Pictures(make) => Made::Pictures(make),
        Output::Video(output) => Made::Video(output),
        Output::Receiver(_) => return Err(vec![Problem::at("/uri", "takes no pictures", "")]),
    };
    let hours = plan.common.schedule.as_ref().map(Hours::new);
    match plan.selection {
        Selection::Stream(stream) => Ok(Shows { made, stream, hours, viewers: plan.format.viewers }),
        Selection::Records(_) => Err(vec![Problem::at("/sink", "records are no pictures", "")]),
    }
}

/// The versions that receivers of an instance can have: one behind a preprocess command that sees version 1,
/// which is not turned into what it never was.
pub(crate) fn available(wishes: &config::Instance) -> &'static [Version] {
    match &wishes.output.preprocess {
        Some(preprocess) if preprocess.version == 1 => &[Version::V1],
        _ => &Version::ALL,
    }
}

/// The version that records are stored in: the newest that every id has, but the one the preprocess command writes.
pub(crate) fn version(wishes: &config::Instance) -> Version {
    if available(wishes) == [Version::V1] { Version::V1 } else { Version::V2 }
}

/// Everything that would keep the instance, an export or an exporter from starting, and what is probably not
/// meant. Of the disk it looks at the source's file and at the programs of commands only. `claims` has the files of what
/// was checked before, and then those of this instance too.
pub fn check(loaded: &config::Loaded, paths: &Paths, exporters: &[Found], claims: &Claims) -> Checked {
    let wishes = &loaded.instance;
    let info = info(wishes, false);
    let mut errors: Vec<Problem> = loaded.errors().cloned().collect();
    let mut warnings = loaded.warnings.clone();
    for handler in wishes.output.handlers.iter().filter(|handler| handler.switch != Switch::Off) {
        match export::plan(&Request { handler, paths, instance: &info }) {
            Ok(plan) => {
                warnings.extend(unknown_zones(handler, &plan, wishes));
                warnings.extend(plan.warnings);
                if let Selection::Records(records) = &plan.selection {
                    errors.extend(unavailable(handler, records, available(wishes)));
                }
                // Where the instance says nothing, `serve` plays a file in real time and `run` does not.
                let says_so = loaded.document.get("Input").is_some_and(|input| input.get("pace").is_some());
                if says_so { &mut errors } else { &mut warnings }.extend(too_fast(handler, wishes, paths));
            }
            Err(problems) => errors.extend(problems),
        }
    }
    let twice = claims.set(info.id, &info.name, &files(&self::wishes(loaded), &info, paths));
    errors.extend(twice.into_iter().map(|(_, problem)| problem));
    let named = wishes.output.exporters.iter().zip(&wishes.output.exporter_paths);
    for ((name, _), path) in named.filter(|((_, switch), _)| *switch != Switch::Off) {
        match find_exporter(exporters, name, path) {
            Ok(usable) => {
                let (wrong, doubtful) = of_manifest(&usable, available(wishes));
                errors.extend(wrong);
                warnings.extend(doubtful);
            }
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

/// Why an export that can be planned cannot show a file that passes as fast as it can.
pub(crate) fn too_fast(handler: &Handler, wishes: &config::Instance, paths: &Paths) -> Vec<Problem> {
    if wishes.input.pace != Pace::Fast || !watchpost_source::is_file(&wishes.input) {
        return Vec::new();
    }
    let info = info(wishes, true);
    export::plan(&Request { handler, paths, instance: &info }).err().unwrap_or_default()
}

/// What keeps the exporter of a manifest, read from `file`, from being started, and the ids that it asks for in vain.
pub fn check_manifest(manifest: &Manifest, file: &Path) -> (Vec<Problem>, Vec<Problem>) {
    let dir = file.parent().unwrap_or(Path::new(""));
    let (mut errors, mut warnings) = of_manifest(&Usable { dir, manifest }, &Version::ALL);
    // As the user has named it.
    for problem in errors.iter_mut().chain(&mut warnings) {
        file.clone_into(&mut problem.file);
    }
    (errors, warnings)
}

fn of_manifest(usable: &Usable<'_>, available: &[Version]) -> (Vec<Problem>, Vec<Problem>) {
    let mut errors = Vec::from_iter(no_program(usable));
    let agreed = export::exporter::agree(usable.manifest, usable.dir, available);
    let warnings = agreed.map(|(_, in_vain)| in_vain).unwrap_or_else(|nothing| {
        errors.push(nothing);
        Vec::new()
    });
    (errors, warnings)
}

/// Why an exporter's program cannot be executed. One that a setting names is seen when it starts.
pub(crate) fn no_program(usable: &Usable<'_>) -> Option<Problem> {
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

/// The files that the exports of an instance write to; of those that are switched off none.
pub(crate) fn files(wishes: &[Wish<'_>], info: &InstanceInfo, paths: &Paths) -> Vec<claims::Wanted> {
    let wanted = |wish: &Wish<'_>| {
        let What::Export(handler) = wish.what else { return None };
        let file = export::file_of(&Request { handler, paths, instance: info })?;
        let (export, path) = (wish.name.to_owned(), handler.path.clone());
        (wish.switch != Switch::Off).then_some(claims::Wanted { export, file, path })
    };
    wishes.iter().filter_map(wanted).collect()
}

/// Areas and lines of a filter that the instance does not have (yet).
fn unknown_zones(handler: &Handler, plan: &Plan, wishes: &config::Instance) -> Vec<Problem> {
    let areas = wishes.areas.iter().map(|area| (area.name.as_str(), area.id));
    let zones: Vec<_> = areas.chain(wishes.lines.iter().map(|line| (line.name.as_str(), line.id))).collect();
    let known = |zone: &str| zones.iter().any(|(name, id)| *name == zone || zone.parse() == Ok(*id));
    let problem = |(index, zone): (usize, &str)| {
        let names: Vec<_> = zones.iter().map(|(name, _)| *name).collect();
        let there = if names.is_empty() { "it has none".to_owned() } else { names.join(", ") };
        let message = format!("the instance has no area or line `{zone}`: nothing of it passes");
        let path = format!("{}/config/filter/zones/{index}", handler.path);
        Problem::at(path, message, format!("expected one of its areas and lines: {there}"))
    };
    plan.common.filter.unknown_zones(known).map(problem).collect()
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
        masks: wishes.output.render.masks.clone(),
        debug: wishes.debug,
        motion: analytics::MotionSettings {
            max_pixels: wishes.input.input_pixel_limit,
            ..analytics::MotionSettings::default()
        },
        track_namespace: wishes.id,
        ..analytics::Settings::default()
    }
}
