//! What must hold for any instance file; shared by the fuzz target and the plain test.

use std::path::Path;

use serde_json::Value;
use watchpost_config::{Base, Loaded, Problem, load, load_document};

/// Longest line that is said of one thing that is wrong.
const MAX_SAID_BYTES: usize = 4096;

/// `data`: the text of a file.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let origin = Path::new("/no-such-folder/gate.json");
    for base in [Base::InstanceFile, Base::DataFolder] {
        match load(text, origin, base) {
            Ok(loaded) => keeps_everything(&loaded, text, origin, base),
            Err(problems) => {
                assert!(!problems.is_empty());
                problems.iter().for_each(|problem| names_its_place(problem, text));
            }
        }
    }
}

/// What is saved is what was loaded, keys that nobody knows included, and means the same.
fn keeps_everything(loaded: &Loaded, text: &str, origin: &Path, base: Base) {
    for problem in loaded.warnings.iter().chain(loaded.errors()) {
        names_its_place(problem, text);
    }
    let whole: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    assert_eq!(whole, Value::Object(loaded.document.clone()));
    let saved = serde_json::to_string_pretty(&loaded.document).unwrap();
    let again = load(&saved, origin, base).unwrap();
    assert_eq!((&again.instance, &again.broken.len()), (&loaded.instance, &loaded.broken.len()));
    match load_document(loaded.document.clone(), origin, base) {
        Ok(again) => assert_eq!(again.instance, loaded.instance),
        // What is saved must fit into a message too, and is held to fewer levels.
        Err(problems) => assert!(problems[0].message.contains("nested"), "{problems:?}"),
    }
}

/// A line of the file, and a pointer to a value of it, or to one that its neighbours lack.
fn names_its_place(problem: &Problem, text: &str) {
    let said = problem.to_string();
    assert!(problem.path.len() > MAX_SAID_BYTES / 4 || said.len() < MAX_SAID_BYTES, "{said}");
    let line = problem.line.unwrap_or_else(|| panic!("no line: {said}")) as usize;
    assert!((1..=text.lines().count().max(1) + 1).contains(&line), "{said}");
    // A key that stands twice may stand in an object that did, too: then only the text has it.
    if problem.path.is_empty() || problem.message.contains("stands twice") {
        return;
    }
    let whole: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap();
    let (around, _) = problem.path.rsplit_once('/').unwrap();
    assert!(whole.pointer(around).is_some(), "nothing at {said}");
}
