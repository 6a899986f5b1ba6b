//! What README and docs say is true: links lead somewhere, examples are valid, and the table that is shown is the one
//! that is printed.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use watchpost_testkit::{
    Sandbox,
    scene::{scene, walkers, write_detections},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// Every page for people, with its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "demo/TRUTH.md"]
            .map(|page| root().join(page))
            .to_vec();
    for folder in ["docs", "docs/formats"] {
        let files = std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
        pages.extend(files.filter(|file| file.extension().is_some_and(|end| end == "md")));
    }
    pages.into_iter().map(|page| (page.clone(), std::fs::read_to_string(page).unwrap())).collect()
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>().replace(' ', "-")
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    let mut seen = 0;
    for (page, text) in pages() {
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            if link.contains("://") || link.contains(' ') {
                continue;
            }
            seen += 1;
            let (path, place) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            let found = target.exists()
                && (place.is_empty()
                    || std::fs::read_to_string(&target)
                        .unwrap()
                        .lines()
                        .filter_map(|line| line.strip_prefix('#'))
                        .any(|heading| anchor(heading.trim_start_matches('#')) == place));
            if !found {
                dead.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(seen > 100, "only {seen} links");
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The instance files that README and the tour have a shell write.
#[test]
fn the_instances_of_readme_and_tour_are_without_blemish() {
    for page in ["README.md", "docs/tour.md"] {
        let text = std::fs::read_to_string(root().join(page)).unwrap();
        let (_, from) = text.split_once("cat > gate.json <<EOF\n").unwrap();
        let (instance, _) = from.split_once("\nEOF\n").unwrap();
        let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
        sandbox.write("gate.json", instance.replace("$clip", "clip.avi"));
        sandbox.write("clip.avi", "x");
        let checked = sandbox.run(&["validate", "gate.json"]);
        assert_eq!(
            (checked.stdout.as_str(), checked.code),
            ("gate.json: instance: no problems\n", Some(0)),
            "{page}"
        );
    }
}

#[test]
fn the_table_in_readme_has_the_columns_that_are_printed() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let uri = write_detections(&sandbox, "in.ndjson", walkers(50), 300);
    sandbox.instance(&scene(&uri, 2, serde_json::json!({})));
    let ran = sandbox.run(&["run", "instance.json"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let heads = |text: &str| -> BTreeSet<Vec<String>> {
        let lines = text.lines().filter(|line| line.starts_with("file  ") || line.starts_with("export  "));
        lines
            .map(|line| {
                line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect()
            })
            .collect()
    };
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert_eq!(heads(&readme), heads(&ran.stdout));
    let (_, verdict) = ran.stdout.trim_end().rsplit_once("frames; ").unwrap();
    assert!(readme.contains(&format!("795 frames; {verdict}\n")), "{verdict}");
}
