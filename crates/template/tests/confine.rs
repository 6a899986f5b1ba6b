//! A rendered path never leaves the folder that its literal beginning names.

use std::path::{Component, Path, PathBuf};

use jiff::tz::TimeZone;
use proptest::prelude::*;
use serde_json::{Value, json};
use watchpost_template::{Counts, MAX_COMPONENT_BYTES, MAX_PATH_BYTES, Scope, Template};

fn path(template: &str, object: &Value) -> PathBuf {
    let mut counts = Counts::default();
    let name = object["name"].as_str().unwrap_or("../..").to_owned();
    let mut scope = Scope {
        object,
        time_ms: 0,
        time_zone: &TimeZone::UTC,
        frame: None,
        instance_id: "..",
        instance_name: &name,
        counts: &mut counts,
        missing: 0,
    };
    Template::parse_path(template).unwrap().render_path(&mut scope).unwrap()
}

/// The path with `..` resolved by its text; those that climb above a relative start are kept.
fn resolved(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir if resolved.file_name().is_some() => {
                resolved.pop();
            }
            Component::CurDir => {}
            other => resolved.push(other),
        }
    }
    resolved
}

fn assert_confined(template: &str, path: &Path) {
    let root = Template::parse(template).unwrap().literal_root().to_owned();
    let (root, inside) = (resolved(Path::new(&root)), resolved(path));
    assert!(inside.starts_with(&root) && inside != root, "{template}: {inside:?} not in {root:?}");
    assert_eq!(inside.is_absolute(), root.is_absolute(), "{template}: {inside:?}");
    // With no literal beginning the root is the base itself, which nothing may climb out of.
    let beyond = inside.strip_prefix(&root).unwrap();
    assert!(beyond.components().all(|c| matches!(c, Component::Normal(_))), "{template}: {inside:?}");
    assert!(path.as_os_str().len() < MAX_PATH_BYTES, "{template}");
    for name in path {
        assert!(name.len() <= MAX_COMPONENT_BYTES, "{template}: {name:?}");
        assert!(name == "/" || !name.to_str().unwrap().contains(char::is_control), "{template}: {name:?}");
    }
}

#[test]
fn values_lose_what_separates_climbs_or_is_reserved() {
    for (value, expected) in [
        ("a/b\\c", "x/a_b_c.json"),
        ("..", "x/__.json"),
        ("../../etc/passwd", "x/______etc_passwd.json"),
        ("a:b*c?\"<>|", "x/a_b_c_____.json"),
        ("tab\tnul\0", "x/tab_nul_.json"),
        ("\u{202E}gpj", "x/_gpj.json"),
        ("v1.2", "x/v1.2.json"),
    ] {
        assert_eq!(path("x/{obj.a}.json", &json!({"a": value})), Path::new(expected), "{value:?}");
    }
}

#[test]
fn a_value_is_never_a_whole_dot_name_or_an_empty_one() {
    assert_eq!(path("{obj.a}/f", &json!({"a": ""})), Path::new("_/f"));
    assert_eq!(path("{obj.a}/f", &json!({"a": "/"})), Path::new("_/f"));
    assert_eq!(path("x/.{obj.a}/f", &json!({"a": "."})), Path::new("x/__/f"));
    assert_eq!(path("x/{obj.a}{obj.a}/f", &json!({"a": "."})), Path::new("x/__/f"));
    assert_eq!(path("x/{obj.a}", &json!({"a": "."})), Path::new("x/_"));
}

#[test]
fn long_values_are_cut_and_stay_apart() {
    let (one, other) = ("n".repeat(300) + "1", "n".repeat(300) + "2");
    let one = path("x/{obj.a}-{obj.a}-{obj.a}.json", &json!({"a": one}));
    let other = path("x/{obj.a}-{obj.a}-{obj.a}.json", &json!({"a": other}));
    assert_ne!(one, other);
    assert!(one.file_name().unwrap().len() <= MAX_COMPONENT_BYTES);
    assert!(one.to_str().unwrap().ends_with(".json"));
}

#[test]
fn templates_that_could_not_name_a_file_are_refused() {
    for (template, expected) in [
        ("out/", "at character 5: this names a folder: expected a file name at the end"),
        ("", "at character 1: this names a folder: expected a file name at the end"),
        (
            "out/{obj.a}/../b",
            "at character 13: `..` after a tag: a path may leave a folder only in its literal beginning",
        ),
        ("out/a\tb", "at character 6: control character U+0009 in a path"),
    ] {
        let error = Template::parse_path(template).unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(Template::parse(template).is_ok(), "fine as text: {template:?}");
    }
    let wide = format!("{}{{obj.a}}", "n".repeat(250));
    assert!(Template::parse_path(&wide).unwrap_err().message.contains("255 bytes"));
    let deep = "{obj.a}/".repeat(60) + "f";
    assert!(Template::parse_path(&deep).unwrap_err().message.contains("4096 bytes"));
}

#[test]
fn the_literal_beginning_is_the_root() {
    for (template, root) in [
        ("a/b-{obj.x}/c", "a"),
        ("/srv/out/x.json", "/srv/out"),
        ("/x{obj.x}", "/"),
        ("{obj.x}/y", ""),
        ("../up/{obj.x}", "../up"),
    ] {
        assert_eq!(Template::parse(template).unwrap().literal_root(), root);
    }
}

/// Pieces that hostile templates and values are made of.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("\\".to_owned()),
        Just("{obj.a}".to_owned()),
        Just("{obj.b|default:..}".to_owned()),
        Just("{sys.time ../%Y}".to_owned()),
        Just("{sys.count ../x}".to_owned()),
        Just("{instance.name|lower}".to_owned()),
        Just("{{".to_owned()),
        "[a-z]{1,8}",
        "\\PC{0,3}",
        any::<char>().prop_map(String::from),
    ]
}

proptest! {
    #[test]
    fn hostile_values_stay_inside(a in "[./\\\\\u{0}-\u{1f}a-z:~]{0,200}", b in any::<String>(), name in any::<String>()) {
        let object = json!({"a": a, "b": b, "name": name});
        for template in ["out/{obj.a}", "/srv/{obj.b}/{obj.a}.json", "{obj.a}/{obj.b}", "o/.{obj.a}/{instance.name}{obj.b}", "../o/{obj.a}{obj.a}.{obj.b}"] {
            assert_confined(template, &path(template, &object));
        }
    }

    #[test]
    fn hostile_templates_stay_inside(pieces in prop::collection::vec(piece(), 0..12), value in prop::collection::vec(piece(), 0..4)) {
        let template = pieces.concat();
        if Template::parse_path(&template).is_ok() {
            let object = json!({"a": value.concat(), "name": value.concat()});
            assert_confined(&template, &path(&template, &object));
        }
    }

    #[test]
    fn rendering_is_deterministic(pieces in prop::collection::vec(piece(), 0..12), value in any::<String>()) {
        let template = pieces.concat();
        if Template::parse_path(&template).is_ok() {
            let object = json!({"a": value});
            prop_assert_eq!(path(&template, &object), path(&template, &object));
        }
    }
}
