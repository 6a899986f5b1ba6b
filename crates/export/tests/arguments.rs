//! PRODUCT 9: one setting never becomes two arguments, nothing passes a shell, secrets are in the environment alone.
//! Against real children that show what they were started with.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use watchpost_export::Output;

use crate::children::*;

/// Writes its own arguments as the kernel has them, and its environment, and waits.
const SHOW: &str =
    "cat /proc/$$/cmdline >argv.part; cat /proc/$$/environ >environ; mv argv.part argv; cat >/dev/null";

/// Arguments and environment, NUL between them, of a child that is given these settings.
fn started_with(command: &str, settings: Value, values: &Value) -> (Vec<String>, Vec<String>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("show.sh"), SHOW).unwrap();
    let manifest = json!({"name": "T", "events": {"track": 2}, "command": command, "settings": settings});
    let values: Map<String, Value> = values.as_object().unwrap().clone();
    let plan = plan(dir.path(), &manifest.to_string(), values, dir.path()).unwrap();
    let Output::Receiver(make) = &plan.output else { panic!("an exporter is a receiver") };
    let mut receiver = make();
    let argv = dir.path().join("argv");
    runtime.block_on(async {
        receiver.open(None).await.unwrap();
        let start = Instant::now();
        while !argv.exists() {
            assert!(start.elapsed() < BOUND, "the child shows nothing");
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        receiver.close().await.unwrap();
    });
    let split = |name: &str| {
        let text = String::from_utf8(std::fs::read(dir.path().join(name)).unwrap()).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>()
    };
    (split("argv"), split("environ"))
}

fn hostile() -> impl Strategy<Value = String> {
    let known = [
        "",
        " ",
        "a b",
        "a  b ",
        "'",
        "\"",
        "\\",
        "\\\"",
        "$(touch x)",
        "`touch x`",
        "; rm -rf /",
        "| cat",
        "&",
        "> x",
        "*",
        "~",
        "$HOME",
        "${settings.b}",
        "{settings.b}",
        "{settings.a}",
        "--",
        "-rf",
        "--out=x",
        "#",
        "%s",
        "!!",
        "\u{a0}",
        "\u{2028}",
        "a\u{301}",
        "🚪",
        "\u{202e}abc",
    ];
    prop_oneof![
        prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        "\\PC{0,60}",
        "[ '\"\\\\{}$a-c.]{0,20}"
    ]
}

proptest! {
    // Each case starts a child, some 10 ms.
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn one_setting_never_becomes_two_arguments(a in hostile(), b in hostile()) {
        let text = |label: &str| json!({"type": "text", "label": label});
        let command = "sh show.sh --a={settings.a} '{settings.a}{settings.b} x' {settings.b} \"in \\\"{settings.a}\\\"\" {settings.no end";
        let settings = json!({"a": text("A"), "b": text("B")});
        let (argv, environ) = started_with(command, settings, &json!({"a": a, "b": b}));
        let words = ["sh", "show.sh", &format!("--a={a}"), &format!("{a}{b} x"), &b, &format!("in \"{a}\""), "{settings.no", "end"];
        prop_assert_eq!(argv, words);
        let variables = [format!("WATCHPOST_SETTING_A={a}"), format!("WATCHPOST_SETTING_B={b}")];
        prop_assert!(variables.iter().all(|variable| environ.contains(variable)));
    }
}

#[test]
fn every_type_of_setting_reaches_the_program_as_it_is_written() {
    let settings = json!({
        "text": {"type": "text"}, "on": {"type": "checkbox"}, "whole": {"type": "int_range", "min": -5, "max": 5},
        "part": {"type": "float_range", "min": 0.0, "max": 1.0}, "choice": {"type": "combobox", "options": ["a b", "c"]},
    });
    let command =
        "sh show.sh {settings.text} {settings.on} {settings.whole} {settings.part} {settings.choice}";
    let values = json!({"text": "ü x", "on": true, "whole": -3, "part": 0.25, "choice": "a b"});
    let (argv, _) = started_with(command, settings.clone(), &values);
    assert_eq!(argv[2..], ["ü x", "true", "-3", "0.25", "a b"]);
    let (argv, _) = started_with(command, settings, &json!({}));
    assert_eq!(argv[2..], ["", "false", "-5", "0", "a b"], "defaults where the manifest has none");
}

#[test]
fn a_secret_is_in_the_environment_and_nowhere_else() {
    let settings = json!({"token": {"type": "secret"}, "name": {"type": "text"}});
    let values = json!({"token": "hush-hush", "name": "n"});
    let (argv, environ) = started_with("sh show.sh {settings.name}", settings, &values);
    assert_eq!(argv, ["sh", "show.sh", "n"]);
    assert!(environ.contains(&"WATCHPOST_SETTING_TOKEN=hush-hush".to_owned()), "{environ:?}");
    assert_eq!(environ.iter().filter(|one| one.contains("hush")).count(), 1);
}
