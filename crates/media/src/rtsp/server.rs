//! The RTSP servers of the process, one for each address.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, LazyLock, OnceLock, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gstreamer::glib;
use gstreamer_rtsp_server::{RTSPFilterResult, RTSPServer, RTSPSessionPool, RTSPThreadPool, gio, prelude::*};
use parking_lot::Mutex;

use super::{
    RtspOptions, TlsFiles,
    factory::Factory,
    gate::{Gate, mount_of, path_of},
    mount::Mount,
};
use crate::{MediaError, MediaErrorKind as Kind};

/// Clients of one server at once. Each has a thread and, over TCP, up to some megabytes that wait for it.
const MAX_CLIENTS: usize = 200;
/// How often sessions are swept that nobody has kept alive. They time out after 60 s (RFC 2326 section 12.37).
const SWEEP: Duration = Duration::from_secs(5);

/// By path.
type Mounts = HashMap<String, Weak<Mount>>;

/// One server by address; it lives as long as it has mounts.
static SERVERS: LazyLock<Mutex<HashMap<SocketAddr, Weak<Server>>>> = LazyLock::new(Mutex::default);

pub(super) struct Server {
    address: SocketAddr,
    tls: Option<TlsFiles>,
    rtsp: RTSPServer,
    gate: Gate,
    mounts: Arc<Mutex<Mounts>>,
    clients: Arc<AtomicUsize>,
    sources: [glib::Source; 2],
}

impl Server {
    /// The server of that address, started if there is none.
    pub(super) fn of(options: &RtspOptions) -> Result<Arc<Self>, MediaError> {
        let mut servers = SERVERS.lock();
        servers.retain(|_, server| server.strong_count() > 0);
        if let Some(server) = servers.get(&options.address).and_then(Weak::upgrade) {
            return server.fits(options).map(|()| server);
        }
        let server = Arc::new(Self::start(options, &servers)?);
        servers.insert(server.address, Arc::downgrade(&server));
        Ok(server)
    }

    fn fits(&self, options: &RtspOptions) -> Result<(), MediaError> {
        if self.tls == options.tls {
            return Ok(());
        }
        let message = format!(
            "{}: all exports of one RTSP port must have the same certificate, or none: use another port, or \
             the same certificate_path and key_path",
            self.address
        );
        Err(MediaError::new(Kind::BadSetting, message, ""))
    }

    fn start(options: &RtspOptions, others: &HashMap<SocketAddr, Weak<Self>>) -> Result<Self, MediaError> {
        let asked = options.address;
        let rtsp = RTSPServer::new();
        rtsp.set_address(&asked.ip().to_string());
        rtsp.set_service(&asked.port().to_string());
        let gate = Gate::new();
        if let Some(tls) = &options.tls {
            gate.set_tls_certificate(Some(&certificate(tls)?));
        }
        // Always there, also while no mount has a user: a connection keeps what it found when it came.
        rtsp.set_auth(Some(&gate));
        let threads = RTSPThreadPool::new();
        // A client that waits for the first frame of its mount blocks its thread.
        threads.set_max_threads(i32::try_from(MAX_CLIENTS).unwrap_or(i32::MAX));
        rtsp.set_thread_pool(Some(&threads));
        let sessions = RTSPSessionPool::new();
        sessions.set_max_sessions(u32::try_from(MAX_CLIENTS).unwrap_or(u32::MAX));
        rtsp.set_session_pool(Some(&sessions));
        let clients = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&clients);
        let mounts = Arc::new(Mutex::new(Mounts::new()));
        let played = Arc::downgrade(&mounts);
        rtsp.connect_client_connected(move |_, client| {
            let before = count.fetch_add(1, Ordering::Relaxed);
            let count = Arc::clone(&count);
            client.connect_closed(move |_| {
                count.fetch_sub(1, Ordering::Relaxed);
            });
            let played = Weak::clone(&played);
            client.connect_play_request(move |_, context| {
                let (Some(mounts), Some(uri)) = (played.upgrade(), context.uri()) else { return };
                newcomer(&mounts, &path_of(&uri.request_uri()));
            });
            if before >= MAX_CLIENTS {
                tracing::warn!("an RTSP client is turned away: {MAX_CLIENTS} are connected already");
                client.close();
            }
        });
        let accept =
            rtsp.create_source(gio::Cancellable::NONE).map_err(|error| not_bound(asked, &error, others))?;
        let sweep = glib::timeout_source_new(SWEEP, None, glib::Priority::DEFAULT, move || {
            sessions.cleanup();
            glib::ControlFlow::Continue
        });
        let context = context()?;
        accept.attach(Some(&context));
        sweep.attach(Some(&context));
        let port = u16::try_from(rtsp.bound_port()).unwrap_or(asked.port());
        let address = SocketAddr::new(asked.ip(), port);
        Ok(Self { address, tls: options.tls.clone(), rtsp, gate, mounts, clients, sources: [accept, sweep] })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Offers `mount`.
    pub(super) fn add(&self, options: &RtspOptions, mount: &Arc<Mount>) -> Result<(), MediaError> {
        let mut mounts = self.mounts.lock();
        if mounts.get(&options.path).is_some_and(|other| other.strong_count() > 0) {
            let message = format!(
                "rtsp://{}{} is another export's already: choose another path or port",
                self.address, options.path
            );
            return Err(MediaError::new(Kind::BadSetting, message, ""));
        }
        let factory = Factory::new(mount);
        self.gate.admit(&options.path, options.login.as_ref(), factory.upcast_ref())?;
        let Some(points) = self.rtsp.mount_points() else {
            return Err(MediaError::new(Kind::Internal, "the RTSP server has no mount points", ""));
        };
        points.add_factory(&options.path, factory);
        mounts.insert(options.path.clone(), Arc::downgrade(mount));
        Ok(())
    }

