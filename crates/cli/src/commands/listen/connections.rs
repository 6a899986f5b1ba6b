//! What all throw-away receivers do alike: they listen, take connections, and end with Ctrl-C.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

/// Listens at `address` for `scheme` and says where; hands over each connection, at most `most` at once, until
/// Ctrl-C or `done`.
///
/// # Errors
/// The address cannot be had.
pub(super) fn take<T>(
    scheme: &str,
    address: SocketAddr,
    most: usize,
    done: impl Future<Output = ()>,
    talk: impl Fn(TcpStream, SocketAddr) -> T,
) -> anyhow::Result<()>
where
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let tokio = tokio::runtime::Runtime::new().context("starting the receiver's tasks")?;
    tokio.block_on(async {
        let listener = TcpListener::bind(address).await.with_context(|| {
            format!("listening on {address}: choose another with --address, or port 0 for a free one")
        })?;
        eprintln!("listening on {scheme}://{}/  (Ctrl-C ends it)", listener.local_addr()?);
        tokio::select! {
            () = accept(listener, most, talk) => {}
            () = done => {}
            interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C")?,
        }
        Ok(())
    })
}

async fn accept<T>(listener: TcpListener, most: usize, talk: impl Fn(TcpStream, SocketAddr) -> T)
where
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let room = Arc::new(Semaphore::new(most));
    loop {
        // Never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        let (stream, from) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Too many open files, mostly: others end in the meantime.
                eprintln!("watchpost: a connection could not be taken: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let talk = talk(stream, from);
        tokio::spawn(async move {
            if let Err(error) = talk.await {
                eprintln!("watchpost: a connection from {from} ended: {error:#}");
            }
            drop(permit);
        });
    }
}
