//! What must hold for any input; shared by the fuzz target and the plain test.

use std::path::{Component, Path};

use jiff::tz::TimeZone;
use serde_json::{Value, json};
use watchpost_template::{Counts, MAX_COMPONENT_BYTES, MAX_PATH_BYTES, Scope, Template};

/// `data`: the template, a NUL, then the object as JSON, or else the text of its key `a`.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (template, object) = text.split_once('\0').unwrap_or((&text, ""));
    let object: Value = serde_json::from_str(object).unwrap_or_else(|_| json!({"a": object}));
    let Ok(parsed) = Template::parse(template) else { return };
    let mut counts = Counts::default();
    let mut scope = Scope {
        object: &object,
        time_ms: 1_782_909_296_789,
        time_zone: &TimeZone::UTC,
        frame: None,
        instance_id: "../id",
        instance_name: "..",
        counts: &mut counts,
        missing: 0,
    };
    let _text = parsed.render(&mut scope);
    let Ok(path) = parsed.render_path(&mut scope) else {
        assert!(Template::parse_path(template).is_err(), "refused only when rendered");
        return;
    };
    assert!(path.as_os_str().len() < MAX_PATH_BYTES);
    assert!(path.iter().all(|name| name.len() <= MAX_COMPONENT_BYTES));
    let root: Vec<Component<'_>> =
        Path::new(parsed.literal_root()).components().filter(|c| *c != Component::CurDir).collect();
    let found: Vec<Component<'_>> = path.components().collect();
    assert!(found.starts_with(&root), "{path:?} does not begin with {root:?}");
    let beyond = &found[root.len()..];
    assert!(!beyond.is_empty(), "{path:?} is its own root");
    assert!(beyond.iter().all(|c| matches!(c, Component::Normal(_))), "{path:?} leaves {root:?}");
}
