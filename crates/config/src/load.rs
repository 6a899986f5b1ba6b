//! Text to [`Loaded`]: the instance, the document it came from, and what is doubtful about it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Map, Value};
use watchpost_model::Id;

use crate::{
    BrokenHandler, Instance, JournalLimits, Pace, Problem,
    input::{input, stem},
    lines::{Lines, escape},
    object::{Object, wrong},
    output::output,
    problem::Check,
    text::{parse, read},
    unreachable,
    zone_parts::parse_id,
    zones::{self, MAX_NAME_BYTES},
};

/// Who loads the file, which decides what bare paths in it are relative to and how files play.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    /// `run`, `validate`: relative to the folder of the instance file; files play `fast`.
    InstanceFile,
    /// `serve`: relative to the data folder; files play in `realtime`.
    DataFolder,
}

impl Base {
    pub(crate) const fn pace(self) -> Pace {
        match self {
            Self::InstanceFile => Pace::Fast,
            Self::DataFolder => Pace::Realtime,
        }
    }
}

/// An instance file that can be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says, in types.
    pub instance: Instance,
    /// The document itself, unknown keys and the order of keys included, to be changed and saved.
    pub document: Map<String, Value>,
    /// Custom exports that cannot run; everything else of the instance can.
    pub broken: Vec<BrokenHandler>,
    /// Unknown keys, and what can never do anything.
    pub warnings: Vec<Problem>,
    origin: PathBuf,
    lines: Lines,
}

impl Loaded {
    /// Fills in file and line of a problem that another room found at its `path`.
    pub fn locate(&self, mut problem: Problem) -> Problem {
        problem.line = self.lines.of(&problem.path);
        problem.file.clone_from(&self.origin);
        problem
    }

    /// The errors of all broken exports: what `validate` refuses the file for.
    pub fn errors(&self) -> impl Iterator<Item = &Problem> {
        self.broken.iter().flat_map(|handler| &handler.problems)
    }
}

/// Reads the instance file at `path`.
///
/// # Errors
/// All that is wrong with it, or the one reason why it could not be read.
pub fn load_file(path: &Path, base: Base) -> Result<Loaded, Vec<Problem>> {
    load(&read(path)?, path, base)
}

/// As [`load_file`], but hands out what could be read beside the errors in it, so that whoever checks
/// the exports' own settings can report everything at once. What is wrong has its default in
/// [`Loaded::instance`]: with any error it is not to be run.
///
/// # Errors
/// The one reason why the file could not be read, or is no JSON object.
pub fn examine_file(path: &Path, base: Base) -> Result<(Loaded, Vec<Problem>), Vec<Problem>> {
    let (document, lines) = parse(&read(path)?, path)?;
    Ok(examine(document, lines, path, base))
}

/// Reads an instance file's `text`. `origin` is its path, for errors and, where the file gives
/// none, for name and id.
///
/// # Errors
/// All that is wrong with it, broken exports included. Broken exports alone are no error here but
/// stand in [`Loaded::broken`].
pub fn load(text: &str, origin: &Path, base: Base) -> Result<Loaded, Vec<Problem>> {
    let (document, lines) = parse(text, origin)?;
    lower(document, lines, origin, base)
}

/// As [`load`], for a document that was changed in memory and has no lines.
///
/// # Errors
/// As [`load`].
pub fn load_document(
    document: Map<String, Value>,
    origin: &Path,
    base: Base,
) -> Result<Loaded, Vec<Problem>> {
    if let Some(key) = too_deep(&document) {
        let message = format!("is nested deeper than {MAX_LEVELS} levels");
        return Err(vec![Problem::at(format!("/{}", escape(key)), message, "nest less")]);
    }
    lower(document, Lines::default(), origin, base)
}

/// Levels of a document that was made in memory. What is saved is read again, and the parser ends at 128; in a message
/// of `control.sock` a document stands some levels deep already.
const MAX_LEVELS: usize = 100;

/// The first part of a document that is too deep. By a list of its own: what is too deep to be read is too deep for the
/// stack.
fn too_deep(document: &Map<String, Value>) -> Option<&str> {
    let is_deep = |value: &Value| {
        let mut open = vec![(2, value)];
        while let Some((level, value)) = open.pop() {
            match value {
                Value::Object(map) => open.extend(map.values().map(|value| (level + 1, value))),
                Value::Array(list) => open.extend(list.iter().map(|value| (level + 1, value))),
                _ => {}
            }
            if level > MAX_LEVELS {
                return true;
            }
        }
        false
    };
    document.iter().find(|(_, value)| is_deep(value)).map(|(key, _)| key.as_str())
}

fn lower(
    document: Map<String, Value>,
    lines: Lines,
    origin: &Path,
    base: Base,
) -> Result<Loaded, Vec<Problem>> {
    let (loaded, mut errors) = examine(document, lines, origin, base);
    if errors.is_empty() {
        return Ok(loaded);
    }
    errors.extend(loaded.broken.into_iter().flat_map(|handler| handler.problems));
    errors.sort_by_key(|problem| problem.line);
    Err(errors)
}

