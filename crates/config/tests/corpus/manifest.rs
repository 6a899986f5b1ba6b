//! What must hold for any manifest and settings; shared by the fuzz target and the plain test.

use std::path::Path;

use serde_json::{Map, Value};
use watchpost_config::{Manifest, SettingKind, SettingValue, System, substitute};

/// `data`: a manifest and, behind a NUL, the system's settings.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (manifest, system) = text.split_once('\0').unwrap_or((text, "{}"));
    let manifest = Manifest::parse(manifest, Path::new("manifest.json"));
    let system = System::parse(system, Path::new("config.json"));
    for problems in [manifest.as_ref().err(), system.as_ref().err()].into_iter().flatten() {
        assert!(!problems.is_empty());
        assert!(problems.iter().all(|problem| problem.line.is_some()), "{problems:?}");
    }
    let Ok((manifest, _)) = manifest else { return };
    is_in_bounds(&manifest);
    let Ok(system) = system else { return };
    let Ok(settings) = system.settings(&manifest) else { return };
    assert_eq!(settings.len(), manifest.settings.len());
    let words: Vec<String> = manifest.command.split_whitespace().map(str::to_owned).collect();
    let replaced = substitute(words.clone(), &settings);
    assert_eq!(replaced.len(), words.len(), "one setting became two arguments");
    for (word, replaced) in words.iter().zip(&replaced) {
        assert!(word.contains("{settings.") || word == replaced);
    }
    // Nothing of a secret reaches an argument: with another one the command is the same.
    let mut other = settings.clone();
    for value in other.values_mut() {
        if let SettingValue::Secret(secret) = value {
            secret.push_str("another");
        }
    }
    assert_eq!(substitute(words, &other), replaced);
    // What is set is what is read.
    let mut changed = system.clone();
    let values: Map<String, Value> = system.values(&manifest.name);
    changed.set(&manifest.name, values);
    assert_eq!(changed.settings(&manifest).unwrap(), settings);
}

fn is_in_bounds(manifest: &Manifest) {
    assert!(watchpost_config::check_name(&manifest.name).is_ok());
    assert!((1..=1_000_000).contains(&manifest.window) && manifest.timeout_ms > 0);
    for (id, versions) in &manifest.events {
        assert!(!id.is_empty() && !versions.is_empty() && versions.is_sorted() && !versions.contains(&0));
    }
    for setting in &manifest.settings {
        let of_its_kind = match (&setting.kind, &setting.default) {
            (SettingKind::Text, SettingValue::Text(_)) => true,
            (SettingKind::Checkbox, SettingValue::Bool(_)) => true,
            (SettingKind::IntRange { min, max }, SettingValue::Int(value)) => (min..=max).contains(&value),
            (SettingKind::FloatRange { min, max, .. }, SettingValue::Float(value)) => {
                (min..=max).contains(&value)
            }
            (SettingKind::Combobox(options), SettingValue::Text(value)) => options.contains(value),
            (SettingKind::Secret, SettingValue::Secret(value)) => value.is_empty(),
            _ => false,
        };
        assert!(of_its_kind, "{setting:?}");
    }
}
