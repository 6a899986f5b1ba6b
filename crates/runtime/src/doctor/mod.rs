//! What is missing or wrong on this machine, and how to mend it: for `watchpost doctor` and the page.
//!
//! Nothing is changed but one file in the data folder, written to see how long a sync takes and removed again.
//! A running server is not disturbed.

mod folder;
mod machine;

use std::path::{Path, PathBuf};

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What: `disk`, `RTSP cameras`.
    pub check: String,
    /// How it is.
    pub health: Health,
    /// What was seen.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub fix: String,
}

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// As it should be.
    Good,
    /// Works, but less than it could, or not for long.
    Warning,
    /// Something that people expect does not work.
    Problem,
}

/// Looks at everything. `data`: the data folder; `shipped`: folders of exporters beside the user's own.
/// Takes up to some seconds (GStreamer's first start, a slow disk).
pub fn examine(data: &Path, shipped: &[PathBuf]) -> Vec<Finding> {
    let mut findings = machine::media();
    findings.extend(machine::limits());
    findings.extend(folder::data(data));
    findings.extend(folder::exporters(data, shipped));
    findings.extend(folder::instances(data, shipped));
    findings
}

impl Finding {
    fn good(check: impl Into<String>, found: impl Into<String>) -> Self {
        Self { check: check.into(), health: Health::Good, found: found.into(), fix: String::new() }
    }

    fn warning(check: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), health: Health::Warning, found: found.into(), fix: fix.into() }
    }

    fn problem(check: impl Into<String>, found: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), health: Health::Problem, found: found.into(), fix: fix.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<'a>(findings: &'a [Finding], check: &str) -> &'a Finding {
        findings
            .iter()
            .find(|finding| finding.check == check)
            .unwrap_or_else(|| panic!("{check}: {findings:?}"))
    }

    #[test]
    fn a_folder_with_something_wrong_in_each_corner() {
        let data = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = data.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("instances/bad.json", r#"{"Input": {"uri": 5}}"#);
        write("exporters/torn/manifest.json", "{");
        let lost =
            r#"{"name": "Lost", "description": "", "command": "no-such-program", "events": {"track": [2]}}"#;
        write("exporters/lost/manifest.json", lost);
        let findings = examine(data.path(), &[]);
        assert_eq!(at(&findings, "data folder").health, Health::Good);
        let bad = at(&findings, "instance bad.json");
        assert!(bad.health == Health::Problem && bad.found.contains("/Input/uri"), "{bad:?}");
        let lost = at(&findings, "exporter Lost");
        assert!(lost.health == Health::Problem && lost.found.contains("no-such-program"), "{lost:?}");
        assert_eq!(at(&findings, "exporter torn").health, Health::Problem);
        let left: Vec<_> =
            std::fs::read_dir(data.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "nothing of its own is left: {left:?}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_and_one_that_is_not_there() {
        let data = tempfile::tempdir().unwrap();
        let absent = data.path().join("none");
        let findings = examine(&absent, &[]);
        assert_eq!(at(&findings, "data folder").health, Health::Good, "made on first use");
        assert!(!absent.exists(), "and not by looking");
        let file = data.path().join("file");
        std::fs::write(&file, "").unwrap();
        let findings = examine(&file, &[]);
        let finding = at(&findings, "data folder");
        assert!(finding.health == Health::Problem && !finding.fix.is_empty(), "{finding:?}");
    }
}
