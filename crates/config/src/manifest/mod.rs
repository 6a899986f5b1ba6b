//! An exporter's manifest (PRODUCT section 9): parse, check, and find on disk.

mod command;
mod discover;
mod settings;

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};

pub use command::substitute;
pub use discover::{Found, MANIFEST_FILE, discover};
pub use settings::{Setting, SettingKind, SettingValue};

use crate::{
    Problem,
    object::{Object, one_of, wrong},
    problem::Check,
    text::{parse, read},
};

/// A program that is fed records, as its manifest describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// Its name, the one instances switch it on by.
    pub name: String,
    /// For people.
    pub description: String,
    /// Schema id to the versions it takes, ascending; ids it does not want are left out.
    pub events: BTreeMap<String, Vec<u8>>,
    /// One line, to be split into words without a shell.
    pub command: String,
    /// Added to the clean environment.
    pub environment: BTreeMap<String, String>,
    /// In the order of the file.
    pub settings: Vec<Setting>,
    /// What ends a message.
    pub framing: Framing,
    /// A message is one group, as a list, and not one record.
    pub batch: bool,
    /// It answers for every message on STDOUT.
    pub acknowledge: bool,
    /// Messages that may be unanswered.
    pub window: u32,
    /// It hangs when something stays unread or unanswered for this long.
    pub timeout_ms: u64,
    /// It must begin to read within this time.
    pub start_timeout_ms: u64,
    /// How often a message is sent again after an `ERROR`.
    pub retries: u32,
}

/// What ends a message on an exporter's STDIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// A NUL byte.
    Nul,
    /// A newline.
    Newline,
}

/// Longest command line, in bytes.
const MAX_COMMAND_BYTES: usize = 16 << 10;
/// Longest time limit: a day, for exporters that upload or wait for a person.
const MAX_TIMEOUT_MS: u64 = 86_400_000;
/// REFERENCE "Exporters": up to ten integers per id.
const MAX_VERSIONS: usize = 10;

/// Reads the manifest at `path`. The second list holds warnings.
///
/// # Errors
/// All that is wrong with it.
pub fn load_manifest(path: &Path) -> Result<(Manifest, Vec<Problem>), Vec<Problem>> {
    Manifest::parse(&read(path)?, path)
}

/// What the preprocess command is called among the receivers of an instance: in dead letters, deliveries, output.
pub(crate) const PREPROCESS: &str = "preprocess";

/// Whether an exporter may be called `name`.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), String> {
    // They are keys beside the exporters in an instance's `Output`.
    const RESERVED: [&str; 3] = ["handlers", "render_preset", "temp"];
    let letters = |c: char| c.is_alphanumeric() || " ._-".contains(c);
    if RESERVED.contains(&name) || name.starts_with("preprocess_") {
        return Err(format!("the name \"{name}\" is taken by a key of the instance file"));
    }
    if name == PREPROCESS {
        return Err(format!("the name \"{name}\" is the preprocess command's"));
    }
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(letters) {
        return Err(format!("{} is no name", Value::from(name)));
    }
    Ok(())
}

impl Manifest {
    /// Reads a manifest's `text`; `origin` is its path, for errors. The second list holds warnings.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn parse(text: &str, origin: &Path) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let (document, lines) = parse(text, origin)?;
        let mut check = Check::new(origin, lines);
        let manifest = manifest(&mut check, Object::new(&document, ""));
        let Check { mut errors, warnings, .. } = check;
        errors.sort_by_key(|problem| problem.line);
        if errors.is_empty() { Ok((manifest, warnings)) } else { Err(errors) }
    }

    /// The setting called `name`.
    pub fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.name == name)
    }

    /// All settings: what `values` says, else the default. `file` and `path` are where `values`
    /// stands, for errors.
    ///
    /// # Errors
    /// Every value that is not allowed, and every setting that does not exist.
    pub fn settings_from(
        &self,
        values: &Map<String, Value>,
        file: &Path,
        path: &str,
    ) -> Result<BTreeMap<String, SettingValue>, Vec<Problem>> {
        let mut check = Check::new(file, crate::lines::Lines::default());
        let object = Object::new(values, path);
        let names: Vec<_> = self.settings.iter().map(|setting| setting.name.clone()).collect();
        for name in values.keys().filter(|name| !names.contains(name)) {
            let message = format!("{} has no such setting", self.name);
            check.error(&object.at(name), message, format!("expected {}", one_of(&names)));
        }
        let mut all = BTreeMap::new();
        for setting in &self.settings {
            let value = values.get(&setting.name).filter(|value| !value.is_null());
            let read = value.map_or_else(|| Ok(setting.default.clone()), |value| setting.kind.read(value));
            match (read, setting.kind == SettingKind::Secret) {
                (Ok(value), _) => {
                    all.insert(setting.name.clone(), value);
                }
                (Err(expected), true) => {
                    check.error(&object.at(&setting.name), "is not allowed", format!("expected {expected}"));
                }
                (Err(expected), false) => {
                    wrong(&mut check, &object.at(&setting.name), value.unwrap_or(&Value::Null), &expected);
                }
            }
        }
        if check.errors.is_empty() { Ok(all) } else { Err(check.errors) }
    }
}

