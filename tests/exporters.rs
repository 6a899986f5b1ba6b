//! PRODUCT 2 and 9: `exporter new` makes programs that pass `exporter test` as they are, and `exporter test` says
//! by its exit code and its table how an exporter does.

use std::{path::PathBuf, process::Command};

use serde_json::{Value, json};
use watchpost_testkit::{Ran, Sandbox};

fn sandbox() -> Sandbox {
    Sandbox::new(env!("CARGO_BIN_EXE_watchpost"))
}

/// Makes a new one and returns its folder.
fn new(sandbox: &Sandbox, name: &str, language: &str) -> PathBuf {
    let ran = sandbox.run(&["exporter", "new", name, "--language", language]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("exporter test"), "it says what is next: {ran:?}");
    sandbox.data().join("exporters").join(name.to_lowercase().replace(' ', "-"))
}

fn test(sandbox: &Sandbox, dir: &std::path::Path, more: &[&str]) -> Ran {
    let mut args = vec!["exporter", "test", dir.to_str().unwrap(), "--pause", "0.2"];
    args.extend(more);
    sandbox.run(&args)
}

/// All checks but those that do not apply.
fn passes(sandbox: &Sandbox, dir: &std::path::Path) {
    let out = sandbox.path().join("out");
    let ran = test(sandbox, dir, &["--output", out.to_str().unwrap()]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stdout.contains(" 0 failed, 0 skipped"), "{}", ran.stdout);
    let [folder] = files(&out).try_into().unwrap_or_else(|all| panic!("one folder: {all:?}"));
    let [file] = files(&folder).try_into().unwrap_or_else(|all| panic!("one file: {all:?}"));
    assert!(std::fs::read(file).unwrap().iter().filter(|byte| **byte == b'\n').count() > 2000);
}

fn files(dir: &std::path::Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok_and(|ran| ran.status.success());
    if !there {
        eprintln!("SKIPPED: {program} is not there");
    }
    there
}

#[test]
fn new_in_python_passes_as_generated() {
    let sandbox = sandbox();
    passes(&sandbox, &new(&sandbox, "Gate Log", "python"));
}

#[test]
fn new_in_shell_passes_as_generated() {
    if there("jq") {
        let sandbox = sandbox();
        passes(&sandbox, &new(&sandbox, "Gate Log", "shell"));
    }
}

#[test]
fn new_in_node_passes_as_generated() {
    if there("node") {
        let sandbox = sandbox();
        passes(&sandbox, &new(&sandbox, "Gate Log", "node"));
    }
}

#[test]
fn new_in_rust_passes_as_generated() {
    let sandbox = sandbox();
    let dir = new(&sandbox, "Gate Log", "rust");
    let ran = test(&sandbox, &dir, &[]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.stdout.contains("target/release/exporter` not found"), "not built yet: {}", ran.stdout);
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "--offline", "--quiet"]).current_dir(&dir);
    build.env("RUSTFLAGS", "-D warnings").env_remove("CARGO_TARGET_DIR");
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    passes(&sandbox, &dir);
}

#[test]
fn new_refuses_what_would_overwrite_or_cannot_be_a_name() {
    let sandbox = sandbox();
    let dir = new(&sandbox, "Mine", "python");
    let before = std::fs::read(dir.join("exporter.py")).unwrap();
    let refused = |args: &[&str], code, reason: &str| {
        let ran = sandbox.run(&[&["exporter", "new"], args].concat());
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{reason}: {ran:?}");
    };
    refused(&["Mine", "--language", "node"], 1, "is that of ");
    refused(
        &["Other", "--language", "node", "--dir", dir.to_str().unwrap()],
        1,
        "nothing in it is overwritten",
    );
    refused(&["JSONExport", "--language", "node"], 1, "exporters/json");
    for name in ["handlers", "preprocess_x", "../x", "", ".x", "a/b", "a\nb"] {
        refused(&[name, "--language", "python"], 2, "expected 1 to 64");
    }
    refused(&["New", "--language", "cobol"], 2, "python");
    assert_eq!(std::fs::read(dir.join("exporter.py")).unwrap(), before);
    assert_eq!(files(&sandbox.data().join("exporters")), [dir]);
}

#[test]
fn the_table_and_the_exit_code_say_what_is_wrong() {
    let sandbox = sandbox();
    sandbox.write("bad/manifest.json", json!({
        "name": "Bad", "events": {"track": [1, 2]}, "framing": "newline", "acknowledge": true, "command": "python3 x.py",
        "settings": {"mode": {"type": "combobox", "options": ["good", "bad"]}, "count": {"type": "int_range", "min": 1, "max": 9}},
    }).to_string());
    sandbox.write("bad/x.py", "import json, os, sys\nfor line in sys.stdin:\n    if os.environ['WATCHPOST_SETTING_MODE'] == 'bad': json.loads(line)['record_id']\n    print('OK', flush=True)\n");
    let dir = sandbox.path().join("bad");
    let good = test(&sandbox, &dir, &["--set", "mode=good", "--set", "count=7"]);
    assert_eq!(good.code, Some(0), "{good:?}");

    // The data folder's settings hold where the command line says nothing.
    sandbox.write("data/config.json", json!({"exporters": {"Bad": {"mode": "bad"}}}).to_string());
    let bad = test(&sandbox, &dir, &[]);
    assert_eq!(bad.code, Some(1), "{bad:?}");
    let row = bad.stdout.lines().find(|line| line.starts_with("track:1")).unwrap();
    assert!(row.contains("FAIL") && row.contains("KeyError: 'record_id'"), "{row}");
    let json = test(&sandbox, &dir, &["--json"]);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["failed"], 2, "{report:#}");
    assert!(
        report["checks"]
            .as_array()
            .unwrap()
            .iter()
            .any(|row| row["check"] == "track:1" && row["result"] == "fail")
    );

    for (args, reason) in [
        (&["--set", "mode=worse"][..], "expected"),
        (&["--set", "count=0"], "from 1 to 9"),
        (&["--set", "no=1"], "no such setting"),
    ] {
        let ran = test(&sandbox, &dir, args);
        assert_eq!(ran.code, Some(78), "{ran:?}");
        assert!(ran.stderr.contains(reason), "{ran:?}");
    }
    let ran = test(&sandbox, &sandbox.path().join("nowhere"), &[]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    sandbox.write(
        "empty/manifest.json",
        json!({"name": "E", "events": {"track": 9}, "command": "cat"}).to_string(),
    );
    let ran = test(&sandbox, &sandbox.path().join("empty"), &[]);
    assert_eq!(ran.code, Some(78), "{ran:?}");
    assert!(ran.stderr.contains("asked for in version 9"), "{ran:?}");
}
