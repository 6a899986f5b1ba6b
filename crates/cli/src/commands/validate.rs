use std::path::PathBuf;

use clap::Args;
use watchpost_runtime::Claims;

use crate::{Global, exit::Exit, load};

/// Check instance files, exporters' manifests and files of records
///
/// Prints every error with file, line, JSON path, what was expected and the valid choices, and warns of
/// what can never fire. Of several instances also whether two would write to one file. Exit code 0: nothing is wrong
/// (there may be warnings). 78: something is.
#[derive(Args)]
pub(crate) struct Validate {
    /// What to check; what each file is is seen from its content.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl Validate {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let claims = Claims::default();
        let findings: Vec<_> = self.files.iter().map(|file| load::check(file, global, &claims)).collect();
        let bad = findings.iter().any(|finding| !finding.errors.is_empty());
        if global.json {
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            for finding in &findings {
                print!("{}", finding.text());
            }
        }
        Ok(if bad { Exit::Refused } else { Exit::Done })
    }
}