fn manifest(check: &mut Check<'_>, mut object: Object<'_>) -> Manifest {
    let name = object.text(check, "name").map(str::to_owned);
    if let Some(name) = &name
        && let Err(message) = check_name(name)
    {
        let fix = "expected 1 to 64 letters, digits, spaces or `._-`, and none of handlers, render_preset, temp, \
                   preprocess_...";
        check.error("/name", message, fix);
    }
    for (key, expected) in [
        ("name", "the exporter's name"),
        ("command", "the program and its arguments"),
        ("events", "an object such as {\"event-intrusion\": [1, 2]}"),
    ] {
        if object.map.get(key).is_none_or(Value::is_null) {
            object.missing(check, key, expected);
        }
    }
    let settings = settings::settings(check, &mut object);
    let command = object.text(check, "command").unwrap_or_default().trim().to_owned();
    if object.map.get("command").is_some_and(Value::is_string) {
        command::check(check, &command, MAX_COMMAND_BYTES, &settings);
    }
    let framing = [("nul", Framing::Nul), ("newline", Framing::Newline)];
    let mut ms =
        |key, default| object.integer(check, key, 1..=MAX_TIMEOUT_MS, "milliseconds").unwrap_or(default);
    let (timeout_ms, start_timeout_ms) = (ms("timeout_ms", 10_000), ms("start_timeout_ms", 60_000));
    let manifest = Manifest {
        name: name.unwrap_or_default(),
        description: object.text(check, "description").unwrap_or_default().to_owned(),
        events: events(check, &mut object),
        command,
        environment: environment(check, &mut object),
        settings,
        framing: object.choice(check, "framing", &framing).unwrap_or(Framing::Nul),
        batch: object.bool(check, "batch").unwrap_or(false),
        acknowledge: object.bool(check, "acknowledge").unwrap_or(false),
        window: object.integer(check, "window", 1..=1_000_000, "messages").unwrap_or(1000) as u32,
        timeout_ms,
        start_timeout_ms,
        retries: object.integer(check, "retries", 0..=1000, "retries").unwrap_or(5) as u32,
    };
    object.finish(check, &[]);
    manifest
}

/// Versions by schema id: a list, or one integer; zeros are padding (PRODUCT section 7).
fn events(check: &mut Check<'_>, object: &mut Object<'_>) -> BTreeMap<String, Vec<u8>> {
    let mut events = BTreeMap::new();
    let Some(map) = object.object(check, "events") else { return events };
    for (id, value) in map.map {
        let good = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
        if !good {
            check.error(
                &map.at(id),
                "is no schema id",
                "expected for example \"event-intrusion\" or \"crop\"",
            );
        }
        let one = std::slice::from_ref(value);
        let list = value.as_array().map_or(one, Vec::as_slice);
        let versions: Option<Vec<u8>> = list.iter().map(|item| item.as_u64()?.try_into().ok()).collect();
        match versions.filter(|versions| versions.len() <= MAX_VERSIONS) {
            Some(mut versions) => {
                versions.retain(|version| *version != 0);
                versions.sort_unstable();
                versions.dedup();
                if !versions.is_empty() {
                    events.insert(id.clone(), versions);
                }
            }
            None => wrong(check, &map.at(id), value, "a version, or a list of up to 10, such as [1, 2]"),
        }
    }
    events
}

fn environment(check: &mut Check<'_>, object: &mut Object<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    let Some(map) = object.object(check, "environment") else { return environment };
    for (name, value) in map.map {
        let letters = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !letters || name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            check.error(&map.at(name), "is no name of a variable", "expected letters, digits and `_`");
        } else if name.starts_with("WATCHPOST_") {
            check.error(&map.at(name), "is set by watchpost", "choose a name without WATCHPOST_");
        }
        match value.as_str().filter(|text| !text.contains('\0')) {
            Some(text) => {
                environment.insert(name.clone(), text.to_owned());
            }
            None => wrong(check, &map.at(name), value, "a text"),
        }
    }
    environment
}
