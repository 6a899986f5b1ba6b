//! Exporters: third-party programs that are fed records on STDIN (PRODUCT section 9).
//!
//! [`plan`] makes a [`Plan`] of an installed exporter, as a format makes one of a handler; the receiver
//! behind it is in `receiver.rs`.

pub mod kit;
mod receiver;
mod window;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::Schema;
use watchpost_config::{MANIFEST_FILE, Manifest, Problem, SettingValue, substitute};
use watchpost_process::{Framing, Guardian, Secrets, Spec, SplitError, Stdout, split};
use watchpost_schema::{Agreement, SchemaId, Version, negotiate};

use crate::{
    common::Common,
    format::{DataKind, Format, InstanceInfo, Output, Plan, Request, Selection},
};
use receiver::ExporterReceiver;

/// What stands where a format's name stands for an export.
pub const NAME: &str = "exporter";

/// Stands in a [`Plan`] where a handler's format does. Not in [`crate::FORMATS`]: an exporter is no handler.
pub static FORMAT: Format = Format {
    name: NAME,
    title: "Exporter",
    summary: "A program of your own, fed records on STDIN",
    schemes: &[],
    accepts: &[DataKind::Records],
    viewers: false,
    example: "{}",
    settings: no_settings,
    plan: no_handler,
};

fn no_settings() -> Schema {
    schemars::json_schema!({ "type": "object", "additionalProperties": false })
}

fn no_handler(request: &Request<'_>) -> Result<Plan, Vec<Problem>> {
    let name = &request.handler.name;
    Err(vec![problem(
        Path::new(""),
        "",
        format!("{name}: an exporter is no handler"),
        "enable it by its name",
    )])
}

/// What an exporter is started with.
pub struct Setup<'a> {
    /// Its manifest.
    pub manifest: &'a Manifest,
    /// Its folder, absolute: the working directory.
    pub dir: &'a Path,
    /// Values of its settings, defaults included ([`Manifest::settings_from`]).
    pub settings: &'a BTreeMap<String, SettingValue>,
    /// The instance it is fed from.
    pub instance: &'a InstanceInfo,
    /// Where relative output belongs, absolute.
    pub exports_dir: &'a Path,
    /// The versions that can be had: one of them behind a preprocess command of version 1.
    pub available: &'a [Version],
    /// Starts it.
    pub guardian: &'a Guardian,
}

/// Makes a plan of an installed exporter. Ids that it asks for in vain are warnings.
///
/// # Errors
/// Nothing is agreed, or its command cannot be split.
pub fn plan(setup: &Setup<'_>) -> Result<Plan, Problem> {
    let Prepared { settings, agreed, warnings } = prepare(setup)?;
    let guardian = setup.guardian.clone();
    let make = move || -> Box<dyn crate::receiver::Receiver> {
        Box::new(ExporterReceiver::new(settings.clone(), guardian.clone()))
    };
    Ok(Plan {
        format: &FORMAT,
        name: setup.manifest.name.clone(),
        selection: Selection::Records(agreed),
        common: Common::default(),
        output: Output::Receiver(Box::new(make)),
        dynamic: None,
        warnings,
    })
}

/// What a receiver is made from.
struct Prepared {
    settings: receiver::Settings,
    agreed: BTreeMap<SchemaId, Version>,
    /// What the manifest asks for in vain.
    warnings: Vec<Problem>,
}

