use std::io::{BufRead, IsTerminal};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};
use watchpost_api::Role;

use crate::{Global, exit::Exit};

/// Set the password of a user; the first one lets others in than this machine
///
/// Asks for it twice at a terminal, else reads one line of standard input. Kept as an argon2id hash in `users.json`
/// of the data folder; a running server knows it at once. From then on everybody has to log in. Roles: `viewer`
/// looks, `operator` runs instances and exports, `admin` may also set commands, pipelines, paths outside the data
/// folder, users and exporters' settings.
#[derive(Args)]
pub(crate) struct Password {
    /// Whose password it is.
    #[arg(default_value = "admin")]
    user: String,
    /// What they may do; a new user is an admin where nothing is said.
    #[arg(long, value_name = "ROLE")]
    role: Option<RoleName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum RoleName {
    Viewer,
    Operator,
    Admin,
}

impl Password {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let role = self.role.map(|role| match role {
            RoleName::Viewer => Role::Viewer,
            RoleName::Operator => Role::Operator,
            RoleName::Admin => Role::Admin,
        });
        let password = if std::io::stdin().is_terminal() {
            let password = rpassword::prompt_password(format!("Password of {}: ", self.user))?;
            if password != rpassword::prompt_password("Once more: ")? {
                bail!("they differ; nothing was changed");
            }
            password
        } else {
            let mut line = String::new();
            std::io::stdin()
                .lock()
                .read_line(&mut line)
                .context("reading the password from standard input")?;
            line.trim_end_matches(['\r', '\n']).to_owned()
        };
        std::fs::create_dir_all(&global.data)
            .with_context(|| format!("making the data folder {}", global.data.display()))?;
        watchpost_api::set_password(&global.data, &self.user, role, &password)?;
        eprintln!("the password of {} is set", self.user);
        Ok(Exit::Done)
    }
}