    /// Offers it no longer, and cuts off whoever watches it.
    pub(super) fn remove(&self, mount: &Arc<Mount>) {
        let path = mount.path();
        let mut mounts = self.mounts.lock();
        if !mounts.get(path).is_some_and(|known| std::ptr::eq(known.as_ptr(), Arc::as_ptr(mount))) {
            return;
        }
        mounts.remove(path);
        if let Some(points) = self.rtsp.mount_points() {
            points.remove_factory(path);
        }
        self.gate.forget(path);
        drop(mounts);
        self.close_clients(Some(path));
    }

    /// Cuts off the clients that watch `path`, or all.
    fn close_clients(&self, path: Option<&str>) {
        let mut watching = Vec::new();
        self.rtsp.client_filter(Some(&mut |_, client| {
            let mut watches = path.is_none();
            client.session_filter(Some(&mut |_, session| {
                watches |= path.is_some_and(|path| {
                    !session
                        .filter(Some(&mut |_, media| match media.matches(path) {
                            Some(_) => RTSPFilterResult::Ref,
                            None => RTSPFilterResult::Keep,
                        }))
                        .is_empty()
                });
                RTSPFilterResult::Keep
            }));
            if watches {
                watching.push(client.clone());
            }
            RTSPFilterResult::Keep
        }));
        // Outside of the server's lock, which a client that closes takes.
        for client in watching {
            client.close();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for source in &self.sources {
            source.destroy();
        }
        self.close_clients(None);
    }
}

/// Somebody watches `path` from now on. A media that runs already tells nobody of it.
fn newcomer(mounts: &Mutex<Mounts>, path: &str) {
    let mount = mount_of(mounts.lock().iter(), path).and_then(Weak::upgrade);
    if let Some(mount) = mount {
        mount.wants_key();
    }
}

/// The thread that accepts connections, for all servers; it ends with the process.
fn context() -> Result<glib::MainContext, MediaError> {
    static CONTEXT: OnceLock<glib::MainContext> = OnceLock::new();
    if let Some(context) = CONTEXT.get() {
        return Ok(context.clone());
    }
    let context = glib::MainContext::new();
    let (turned, main_loop) = (context.clone(), glib::MainLoop::new(Some(&context), false));
    std::thread::Builder::new()
        .name("rtsp".to_owned())
        .spawn(move || {
            if let Err(error) = turned.with_thread_default(|| main_loop.run()) {
                tracing::error!("the thread of the RTSP servers does not start: {error}");
            }
        })
        .map_err(|error| {
            MediaError::new(Kind::Internal, "the system gives the RTSP server no thread", error)
        })?;
    Ok(CONTEXT.get_or_init(|| context).clone())
}

fn not_bound(
    address: SocketAddr,
    error: &glib::Error,
    others: &HashMap<SocketAddr, Weak<Server>>,
) -> MediaError {
    let port = address.port();
    let ours = others.keys().find(|other| other.port() == port && port != 0);
    let (kind, message) = match (error.kind::<gio::IOErrorEnum>(), ours) {
        (Some(gio::IOErrorEnum::AddressInUse), Some(other)) => (
            Kind::BadSetting,
            format!(
                "port {port} is served at {} by another export: use that address, or another port",
                other.ip()
            ),
        ),
        (Some(gio::IOErrorEnum::AddressInUse), None) => (
            Kind::Network,
            format!(
                "port {port} is in use by another program: end that, or choose another port in the address"
            ),
        ),
        (Some(gio::IOErrorEnum::PermissionDenied), _) => (
            Kind::Permission,
            format!("port {port} needs rights that Watchpost does not have: choose one from 1024 on"),
        ),
        _ => (
            Kind::Network,
            format!("cannot listen on {address}: {error}; 0.0.0.0 stands for all addresses of this machine"),
        ),
    };
    MediaError::new(kind, message, error)
}

fn certificate(files: &TlsFiles) -> Result<gio::TlsCertificate, MediaError> {
    let (certificate, key) = (files.certificate.display(), files.key.display());
    if !gio::TlsBackend::default().supports_tls() {
        let message = "TLS needs the Debian package glib-networking (apt-get install glib-networking)";
        return Err(MediaError::new(Kind::MissingElement, message, ""));
    }
    gio::TlsCertificate::from_files(&files.certificate, &files.key).map_err(|error| {
        let message = format!("the certificate {certificate} with the key {key} cannot be used: {error}");
        MediaError::new(Kind::BadSetting, message, &error)
    })
}
