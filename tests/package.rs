//! The Debian package: everything in its place, and a program that finds what came with it. Installing it for real
//! takes a machine of its own.

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
    let unit = std::fs::read_to_string(root.join("lib/systemd/system/watchpost.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/bin/watchpost serve"), "{unit}");
    for script in ["postinst", "prerm", "postrm"] {
        output(Command::new("sh").arg("-n").arg(repository.join("packaging/debian").join(script)));
    }

    // The program finds the exporters that lie beside it, wherever that is.
    let program = root.join("usr/bin/watchpost");
    let list = output(
        Command::new(&program).arg("--data").arg(sandbox.path().join("data")).args(["exporter", "list"]),
    );
    assert!(list.contains("JSONExport") && list.contains("Webhook"), "{list}");
    let zsh = std::fs::read_to_string(root.join("usr/share/zsh/vendor-completions/_watchpost")).unwrap();
    assert!(zsh.contains("#compdef watchpost") && zsh.contains("doctor"));
}
