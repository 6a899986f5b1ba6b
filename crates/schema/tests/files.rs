//! The files under `schemas/`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;
use watchpost_schema::{Frozen, SCHEMAS, generate, sample, samples, validate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

#[test]
fn committed_files_are_up_to_date() {
    for (path, text) in generate() {
        let committed = fs::read_to_string(folder().join(&path)).unwrap_or_default();
        assert!(committed == text, "schemas/{} is out of date: run `cargo xtask schemas`", path.display());
    }
}

#[test]
fn nothing_else_is_committed() {
    let made: BTreeSet<PathBuf> = generate().into_iter().map(|(path, _)| path).collect();
    for sub in ["", "samples"] {
        for entry in fs::read_dir(folder().join(sub)).unwrap() {
            let name = PathBuf::from(sub).join(entry.unwrap().file_name());
            let known =
                made.contains(&name) || [Path::new("samples"), Path::new("frozen.json")].contains(&&*name);
            assert!(known, "schemas/{} belongs to no schema version: delete it", name.display());
        }
    }
}

#[test]
fn frozen_versions_have_not_changed() {
    let text = fs::read_to_string(folder().join("frozen.json")).unwrap();
    assert_eq!(Frozen::parse(&text).unwrap().check(), []);
}

#[test]
fn every_sample_is_valid() {
    let mut checked = 0;
    for (path, text) in generate().into_iter().filter(|(path, _)| path.starts_with("samples")) {
        assert_eq!(validate(&serde_json::from_str(&text).unwrap()), [], "{}", path.display());
        checked += 1;
    }
    assert_eq!(checked, 2 * samples().len());
}

#[test]
fn schemas_describe_every_property() {
    fn check(schema: &Value, path: &str) {
        let properties = schema["properties"].as_object().into_iter().flatten();
        for (key, property) in properties {
            let path = format!("{path}/{key}");
            assert!(
                property["description"].as_str().is_some_and(|text| text.ends_with('.')),
                "{path}: {property}"
            );
            assert!(property.get("type").is_some(), "{path}: {property}");
            check(property, &path);
            check(&property["items"], &path);
        }
    }
    for (path, text) in generate().into_iter().filter(|(path, _)| !path.starts_with("samples")) {
        let schema: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], format!("/schema/{}", path.display()));
        assert_eq!(schema["x-status"], "frozen");
        check(&schema, &path.display().to_string());
    }
}

#[test]
fn the_table_says_what_each_schema_is() {
    for schema in &SCHEMAS {
        assert!(schema.summary.ends_with('.') && !schema.title.is_empty(), "{}", schema.id);
    }
}

/// The bytes as they are sent, one record per line.
#[test]
fn samples_are_as_reviewed() {
    let lines =
        SCHEMAS.iter().flat_map(|schema| schema.versions.iter().map(|entry| (schema.id, entry.version)));
    let lines = lines.map(|(id, version)| String::from_utf8(sample(id, version)).unwrap());
    insta::assert_snapshot!("records", lines.collect::<Vec<_>>().join("\n"));
}