/// What the exporter in `dir` is sent, and a problem for each id that it asks for in vain.
///
/// # Errors
/// It is sent nothing, and so not started.
pub fn agree(
    manifest: &Manifest,
    dir: &Path,
    available: &[Version],
) -> Result<(BTreeMap<SchemaId, Version>, Vec<Problem>), Problem> {
    let file = dir.join(MANIFEST_FILE);
    let wanted: Vec<(&str, Vec<u64>)> = manifest
        .events
        .iter()
        .map(|(id, versions)| (id.as_str(), versions.iter().map(|v| u64::from(*v)).collect()))
        .collect();
    let wanted = wanted.iter().map(|(id, versions)| (*id, versions.as_slice()));
    let Agreement { agreed, refused } = negotiate(wanted, available);
    if agreed.is_empty() {
        let reasons: Vec<_> = refused.iter().map(ToString::to_string).collect();
        let message =
            if reasons.is_empty() { "subscribes to nothing".to_owned() } else { reasons.join("; ") };
        let fix = "expected ids and versions of `watchpost schema list`; it is not started";
        return Err(problem(&file, "/events", message, fix));
    }
    let in_vain = refused.iter().map(|refusal| problem(&file, "/events", refusal.to_string(), "")).collect();
    Ok((agreed, in_vain))
}

fn prepare(setup: &Setup<'_>) -> Result<Prepared, Problem> {
    let manifest = setup.manifest;
    let file = setup.dir.join(MANIFEST_FILE);
    let (agreed, warnings) = agree(manifest, setup.dir, setup.available)?;
    let spec = spec(setup, &agreed).map_err(|error| problem(&file, "/command", error.to_string(), ""))?;
    let settings = receiver::Settings {
        spec,
        batch: manifest.batch,
        acknowledge: manifest.acknowledge,
        window: manifest.window as usize,
        retries: manifest.retries,
        timeout: std::time::Duration::from_millis(manifest.timeout_ms),
        start_timeout: std::time::Duration::from_millis(manifest.start_timeout_ms),
    };
    Ok(Prepared { settings, agreed, warnings })
}

/// The child: its command is split first and only then filled in, so no setting becomes two arguments.
fn spec(setup: &Setup<'_>, agreed: &BTreeMap<SchemaId, Version>) -> Result<Spec, SplitError> {
    let manifest = setup.manifest;
    let words = substitute(split(&manifest.command)?, setup.settings);
    let mut spec = Spec::of_words(&manifest.name, words, setup.dir);
    spec.name = format!("{} of {}", manifest.name, setup.instance.name);
    spec.framing = match manifest.framing {
        watchpost_config::Framing::Nul => Framing::Nul,
        watchpost_config::Framing::Newline => Framing::Newline,
    };
    spec.stdout = if manifest.acknowledge { Stdout::Answers } else { Stdout::Log };
    for (name, value) in &manifest.environment {
        spec.set_env(name, value);
    }
    for (name, value) in setup.settings {
        spec.set_env(format!("WATCHPOST_SETTING_{}", name.to_ascii_uppercase()), value_text(value));
    }
    spec.secrets = Secrets::new(setup.settings.values().filter_map(|value| match value {
        SettingValue::Secret(text) => Some(text.as_str()),
        _ => None,
    }));
    let schemas: serde_json::Map<String, serde_json::Value> =
        agreed.iter().map(|(id, version)| (id.to_string(), version.number().into())).collect();
    spec.set_env("WATCHPOST_SCHEMAS", serde_json::Value::from(schemas).to_string());
    spec.set_env("WATCHPOST_INSTANCE_ID", setup.instance.id.to_string());
    spec.set_env("WATCHPOST_INSTANCE_NAME", &setup.instance.name);
    spec.set_env("WATCHPOST_EXPORTER_DIR", setup.dir);
    spec.set_env("WATCHPOST_EXPORTS_DIR", setup.exports_dir);
    Ok(spec)
}

fn value_text(value: &SettingValue) -> String {
    match value {
        // Shown as dots everywhere else; the environment is where the program finds it.
        SettingValue::Secret(text) => text.clone(),
        other => other.to_string(),
    }
}

fn problem(file: &Path, path: &str, message: impl Into<String>, fix: &str) -> Problem {
    Problem {
        file: PathBuf::from(file),
        path: path.to_owned(),
        line: None,
        message: message.into(),
        fix: fix.to_owned(),
    }
}
