//! Exporters' manifests and settings: everything wrong is said with its place, values keep their kinds.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, path::Path};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use watchpost_config::{Framing, Manifest, Problem, SettingKind, System, check_name, discover, substitute};

fn parse(text: &str) -> Result<(Manifest, Vec<Problem>), Vec<Problem>> {
    Manifest::parse(text, Path::new("manifest.json"))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

#[test]
fn the_one_of_the_product_description() {
    let (manifest, warnings) = parse(include_str!("data/manifest.json")).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(
        (manifest.name.as_str(), manifest.framing, manifest.window),
        ("JSONExport", Framing::Nul, 1000)
    );
    assert_eq!((manifest.timeout_ms, manifest.start_timeout_ms, manifest.retries), (10_000, 60_000, 5));
    let events: Vec<_> = manifest.events.iter().map(|(id, versions)| (id.as_str(), &versions[..])).collect();
    let expected: [(&str, &[u8]); 3] =
        [("crop", &[1]), ("event-intrusion", &[1, 2]), ("event-line-crossing", &[1])];
    assert_eq!(events, expected);
    assert_eq!(manifest.settings.len(), 6);
    assert_eq!(manifest.setting("token").unwrap().kind, SettingKind::Secret);

    let values = manifest.settings_from(&Map::new(), Path::new("config.json"), "").unwrap();
    let words = manifest.command.split(' ').map(str::to_owned).collect();
    let words = substitute(words, &values);
    assert_eq!(words, ["python3", "jsonexport.py", "--out", "json-export", "--images", "true"]);
}

#[test]
fn defaults() {
    let (manifest, _) = parse(r#"{"name": "a", "command": "./a", "events": {}}"#).unwrap();
    assert_eq!(
        (manifest.batch, manifest.acknowledge, manifest.window, manifest.retries),
        (false, false, 1000, 5)
    );
    assert_eq!((manifest.timeout_ms, manifest.start_timeout_ms), (10_000, 60_000));
}

#[test]
fn every_error_is_said_at_once_with_its_line() {
    insta::assert_snapshot!(lines(&parse(include_str!("data/manifest-wrong.json")).unwrap_err()));
    insta::assert_snapshot!("nothing_there", lines(&parse("{}").unwrap_err()));
}

#[test]
fn names_that_are_keys_of_the_instance_file_are_refused() {
    for name in
        ["handlers", "render_preset", "temp", "preprocess_x", "preprocess", "", "a/b", ".hidden", "a\nb"]
    {
        assert!(check_name(name).is_err(), "{name:?}");
    }
    for name in ["JSONExport", "nx witness", "Überwachung", "a.b-c_1"] {
        assert_eq!(check_name(name), Ok(()), "{name:?}");
    }
}

#[test]
fn values_are_checked_and_defaults_filled_in() {
    let (manifest, _) = parse(include_str!("data/manifest.json")).unwrap();
    let read = |values: Value| {
        manifest.settings_from(&map(values), Path::new("config.json"), "/exporters/JSONExport")
    };
    let good =
        read(json!({"quality": 100, "scale": 0.55, "layout": "per day", "images": false, "token": "hush"}))
            .unwrap();
    let shown: BTreeMap<_, _> = good.iter().map(|(name, value)| (name.as_str(), value.to_string())).collect();
    let expected = [
        ("folder", "json-export"),
        ("images", "false"),
        ("layout", "per day"),
        ("quality", "100"),
        ("scale", "0.55"),
        ("token", "hush"),
    ];
    assert_eq!(shown, expected.map(|(name, value)| (name, value.to_owned())).into());
    assert!(!format!("{good:?}").contains("hush"));
    let wrong = json!({"quality": 101, "scale": "1", "layout": "weekly", "images": 1, "token": 5, "folder": "a\nb", "x": 1});
    insta::assert_snapshot!(lines(&read(wrong).unwrap_err()));
}

#[test]
fn system_settings_keep_what_they_do_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    assert_eq!(System::load(&file).unwrap(), System::default());
    fs::write(&file, r#"{"later": {"x": 1}, "exporters": {"other": {"a": 1}}}"#).unwrap();
    let (manifest, _) = parse(include_str!("data/manifest.json")).unwrap();
    let mut system = System::load(&file).unwrap();
    system.set("JSONExport", map(json!({"quality": 5})));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    system.save(&file).unwrap();
    let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "it holds secrets, whatever mode it had");
    let again = System::load(&file).unwrap();
    assert_eq!(again.settings(&manifest).unwrap()["quality"].to_string(), "5");
    let expected = json!({"later": {"x": 1}, "exporters": {"other": {"a": 1}, "JSONExport": {"quality": 5}}});
    assert_eq!(serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap(), expected);
    fs::write(&file, r#"{"exporters": {"a": 1}}"#).unwrap();
    let problems = lines(&System::load(&file).unwrap_err());
    assert!(problems.ends_with("config.json:1: /exporters/a: is 1; expected an object\n"), "{problems}");
}

#[test]
fn the_users_exporters_go_before_those_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let (mine, shipped) = (folder.path().join("mine"), folder.path().join("shipped"));
    let add = |dir: &Path, folder: &str, name: &str| {
        fs::create_dir_all(dir.join(folder)).unwrap();
        let text = json!({"name": name, "command": "./a", "events": {}}).to_string();
        fs::write(dir.join(folder).join("manifest.json"), text).unwrap();
    };
    add(&mine, "b", "json");
    add(&mine, "c", "json");
    add(&mine, "a", "other");
    fs::create_dir_all(mine.join("no-manifest")).unwrap();
    add(&shipped, "json", "json");
    add(&shipped, "webhook", "webhook");
    let found = discover(&[mine.clone(), folder.path().join("none"), shipped]).unwrap();
    let shown: Vec<String> = found
        .iter()
        .map(|found| {
            let name = found.manifest.as_ref().map(|(manifest, _)| manifest.name.clone());
            let problem =
                |problems: &Vec<Problem>| problems[0].message.replace(&mine.display().to_string(), "mine");
            let dir = found.dir.strip_prefix(folder.path()).unwrap().display();
            format!("{dir} {}", name.unwrap_or_else(problem))
        })
        .collect();
    let taken = "mine/c the name \"json\" is that of mine/b";
    assert_eq!(shown, ["mine/a other", "mine/b json", taken, "shipped/webhook webhook"]);
}

proptest! {
    #[test]
    fn arbitrary_manifests_are_read_or_refused(
        command in "(\\{settings\\.|\\}|[a-z ]){0,8}",
        event in "[a-z0-9-]{0,6}",
        versions in proptest::collection::vec(any::<u16>(), 0..12),
        kind in "text|secret|int_range|combobox|other",
        name in "[a-z_0-9]{0,4}",
    ) {
        let text = json!({"name": name, "command": command, "events": {event: versions},
            "settings": {name.as_str(): {"type": kind, "min": 1, "max": 2, "options": ["x"]}}}).to_string();
        if let Err(problems) = parse(&text) {
            prop_assert!(!problems.is_empty());
        }
    }
}
