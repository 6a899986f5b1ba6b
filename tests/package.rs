//! The Debian package: everything in its place, a program that finds what came with it, and a package manager that takes
//! it and gives it back. Services are started on machines of their own.

use std::{path::Path, process::Command};

use watchpost_testkit::Sandbox;

fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {out}{err}");
    out.into_owned()
}

#[test]
fn a_debian_package_holds_all_that_it_takes() {
    let sandbox = Sandbox::new(env!("CARGO_BIN_EXE_watchpost"));
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let script = repository.join("scripts/deb.sh");
    let mut make = Command::new(script);
    make.arg(sandbox.path()).env("PROGRAM", env!("CARGO_BIN_EXE_watchpost")).env("PACKING", "none");
    let package = output(&mut make).trim().to_owned();

    let field = |name: &str| output(Command::new("dpkg-deb").args(["--field", &package, name]));
    let depends = field("Depends");
    for needed in ["libgstreamer1.0-0", "libgstrtspserver-1.0-0", "gstreamer1.0-plugins-bad", "adduser"] {
        assert!(depends.contains(needed), "{needed}: {depends}");
    }
    assert_eq!(field("Version").trim(), env!("CARGO_PKG_VERSION"));

    let root = sandbox.path().join("root");
    output(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(&root));
    for file in [
        "usr/share/watchpost/exporters/json/manifest.json",
        "usr/share/watchpost/exporters/templates/python/exporter.py",
        "usr/share/watchpost/detectors/people.py",
        "usr/share/man/man1/watchpost-serve.1.gz",
        "usr/share/bash-completion/completions/watchpost",
        "usr/share/doc/watchpost/copyright",
        "etc/default/watchpost",
    ] {
        assert!(root.join(file).is_file(), "{file}");
    }
    assert!(!root.join("lib").exists(), "nothing behind the link that /lib is");
    unit(&root);
    manual(&root);
    installed_and_removed(&sandbox, Path::new(&package));

    // The program finds the exporters that lie beside it, wherever that is.
    let program = root.join("usr/bin/watchpost");
    let list = output(
        Command::new(&program).arg("--data").arg(sandbox.path().join("data")).args(["exporter", "list"]),
    );
    assert!(list.contains("JSONExport") && list.contains("Webhook"), "{list}");
    let zsh = std::fs::read_to_string(root.join("usr/share/zsh/vendor-completions/_watchpost")).unwrap();
    assert!(zsh.contains("#compdef watchpost") && zsh.contains("doctor"));
}

/// Whether a program of the system is here; said aloud where it is not.
fn there(program: &str) -> bool {
    let there = Command::new(program).arg("--version").output().is_ok();
    if !there {
        eprintln!("SKIPPED: {program} is not there");
    }
    there
}

/// systemd understands every line of the unit, and finds what it starts.
fn unit(root: &Path) {
    let unit = std::fs::read_to_string(root.join("usr/lib/systemd/system/watchpost.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/watchpost serve"), "{unit}");
    if there("systemd-analyze") {
        let mut verify = Command::new("systemd-analyze");
        // Of the units around it there is none in the folder.
        verify.args(["verify", "--man=no", "--recursive-errors=no", "watchpost.service", "--root"]).arg(root);
        let verified = verify.output().unwrap();
        let said = String::from_utf8_lossy(&verified.stderr);
        assert!(verified.status.success() && said.trim().is_empty(), "{said}");
    }
}

/// A page for every command, without a mistake in its markup; completions that their shell can read.
fn manual(root: &Path) {
    let page = |name: &str| root.join(format!("usr/share/man/man1/{name}.1.gz"));
    let commands = [
        "completions",
        "dead",
        "doctor",
        "export",
        "exporter",
        "instance",
        "listen",
        "password",
        "replay",
        "run",
        "schema",
        "serve",
        "tap",
        "validate",
    ];
    let names = commands.map(|command| format!("watchpost-{command}"));
    for name in names.iter().map(String::as_str).chain(["watchpost"]) {
        assert!(page(name).is_file(), "{name}");
        if there("man") {
            let mut shown = Command::new("man");
            shown.args(["--warnings", "-l"]).arg(page(name)).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
            let shown = shown.output().unwrap();
            let (text, said) =
                (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
            assert!(shown.status.success() && said.trim().is_empty(), "{name}: {said}");
            assert!(text.contains("SYNOPSIS"), "{name}: {text}");
        }
    }
    output(Command::new("bash").arg("-n").arg(root.join("usr/share/bash-completion/completions/watchpost")));
}

/// dpkg installs, installs again and purges it in a folder, with scripts that are told so. What would change this machine
/// is only written down.
fn installed_and_removed(sandbox: &Sandbox, package: &Path) {
    let (root, fakes, calls) =
        (sandbox.path().join("machine"), sandbox.path().join("fakes"), sandbox.path().join("calls"));
    for folder in ["info", "updates"] {
        std::fs::create_dir_all(root.join("var/lib/dpkg").join(folder)).unwrap();
    }
    std::fs::write(root.join("var/lib/dpkg/status"), "").unwrap();
    for (name, status) in [("adduser", 0), ("install", 0), ("systemctl", 0), ("getent", 2)] {
        let script = format!("#!/bin/sh\necho \"{name} $*\" >>{}\nexit {status}\n", calls.display());
        sandbox.write_program(&format!("fakes/{name}"), &script);
    }
    let path = format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", fakes.display());
    let dpkg = |what: &str, of: &Path| {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", root.display()));
        // What it depends on is not in the folder, which is nobody's system.
        dpkg.args(["--force-not-root", "--force-depends", "--force-script-chrootless", what]);
        output(dpkg.arg(of).env("PATH", &path).stdin(std::process::Stdio::null()));
    };
    let state = || {
        let mut query = Command::new("dpkg-query");
        query.arg(format!("--admindir={}", root.join("var/lib/dpkg").display()));
        output(query.args(["--show", "--showformat=${db:Status-Status}", "watchpost"]))
    };
    dpkg("--install", package);
    assert_eq!(state(), "installed");
    let called = std::fs::read_to_string(&calls).unwrap();
    assert!(called.contains("adduser --system --group --home /var/lib/watchpost"), "{called}");
    let data = root.join("var/lib/watchpost");
    assert!(
        called.contains(&format!("install -d -o watchpost -g watchpost -m 0750 {}", data.display())),
        "{called}"
    );
    assert!(!called.contains("systemctl"), "no service of this machine is touched: {called}");

    // What somebody has set and what was recorded stay over an upgrade; the latter over a purge, too.
    let set = root.join("etc/default/watchpost");
    std::fs::write(&set, "WATCHPOST_LISTEN=127.0.0.1:1\n").unwrap();
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("mine"), "1").unwrap();
    dpkg("--install", package);
    assert!(std::fs::read_to_string(&set).unwrap().contains(":1"));
    dpkg("--purge", Path::new("watchpost"));
    assert!(!set.exists() && !root.join("usr/bin/watchpost").exists());
    assert!(data.join("mine").exists(), "what people recorded is theirs");
}
