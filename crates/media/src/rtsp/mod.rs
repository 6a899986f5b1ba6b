//! RTSP (RFC 2326): video that viewers fetch, over UDP or TCP, with users and TLS.
//!
//! ```text
//!                 ┌ a mount's media, made by its first viewer, shared by all ─────┐
//! EncodedStream ──▶ appsrc ─▶ parser ─▶ payloader `pay0`                          │──▶ viewers
//! raw frames ─────▶ appsrc `cvedia-rt` ─▶ a pipeline of the user's own, `pay0`    │
//!                 └───────────────────────────────────────────────────────────────┘
//! ```
//! Several mounts share the server of their address; servers of all addresses share one thread for accepting
//! and one for each client. A client that is slow loses its connection at last, and nobody else anything:
//! packets wait for it in a bounded queue of its own.
//!
//! Traps, all seen: a media has a clock of its own, on which frames of the source's clock wait hundreds of
//! milliseconds ([`LiveClock`](crate::live_clock::LiveClock)); sinks that keep time add the latency that some
//! encoder claims; sessions of clients that have gone without a word live on until they are swept; a mount
//! that differs only in its query is otherwise another media.

mod factory;
mod gate;
mod mount;
mod server;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use watchpost_model::{Image, StreamTime};

use crate::{EncodedStream, MediaError, Rate};

/// Where and how something can be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtspOptions {
    /// Where the server listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Begins with `/` and has no query: `/stream1`.
    pub path: String,
    /// Who may watch; `None`: anyone.
    pub login: Option<Login>,
    /// For `rtsps://`.
    pub tls: Option<TlsFiles>,
    /// GStreamer's debug output of the mount's pipeline, 0 (none) to 9.
    pub debug: u8,
}

/// A user. Never shown: its `Debug` hides the password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Name.
    pub user: String,
    /// Password; asked for by digest, so it never passes the network.
    pub password: String,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TlsFiles {
    /// The server's certificate, followed by those that lead to the root.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What a mount shows.
pub enum RtspFeed {
    /// A stream that is encoded already.
    Encoded(EncodedStream),
    /// Frames given to [`RtspMount::push`], through a pipeline of the user's own with
    /// `appsrc name=cvedia-rt` and a payloader `pay0`.
    Pipeline(String),
}

/// Something that can be watched, until it is dropped: viewers are then cut off.
pub struct RtspMount {
    mount: Arc<mount::Mount>,
    server: Arc<server::Server>,
}

impl RtspMount {
    /// Begins to offer `feed`. Nothing is encoded or sent until somebody watches.
    ///
    /// # Errors
    /// The address is in use or not this machine's; the path is taken; a certificate cannot be used; the
    /// pipeline does not parse or lacks what ties it to Watchpost.
    pub fn start(options: &RtspOptions, feed: RtspFeed) -> Result<Self, MediaError> {
        crate::init()?;
        let mount = Arc::new(mount::Mount::new(options, feed)?);
        let server = server::Server::of(options)?;
        server.add(options, &mount)?;
        Ok(Self { mount, server })
    }

    /// Where it listens, with its real port.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Clients that are connected to the server, whatever they watch.
    pub fn clients(&self) -> usize {
        self.server.clients()
    }

    /// Whether somebody watches, so that frames are of use.
    pub fn is_watched(&self) -> bool {
        self.mount.is_watched()
    }

    /// Gives a frame to a pipeline of the user's own. A frame that nobody watches, or that finds the pipeline
    /// behind, is left out; the latter is counted.
    ///
    /// # Errors
    /// The pipeline failed since the last call. It is made anew for the next viewer.
    pub fn push(&self, image: &Image, pts: StreamTime, fps: Rate) -> Result<(), MediaError> {
        self.mount.push(image, pts, fps)
    }

    /// Shows another stream from now on, as when the picture's size has changed. Viewers are told that the
    /// old one is over.
    pub fn show(&self, stream: EncodedStream) {
        self.mount.show(stream);
    }

    /// What went wrong since the last call, if anything did.
    pub fn take_error(&self) -> Option<MediaError> {
        self.mount.take_error()
    }

    /// Frames that viewers did not get because sending was behind.
    pub fn dropped(&self) -> u64 {
        self.mount.dropped()
    }
}

impl Drop for RtspMount {
    fn drop(&mut self) {
        self.server.remove(&self.mount);
        self.mount.close();
    }
}
