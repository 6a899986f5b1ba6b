//! Files given on the command line: read, checked, and what is wrong with them shown.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;
use watchpost_config::{self as config, Base, Found, Loaded, Paths, Problem};
use watchpost_runtime::Claims;

use crate::{Global, records::check_records};

/// How far above the program the shipped `exporters/` may lie: `bin/` of an installation, or
/// `target/release/` of a checkout.
const ABOVE: usize = 3;

/// An instance file to run; prints what is wrong with it, and `None`, if nothing of it could work. A broken
/// export is printed too, but does not stop the others.
pub(crate) fn instance(file: &Path, global: &Global) -> Option<Loaded> {
    let (finding, loaded) = check_instance(file, global, &Claims::default());
    eprint!("{}", finding.problems());
    loaded
}

/// What `validate` says of one file.
#[derive(Serialize)]
pub(crate) struct Finding {
    pub file: PathBuf,
    /// `instance`, `manifest`, `records`, or `unknown`.
    pub kind: &'static str,
    pub errors: Vec<Line>,
    pub warnings: Vec<Line>,
    /// Records that were checked, in a file of records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<u64>,
}

/// One problem.
#[derive(Serialize)]
pub(crate) struct Line {
    pub path: String,
    pub line: Option<u32>,
    pub message: String,
    /// What was expected, or what to do.
    pub fix: String,
    #[serde(skip)]
    text: String,
}

impl From<&Problem> for Line {
    fn from(problem: &Problem) -> Self {
        Self {
            path: problem.path.clone(),
            line: problem.line,
            message: problem.message.clone(),
            fix: problem.fix.clone(),
            text: problem.to_string(),
        }
    }
}

impl Finding {
    pub fn new(file: &Path, kind: &'static str, errors: &[Problem], warnings: &[Problem]) -> Self {
        Self {
            file: file.to_owned(),
            kind,
            errors: errors.iter().map(Line::from).collect(),
            warnings: warnings.iter().map(Line::from).collect(),
            records: None,
        }
    }

    /// Errors, then warnings, a line each.
    pub fn problems(&self) -> String {
        let errors = self.errors.iter().map(|line| format!("error: {}\n", line.text));
        errors.chain(self.warnings.iter().map(|line| format!("warning: {}\n", line.text))).collect()
    }

    /// The problems and a last line that says how it is.
    pub fn text(&self) -> String {
        let file = self.file.display();
        let verdict = match (self.errors.len(), self.warnings.len()) {
            (0, 0) => "no problems".to_owned(),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        };
        let records = self
            .records
            .map(|records| format!("{}, ", count(records as usize, "record")))
            .unwrap_or_default();
        format!("{}{file}: {}: {records}{verdict}\n", self.problems(), self.kind)
    }
}

/// `no errors`, `1 error`, `2 errors`.
fn count(number: usize, what: &str) -> String {
    match number {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        number => format!("{number} {what}s"),
    }
}

/// Checks a file of any kind; the kind is seen from its content. `claims`: of the files that were checked before it.
pub(crate) fn check(file: &Path, global: &Global, claims: &Claims) -> Finding {
    let peek = std::fs::read_to_string(file).ok().and_then(|text| first_value(&text));
    let has = |key: &str| peek.as_ref().is_some_and(|value| value.get(key).is_some());
    let is_list = peek.as_ref().is_some_and(Value::is_array);
    if has("$id") || is_list {
        return check_records(file);
    }
    if has("command") && has("events") {
        return match config::load_manifest(file) {
            Ok((manifest, mut warnings)) => {
                let (errors, in_vain) = watchpost_runtime::check_manifest(&manifest, file);
                warnings.extend(in_vain);
                Finding::new(file, "manifest", &errors, &warnings)
            }
            Err(errors) => Finding::new(file, "manifest", &errors, &[]),
        };
    }
    check_instance(file, global, claims).0
}

fn first_value(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text).into_iter().next()?.ok()
}

/// Everything that `run` would look at before it starts anything; the instance if it is worth starting.
fn check_instance(file: &Path, global: &Global, claims: &Claims) -> (Finding, Option<Loaded>) {
    let (loaded, mut fatal) = match config::examine_file(file, Base::InstanceFile) {
        Ok(examined) => examined,
        Err(errors) => return (Finding::new(file, "instance", &errors, &[]), None),
    };
    let paths = Paths::new(&global.data, file, Base::InstanceFile);
    let checked = watchpost_runtime::check(&loaded, &paths, &exporters(global), claims);
    // That there is no source was said where it should stand.
    let no_source = fatal.iter().any(|problem| problem.path == "/Input");
    fatal.extend(checked.fatal.into_iter().filter(|problem| !no_source || problem.path != "/Input/uri"));
    let loaded = fatal.is_empty().then_some(loaded);
    let mut errors = [fatal, checked.errors].concat();
    errors.sort_by_key(|problem| problem.line);
    (Finding::new(file, "instance", &errors, &checked.warnings), loaded)
}

/// The exporters of the data folder, then the shipped ones.
pub(crate) fn exporters(global: &Global) -> Vec<Found> {
    let mut folders = vec![global.data.join("exporters")];
    folders.extend(shipped_exporters(global));
    match config::discover(&folders) {
        Ok(found) => found,
        Err((folder, error)) => {
            tracing::warn!("looking for exporters in {}: {error}", folder.display());
            Vec::new()
        }
    }
}

/// Where exporters that come with Watchpost are: where the user says, or in `share/watchpost` of an
/// installation, or in the checkout that the program was built in.
pub(crate) fn shipped_exporters(global: &Global) -> Vec<PathBuf> {
    if let Some(folder) = &global.exporters {
        return vec![folder.clone()];
    }
    let Ok(program) = std::env::current_exe() else { return Vec::new() };
    let above = program.ancestors().skip(1).take(ABOVE);
    let candidates = above.flat_map(|dir| [dir.join("share/watchpost/exporters"), dir.join("exporters")]);
    candidates.filter(|dir| dir.is_dir()).take(1).collect()
}
