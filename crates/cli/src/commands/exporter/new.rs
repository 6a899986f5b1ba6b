use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use watchpost_config::check_name;

use crate::{Global, exit::Exit, load};

/// Make an exporter of your own: a program that works and a manifest, to be changed
///
/// It keeps every record and answers for it. `watchpost exporter test` tells whether it still does everything
/// right after your changes.
#[derive(Args)]
pub(crate) struct New {
    /// Its name, by which instances switch it on.
    #[arg(value_name = "NAME")]
    name: String,
    /// What it is written in.
    #[arg(long)]
    language: Language,
    /// The folder to make; the data folder's `exporters/<name>` if not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Language {
    /// Python 3.6 or newer, standard library only.
    Python,
    /// Rust, no dependencies.
    Rust,
    /// JavaScript for Node.js 14 or newer, no packages.
    Node,
    /// A POSIX shell and jq.
    Shell,
}

/// Path in the new folder and content. Real files, so that they can be run and tested as they are.
type Files = &'static [(&'static str, &'static str)];

/// Every file of `exporters/templates/<language>/`.
macro_rules! template {
    ($language:literal: $($file:literal),+) => {
        &[$((
            $file,
            include_str!(concat!("../../../../../exporters/templates/", $language, "/", $file)),
        )),+]
    };
}

impl Language {
    fn files(self) -> Files {
        match self {
            Self::Python => template!("python": "manifest.json", "exporter.py"),
            Self::Rust => template!("rust": "manifest.json", "Cargo.toml", "src/main.rs"),
            Self::Node => template!("node": "manifest.json", "exporter.js"),
            Self::Shell => template!("shell": "manifest.json", "exporter.sh"),
        }
    }

    /// The file with the place to put one's own in, and what has to be done before it runs.
    fn start(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Python => ("exporter.py", None),
            Self::Rust => ("src/main.rs", Some("cargo build --release")),
            Self::Node => ("exporter.js", None),
            Self::Shell => ("exporter.sh", None),
        }
    }
}

impl New {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        if let Err(reason) = check_name(&self.name) {
            eprintln!("error: {reason}: expected 1 to 64 letters, digits, spaces or `._-`");
            return Ok(Exit::Usage);
        }
        let folder = folder_name(&self.name);
        let dir = self.dir.unwrap_or_else(|| global.data.join("exporters").join(&folder));
        let namesake = load::exporters(global).into_iter().find(|found| found.named(&self.name).is_some());
        if let Some(namesake) = namesake {
            bail!("the name \"{}\" is that of {}: choose another", self.name, namesake.dir.display());
        }
        let taken = std::fs::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some());
        if taken || (dir.exists() && !dir.is_dir()) {
            bail!(
                "{} is there already, and nothing in it is overwritten: choose another --dir",
                dir.display()
            );
        }
        let mut made = Vec::new();
        for (name, content) in self.language.files() {
            let path = dir.join(name);
            let parent = path.parent().unwrap_or(&dir);
            std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
            let content = content.replace("__NAME__", &self.name).replace("__FOLDER__", &folder);
            std::fs::write(&path, content).with_context(|| format!("writing {}", path.display()))?;
            made.push(path);
        }
        let (program, build) = self.language.start();
        if global.json {
            println!("{}", serde_json::json!({"name": self.name, "dir": dir, "files": made}));
            return Ok(Exit::Done);
        }
        for path in &made {
            println!("made {}", path.display());
        }
        let dir = dir.display();
        println!("\nNext:");
        if let Some(build) = build {
            println!("  (cd '{dir}' && {build})");
        }
        println!("  watchpost exporter test '{dir}'");
        println!("  put your own into {program}, and the ids you want into manifest.json");
        println!(
            "  switch it on in an instance file: \"Output\": {{\"{}\": {{\"enabled\": true}}}}",
            self.name
        );
        Ok(Exit::Done)
    }
}

/// A folder's name for an exporter's: small letters, digits and `-`.
fn folder_name(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let mapped: String = name.chars().map(letter).collect();
    let trimmed = mapped.trim_matches('-');
    if trimmed.is_empty() { "exporter".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_named_plainly() {
        for (name, folder) in
            [("My Exporter", "my-exporter"), ("a.b_c", "a-b-c"), ("門", "exporter"), ("Tür", "t-r")]
        {
            assert_eq!(folder_name(name), folder);
        }
    }

    #[test]
    fn templates_hold_a_manifest_and_the_program_it_runs() {
        for language in Language::value_variants() {
            let files = language.files();
            let manifest = files[0].1.replace("__NAME__", "X y").replace("__FOLDER__", "x-y");
            let (manifest, warnings) =
                watchpost_config::Manifest::parse(&manifest, "manifest.json".as_ref()).unwrap();
            assert!(warnings.is_empty(), "{warnings:?}");
            assert_eq!(manifest.name, "X y");
            assert!(files.iter().any(|(name, _)| *name == language.start().0));
            assert!(files.iter().all(|(_, content)| content.contains("__") || content.contains("[package]")));
        }
    }
}
