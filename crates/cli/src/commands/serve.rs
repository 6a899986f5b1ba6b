use std::net::SocketAddr;

use anyhow::Context;
use clap::Args;
use watchpost_api::Listener;
use watchpost_runtime::{Guardian, Runtime, Server, Socket};

use crate::{
    Global,
    exit::Exit,
    interrupts::{Interrupts, leave_at_once},
    load, logging,
};

/// Run all instances of the data folder, until Ctrl-C or TERM
///
/// Every file of `instances/` is an instance; those with `AutoStart` are started. Edits of these files, of
/// manifests in `exporters/` and of `config.json` are picked up while it runs, and touch only what they
/// change. `watchpost instance`, `export`, `tap`, `replay` and `dead` talk to it through `control.sock` in the
/// data folder. What it offers over HTTP is at `--listen`. A first Ctrl-C stops in order, within 10 s; a second at once.
#[derive(Args)]
pub(crate) struct Serve {
    /// Where to answer HTTP: this machine's loopback address; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = LISTEN, env = "WATCHPOST_LISTEN", hide_env_values = true)]
    listen: SocketAddr,
}

/// The reference's port (REFERENCE "Exports by URI").
pub(crate) const LISTEN: &str = "127.0.0.1:3546";

impl Serve {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
        let guardian = Guardian::start().context("starting the guardian of child processes")?;
        logging::start(global.log, global.verbose, "info");
        let tokio = tokio::runtime::Runtime::new().context("starting the tasks that deliver")?;
        let served = tokio.block_on(async {
            let mut interrupts = Interrupts::watch().context("watching for Ctrl-C")?;
            let listener = Listener::bind(self.listen).await?;
            let runtime = Runtime::open(&global.data, load::shipped_exporters(global), guardian)?;
            let server = Server::open(runtime).await?;
            let socket = Socket::open(&server)?;
            tracing::info!("serving {}", global.data.display());
            tracing::info!("listening on http://{}/", listener.address());
            tokio::select! {
                () = listener.serve(watchpost_api::router(server.clone())) => {}
                () = interrupts.next() => {}
            }
            tracing::info!("stopping; press Ctrl-C again to stop at once");
            drop(socket);
            tokio::select! {
                () = server.shut_down() => {}
                () = interrupts.next() => leave_at_once(),
            }
            Ok(Exit::Done)
        });
        // Sources that hang in the system are not waited for: everything they gave is in the log.
        tokio.shutdown_background();
        served
    }
}
