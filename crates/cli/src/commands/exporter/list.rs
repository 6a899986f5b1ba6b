use clap::Args;
use serde_json::json;

use crate::{Global, exit::Exit, load, output::Table};

/// List the exporters that are installed
///
/// Looks into the data folder's `exporters/` and at those shipped with Watchpost.
#[derive(Args)]
pub(crate) struct List {}

impl List {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let found = load::exporters(global);
        let bad = found.iter().any(|found| found.manifest.is_err());
        if global.json {
            let rows = found.iter().map(|found| match &found.manifest {
            Ok((manifest, _)) => json!({
                "name": manifest.name, "description": manifest.description, "events": manifest.events,
                "command": manifest.command, "folder": found.dir,
            }),
            Err(problems) => json!({
                "folder": found.dir, "errors": problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
            }),
        });
            println!("{}", serde_json::to_string_pretty(&rows.collect::<Vec<_>>())?);
            return Ok(if bad { Exit::Failed } else { Exit::Done });
        }
        if found.is_empty() {
            println!(
                "no exporters; an exporter is a folder with a manifest.json in {}",
                global.data.join("exporters").display()
            );
        }
        let mut table = Table::new(&["name", "records>", "description", "folder"]);
        for found in &found {
            match &found.manifest {
                Ok((manifest, _)) => table.row([
                    manifest.name.clone(),
                    manifest.events.values().filter(|versions| !versions.is_empty()).count().to_string(),
                    manifest.description.clone(),
                    found.dir.display().to_string(),
                ]),
                Err(problems) => {
                    for problem in problems {
                        eprintln!("{problem}");
                    }
                }
            }
        }
        print!("{}", table.render());
        Ok(if bad { Exit::Failed } else { Exit::Done })
    }
}
