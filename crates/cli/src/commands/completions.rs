use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Cli, exit::Exit};

/// Print completions for a shell
///
/// For bash: `watchpost completions bash > ~/.local/share/bash-completion/completions/watchpost`. Packages
/// install them.
#[derive(Args)]
pub(crate) struct Completions {
    /// Which shell.
    shell: Shell,
}

impl Completions {
    pub fn run(self) -> anyhow::Result<Exit> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "watchpost", &mut script);
        print!("{}", String::from_utf8(script)?);
        Ok(Exit::Done)
    }
}
