use std::io::BufRead;

use clap::Args;
use watchpost_config::{SettingKind, System};
use watchpost_runtime::Operation;

use super::{pair, value};
use crate::{Global, ask, exit::Exit, load};

/// Give an exporter its settings, for all instances
///
/// What is not named stays as it is. A running server restarts only this exporter; without one the settings are kept in
/// config.json of the data folder for its next start. A secret is read from standard input, a line each, and never from
/// the command line, where every user of the machine could see it: `printf '%s' "$TOKEN" | watchpost exporter set Mine
/// token=-`. Exit code 78: a value that the manifest does not allow; nothing is changed then.
#[derive(Args)]
pub(crate) struct Set {
    /// The exporter's name.
    #[arg(value_name = "NAME")]
    exporter: String,
    /// Settings and their values; `-` reads a line of standard input.
    #[arg(value_name = "SETTING=VALUE", value_parser = pair, required_unless_present = "unset")]
    settings: Vec<(String, String)>,
    /// Take a setting back to its default (repeatable).
    #[arg(long, value_name = "SETTING")]
    unset: Vec<String>,
}

impl Set {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let installed = load::exporters(global);
        let Some(manifest) = installed.iter().find_map(|found| found.named(&self.exporter)) else {
            eprintln!(
                "watchpost: no exporter `{}` is installed; see `watchpost exporter list`",
                self.exporter
            );
            return Ok(Exit::Failed);
        };
        let mut values = match System::load(&global.data.join("config.json")) {
            Ok(system) => system.values(&self.exporter),
            Err(problems) => {
                problems.iter().for_each(|problem| eprintln!("error: {problem}"));
                return Ok(Exit::Refused);
            }
        };
        let mut lines = std::io::stdin().lock().lines();
        for (name, text) in &self.settings {
            let is_secret = manifest.setting(name).is_some_and(|s| matches!(s.kind, SettingKind::Secret));
            let text = match text.as_str() {
                "-" => lines.next().transpose()?.unwrap_or_default(),
                text if is_secret && !text.is_empty() => {
                    eprintln!(
                        "watchpost: `{name}` is a secret: give it on standard input, `{name}=-`; on a command line \
                         every user of the machine could see it"
                    );
                    return Ok(Exit::Usage);
                }
                text => text.to_owned(),
            };
            values.insert(name.clone(), value(manifest, name, &text));
        }
        for name in &self.unset {
            values.shift_remove(name);
        }
        let set = Operation::SetExporter { exporter: self.exporter.clone(), settings: values };
        ask::report(global, set, |_| println!("{} has its settings", self.exporter))
    }
}
