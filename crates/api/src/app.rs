//! What all handlers share.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Instant};

use axum::extract::FromRef;
use tokio::sync::Notify;
use watchpost_runtime::{Heard, Server};

use crate::{
    audit::{Audit, Entry},
    auth::Auth,
    logs::Logs,
    page::Page,
    reference::events::Consumers,
};

/// What the API is put together from, beside the server it speaks for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// A folder with the page's files, in place of those in the program.
    pub page: Option<PathBuf>,
    /// What the program has logged lately.
    pub logs: Logs,
    /// Where HTTP is answered.
    pub addresses: Vec<SocketAddr>,
    /// Whether by TLS.
    pub tls: bool,
    /// Host names under which this machine may be reached, beside its addresses.
    pub hosts: Vec<String>,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) server: Arc<Server>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) page: Arc<Page>,
    pub(crate) logs: Logs,
    pub(crate) hosts: Arc<Vec<String>>,
    pub(crate) consumers: Arc<Consumers>,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: bool,
    pub(crate) started: Instant,
    pub(crate) stop: Arc<Notify>,
}

impl App {
    /// The API of `server`. Reads who may use it from the data folder.
    pub fn new(server: Arc<Server>, options: Options) -> Self {
        let data = server.runtime().data().to_owned();
        crate::uploads::tidy(&data);
        Self {
            auth: Arc::new(Auth::open(&data)),
            audit: Arc::new(Audit::open(&data)),
            page: Arc::new(Page::new(options.page)),
            logs: options.logs,
            hosts: Arc::new(options.hosts),
            consumers: Arc::default(),
            addresses: options.addresses,
            tls: options.tls,
            started: Instant::now(),
            stop: Arc::default(),
            server,
        }
    }

    /// For `control.sock`: what is changed there stands in the audit log, too.
    pub fn heard(&self) -> Heard {
        let audit = self.audit.clone();
        Arc::new(move |asked| audit.write(Entry::of_socket(asked)))
    }

    /// Notified when somebody who may has asked the server to stop.
    pub fn stop_asked(&self) -> Arc<Notify> {
        self.stop.clone()
    }
}

impl FromRef<App> for Arc<Server> {
    fn from_ref(app: &App) -> Self {
        app.server.clone()
    }
}
