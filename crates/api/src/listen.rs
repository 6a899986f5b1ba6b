//! The HTTP server: takes connections and hands requests to a router.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use thiserror::Error;
use tokio::{net::TcpListener, sync::Semaphore};

/// Connections at once: some dozens of pages and players with some each, and far below the 1024 open files
/// that a process has by default.
const MAX_CONNECTIONS: usize = 512;
/// Time to send the head of a request; also how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Pause after a connection could not be taken: too many open files, mostly, and others end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound address, before and while it is served.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

/// Why nothing is served.
#[derive(Debug, Error)]
pub enum ListenError {
    /// Everybody who reaches it is admin, so only this machine may.
    #[error(
        "{0} can be reached from other machines, and there is no password yet to keep them out: listen on 127.0.0.1 or ::1, \
         and let others in by way of a proxy that asks them who they are"
    )]
    NotLoopback(SocketAddr),
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
    /// Binds `address`, which must be of this machine's loopback; port 0 takes a free one.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub async fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        if !address.ip().is_loopback() {
            return Err(ListenError::NotLoopback(address));
        }
        let refused = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            _ => ListenError::Refused { address, error },
        };
        let tcp = TcpListener::bind(address).await.map_err(refused)?;
        let address = tcp.local_addr().map_err(|error| ListenError::Refused { address, error })?;
        Ok(Self { tcp, address })
    }

    /// What was bound, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `router` until it is dropped.
    pub async fn serve(self, router: Router) {
        let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            // Never closed.
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let stream = match self.tcp.accept().await {
                Ok((stream, _)) => stream,
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
            let service = TowerToHyperService::new(router.clone());
            tokio::spawn(async move {
                let mut server = http1::Builder::new();
                server.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
                if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                    // Clients come and go as they like.
                    tracing::debug!("a connection ended: {error}");
                }
                drop(permit);
            });
        }
    }
}
