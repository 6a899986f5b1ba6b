use anyhow::Context;
use clap::Args;
use watchpost_runtime::{Guardian, Runtime, Server, Socket};

use crate::{Global, commands::run::interrupted, exit::Exit, load, logging};

/// Run all instances of the data folder, until Ctrl-C or TERM
///
/// Every file of `instances/` is an instance; those with `AutoStart` are started. Edits of these files, of
/// manifests in `exporters/` and of `config.json` are picked up while it runs, and touch only what they
/// change. `watchpost instance`, `export`, `tap`, `replay` and `dead` talk to it through `control.sock` in the
/// data folder. A first Ctrl-C stops in order, within 10 s; a second at once.
#[derive(Args)]
pub(crate) struct Serve {}

impl Serve {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
        let guardian = Guardian::start().context("starting the guardian of child processes")?;
        logging::start(global.log, global.verbose, "info");
        let tokio = tokio::runtime::Runtime::new().context("starting the tasks that deliver")?;
        let served = tokio.block_on(async {
            let runtime = Runtime::open(&global.data, load::shipped_exporters(global), guardian)?;
            let server = Server::open(runtime).await?;
            let socket = Socket::open(&server)?;
            tracing::info!("serving {}", global.data.display());
            interrupted().await;
            tracing::info!("stopping; press Ctrl-C again to stop at once");
            drop(socket);
            tokio::select! {
                () = server.shut_down() => {}
                () = interrupted() => super::run::leave_at_once(),
            }
            Ok(Exit::Done)
        });
        // Sources that hang in the system are not waited for: everything they gave is in the log.
        tokio.shutdown_background();
        served
    }
}