fn examine(document: Map<String, Value>, lines: Lines, origin: &Path, base: Base) -> (Loaded, Vec<Problem>) {
    let twice = lines.twice().to_vec();
    let mut check = Check::new(origin, lines);
    for path in twice {
        check.warn(&path, "the key stands twice: only this one counts", "remove one of them");
    }
    let (instance, broken) = instance(&mut check, &mut Object::new(&document, ""), origin, base);
    let Check { errors, mut warnings, lines, .. } = check;
    warnings.sort_by_key(|problem| problem.line);
    (Loaded { instance, document, broken, warnings, origin: origin.to_owned(), lines }, errors)
}

fn instance(
    check: &mut Check<'_>,
    root: &mut Object<'_>,
    origin: &Path,
    base: Base,
) -> (Instance, Vec<BrokenHandler>) {
    let id = instance_id(check, root, origin);
    let unnamed = root.map.get("DisplayName").and_then(Value::as_str) == Some("");
    let name = if unnamed { None } else { root.name(check, "DisplayName", MAX_NAME_BYTES) };
    let name = name.map_or_else(|| stem(origin), str::to_owned);
    root.choice(check, "Solution", &[("securt", ())]);
    let auto_start = root.bool(check, "AutoStart").unwrap_or(false);
    let (input, manager) = input(check, root, base);
    let context = zones::Context { instance: id, time_zone: &input.time_zone };
    let areas = zones::areas(check, root, &context);
    let lines = zones::lines(check, root, &context);
    unreachable::warn(check, &input, &areas, &lines);
    let (output, broken) = output(check, root);
    let journal = journal(check, root);
    let instance = Instance {
        id,
        name,
        solution: "securt".to_owned(),
        auto_start,
        input,
        debug: manager.debug,
        run_statistics: manager.run_statistics,
        send_diagnostics: manager.send_diagnostics,
        send_metadata: manager.send_metadata,
        areas: areas.into_iter().map(|(area, _)| area).collect(),
        lines: lines.into_iter().map(|(line, _)| line).collect(),
        output,
        journal,
    };
    std::mem::replace(root, Object::new(root.map, "")).finish(check, UNUSED_KEYS);
    (instance, broken)
}

/// Keys of the reference system (REFERENCE "Instance file") that are kept and mean nothing here.
const UNUSED_KEYS: &[&str] = &[
    "DisplayName", // Asked for only where it is not empty.
    "OriginatorInfo",
    "Detector",
    "DetectorRegions",
    "DetectorThermal",
    "PerformanceMode",
    "Movement",
    "Global",
    "MQTT",
];

fn instance_id(check: &mut Check<'_>, root: &mut Object<'_>, origin: &Path) -> Id {
    if let Some(text) = root.text(check, "InstanceId") {
        return parse_id(text).unwrap_or_else(|| {
            let expected = "a UUID such as \"0c3b6d2e-8f5a-4e0d-9a53-2f1f6a7b8c9d\"";
            wrong(check, "/InstanceId", &Value::from(text), expected);
            Id::nil()
        });
    }
    let path = origin.canonicalize().or_else(|_| std::path::absolute(origin));
    let path = path.unwrap_or_else(|_| PathBuf::from(origin));
    Id::new_v5(&Id::NAMESPACE_URL, format!("file://{}", path.display()).as_bytes())
}

fn journal(check: &mut Check<'_>, root: &mut Object<'_>) -> JournalLimits {
    /// A log below this could not hold a handful of crops.
    const MIN_BYTES: u64 = 1 << 20;
    /// A pebibyte: beyond any disk.
    const MAX_BYTES: u64 = 1 << 50;
    let mut limits = JournalLimits::default();
    let Some(mut object) = root.object(check, "journal") else { return limits };
    let bytes = object.integer(check, "bytes", MIN_BYTES..=MAX_BYTES, "bytes");
    limits.bytes = bytes.unwrap_or(limits.bytes);
    limits.keep_bytes = limits.keep_bytes.min(limits.bytes);
    if let Some(mut keep) = object.object(check, "keep") {
        let hours = keep.number(check, "hours", 0.0..=87_600.0, "hours");
        limits.keep = hours.map_or(limits.keep, |hours| Duration::from_secs_f64(hours * 3600.0));
        let bytes = keep.integer(check, "bytes", 0..=MAX_BYTES, "bytes");
        limits.keep_bytes = bytes.unwrap_or(limits.keep_bytes);
        if limits.keep_bytes > limits.bytes {
            let fix = format!("expected at most {}, the bound of the log (journal.bytes)", limits.bytes);
            check.error(&keep.at("bytes"), format!("is {}", limits.keep_bytes), fix);
        }
        keep.finish(check, &[]);
    }
    object.finish(check, &[]);
    limits
}
