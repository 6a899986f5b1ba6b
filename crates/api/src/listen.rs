//! The HTTP server: takes connections and hands requests to a router.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, http::Request};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{net::TcpListener, sync::Semaphore};
use tower::ServiceExt;

use crate::{
    auth::Peer,
    certificate::{Certificate, TlsFiles},
    untaken::{self, Taken},
};

/// Connections at once: some dozens of pages and players with some each, and far below the 1024 open files
/// that a process has by default.
const MAX_CONNECTIONS: usize = 512;
/// Time to send the head of a request; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// For the handshake of TLS: a slow phone on a bad network.
const TLS_TIMEOUT: Duration = Duration::from_secs(10);
/// Browsers send some twenty.
const MAX_HEADERS: usize = 64;
/// Pause after a connection could not be taken: too many open files, mostly, and others end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound address, before and while it is served.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
    tls: Option<Certificate>,
}

/// Why nothing is served.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Without a user or token everybody who reaches it would be admin, so only this machine may.
    #[error(
        "{0} can be reached from other machines, and there is no password yet to keep them out: set one with \
         `watchpost password`, or listen on 127.0.0.1 or ::1"
    )]
    NotLoopback(SocketAddr),
    /// The certificate or its key cannot be used.
    #[error("TLS: {0}")]
    Tls(String),
    /// Another program has it, most likely another Watchpost.
    #[error("{0} is in use by another program; choose another with --listen, or port 0 for a free one")]
    InUse(SocketAddr),
    /// The system refuses it.
    #[error("listening on {address}: {error}; choose another with --listen")]
    Refused {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
}

impl Listener {
    /// Binds `address`; port 0 takes a free one. `has_credentials`: somebody has set up a user or token. Without,
    /// it must be of this machine's loopback.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn bind(
        address: SocketAddr,
        tls: Option<&TlsFiles>,
        has_credentials: bool,
    ) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() && !has_credentials {
            return Err(ListenError::NotLoopback(address));
        }
        let tls = tls.map(Certificate::open).transpose()?;
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Refused { address, error },
        };
        let tcp = TcpListener::bind(address).await.map_err(refused)?;
        let address = tcp.local_addr().map_err(|error| ListenError::Refused { address, error })?;
        Ok(Self { tcp, address, tls })
    }

    /// What was bound, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until it is dropped.
    pub async fn serve(mut self, router: Router) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // Never closed.
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let (stream, peer) = match self.tcp.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("a connection could not be taken: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            // Small answers follow each other: waiting to fill a packet would delay each by 40 ms.
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!("TCP_NODELAY: {error}");
            }
            // Who asks from where decides, without users, whether they may.
            let peer = Peer(peer.ip().to_canonical());
            let service = router.clone().map_request(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(peer);
                request
            });
            let service = TowerToHyperService::new(service);
            let tls = self.tls.as_mut().map(Certificate::acceptor);
            tokio::spawn(async move {
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(MAX_HEADERS);
                let stream = Taken::new(stream, untaken::PATIENCE);
                let served = match tls {
                    None => server.serve_connection(TokioIo::new(stream), service).await,
                    Some(tls) => match tokio::time::timeout(TLS_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => server.serve_connection(TokioIo::new(stream), service).await,
                        Ok(Err(error)) => return tracing::debug!("a connection ended: {error}"),
                        Err(_) => return,
                    },
                };
                if let Err(error) = served {
                    // Clients come and go as they like.
                    tracing::debug!("a connection ended: {error}");
                }
                drop(permit);
            });
        }
    }
}
