use std::{net::SocketAddr, path::PathBuf};

use anyhow::Context;
use clap::Args;
use watchpost_api::{App, Listener, Logs, Options, TlsFiles};
use watchpost_runtime::{Guardian, Runtime, Server, Socket};

use crate::{
    Global,
    exit::Exit,
    interrupts::{Interrupts, leave_at_once},
    load, logging, systemd,
    traces::Traces,
};

/// Run all instances of the data folder, until Ctrl-C or TERM
///
/// Every file of `instances/` is an instance; those with `AutoStart` are started. Edits of these files, of
/// manifests in `exporters/` and of `config.json` are picked up while it runs, and touch only what they
/// change. `watchpost instance`, `export`, `tap`, `replay` and `dead` talk to it through `control.sock` in the
/// data folder. What it offers over HTTP is at `--listen`. A first Ctrl-C stops in order, within 10 s; a second at once.
#[derive(Args)]
pub(crate) struct Serve {
    /// Where to answer HTTP; port 0 takes a free one. Other addresses than this machine's own need a password
    /// first: `watchpost password`.
    #[arg(long, value_name = "IP:PORT", default_value = LISTEN, env = "WATCHPOST_LISTEN", hide_env_values = true)]
    listen: SocketAddr,
    /// A name under which this machine is reached, beside its addresses and localhost (repeatable).
    #[arg(
        long = "host-name",
        value_name = "NAME",
        env = "WATCHPOST_HOST_NAMES",
        value_delimiter = ',',
        hide_env_values = true
    )]
    host_names: Vec<String>,
    /// Answer by TLS, with this certificate (PEM, with those that vouch for it behind it).
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "WATCHPOST_TLS_CERTIFICATE",
        hide_env_values = true
    )]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_certificate",
        env = "WATCHPOST_TLS_KEY",
        hide_env_values = true
    )]
    tls_key: Option<PathBuf>,
    /// Serve the page from this folder, in place of the one in the program.
    #[arg(long, value_name = "DIR", env = "WATCHPOST_PAGE", hide_env_values = true)]
    page: Option<PathBuf>,
    #[command(flatten)]
    traces: Traces,
}

/// The reference's port (REFERENCE "Exports by URI").
pub(crate) const LISTEN: &str = "127.0.0.1:3546";

impl Serve {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        // Before any thread exists: the guardian is a fork of this process (see `watchpost_process`).
        let guardian = Guardian::start().context("starting the guardian of child processes")?;
        let logs = Logs::default();
        logging::start(global.log, global.verbose, "info", Some(logs.clone()));
        let _sending = self.traces.start()?;
        let tokio = tokio::runtime::Runtime::new().context("starting the tasks that deliver")?;
        let served = tokio.block_on(async {
            let mut interrupts = Interrupts::watch().context("watching for Ctrl-C")?;
            let tls = self.tls_certificate.zip(self.tls_key);
            let tls = tls.map(|(certificate, key)| TlsFiles { certificate, key });
            let has_credentials = watchpost_api::has_credentials(&global.data)?;
            let listener = Listener::bind(self.listen, tls.as_ref(), has_credentials).await?;
            let runtime = Runtime::open(&global.data, load::shipped_exporters(global), guardian)?;
            let server = Server::open(runtime).await?;
            tracing::info!("serving {}", global.data.display());
            let options = Options {
                page: self.page,
                logs,
                addresses: vec![listener.address()],
                tls: tls.is_some(),
                hosts: self.host_names,
            };
            let app = App::new(server.clone(), options);
            let socket = Socket::open(&server, app.heard())?;
            let scheme = if tls.is_some() { "https" } else { "http" };
            tracing::info!("listening on {scheme}://{}/", listener.address());
            let stop_asked = app.stop_asked();
            let watchdog = systemd::ready(server.clone());
            tokio::select! {
                () = listener.serve(watchpost_api::router(app)) => {}
                () = watchdog => {}
                () = stop_asked.notified() => {}
                () = interrupts.next() => {}
            }
            systemd::stopping();
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
