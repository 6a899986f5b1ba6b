//! `control.sock` in the data folder (mode 0600): how the command line talks to the running server.
//!
//! Lines of JSON in UTF-8. The client sends an operation ([`Operation`]) a line; the server answers each with
//! one line, `{"ok": ...}` or `{"error": {"kind", "message"}}`. After `{"op": "tap", "instance": ..., "filter":
//! {...}}` lines come until the client hangs up: `{"json": ...}` for what was tapped, `{"lost": n}` for what
//! was not kept long enough.

use std::{
    fs,
    io::{self, ErrorKind as IoErrorKind},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixStream as StdUnixStream},
    },
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::Semaphore,
};

use super::{ErrorKind, Filter, Operation, OperationError, Server, tap::Tapped};

/// Its name in the data folder.
pub const SOCKET: &str = "control.sock";
/// A line is at most this long: an instance file with thousands of areas fits.
const LINE_MAX_BYTES: u64 = 64 << 20;
/// Clients at the same time. Each costs a task; more than a few is a script gone wrong.
const CLIENTS: usize = 64;

/// Hears of every change that is asked for here.
pub type Heard = Arc<dyn Fn(Asked) + Send + Sync>;

/// A change that somebody has asked for, and what it came to.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The user that the client's process belongs to; `None` where the system does not say.
    pub uid: Option<u32>,
    /// As `op` in the message.
    pub operation: String,
    /// Of what: an instance, and an export or exporter of it, as far as named.
    pub of: Vec<String>,
    /// Why it was refused.
    pub refused: Option<ErrorKind>,
}

/// The open socket. Dropping it stops listening and removes it.
pub struct Socket {
    path: PathBuf,
    task: tokio::task::JoinHandle<()>,
}

/// Why the socket cannot be opened.
#[derive(Debug, Error)]
#[error("{}: cannot listen: {error}", .path.display())]
pub struct SocketError {
    path: PathBuf,
    error: io::Error,
}

impl Socket {
    /// Listens in the data folder of `server`, which must hold the folder's lock: what lies there from before
    /// is nobody's. Also begins to pick up changes of files. `heard` is told of every change.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(server: &Arc<Server>, heard: Heard) -> Result<Self, SocketError> {
        let data = server.runtime.data();
        let path = data.join(SOCKET);
        let listener = listen(data).map_err(|error| SocketError { path: path.clone(), error })?;
        let (accepting, watching) = (Arc::downgrade(server), Arc::downgrade(server));
        let data = data.to_owned();
        let task = tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(CLIENTS));
            let accept = async {
                loop {
                    // Fails only for want of descriptors, which pass.
                    let accepted = tokio::join!(listener.accept(), places.clone().acquire_owned());
                    let (Ok((stream, _)), Ok(place)) = accepted else {
                        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                        continue;
                    };
                    let Some(server) = accepting.upgrade() else { return };
                    let heard = heard.clone();
                    tokio::spawn(async move {
                        if let Err(error) = serve(&server, stream, &heard).await {
                            tracing::debug!("a client of {SOCKET} went: {error}");
                        }
                        drop(place);
                    });
                }
            };
            tokio::select! {
                () = accept => {}
                () = Server::watch_files(watching, data) => {}
            }
        });
        Ok(Self { path, task })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
        let _already_gone = fs::remove_file(&self.path);
    }
}

/// Made under another name and given its mode before it can be found: nobody else gets in between.
fn listen(data: &Path) -> io::Result<UnixListener> {
    let new = format!(".{SOCKET}.{}", std::process::id());
    let _leftover = fs::remove_file(data.join(&new));
    let dir = fs::File::open(data)?;
    let listener = UnixListener::bind(short(&dir, &new))?;
    fs::set_permissions(data.join(&new), fs::Permissions::from_mode(0o600))?;
    fs::rename(data.join(&new), data.join(SOCKET))?;
    Ok(listener)
}

/// A path to `name` in the open folder `dir`: a socket's path may have 107 bytes, a data folder's may be longer.
fn short(dir: &fs::File, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{name}", dir.as_raw_fd()))
}

/// A line from a client.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TapRequest {
    #[serde(rename = "op")]
    _op: String,
    instance: String,
    #[serde(default)]
    filter: Filter,
}

async fn serve(server: &Server, stream: UnixStream, heard: &Heard) -> io::Result<()> {
    let uid = stream.peer_cred().ok().map(|peer| peer.uid());
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut read).take(LINE_MAX_BYTES).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == LINE_MAX_BYTES {
            let error = OperationError::invalid(format!("the line is longer than {LINE_MAX_BYTES} bytes"));
            return answer(&mut write, &json!({"error": error})).await;
        }
        let request: Result<Value, _> = serde_json::from_slice(&line);
        let is_tap = request.as_ref().is_ok_and(|request| request["op"] == "tap");
        let invalid = |error: serde_json::Error| OperationError::invalid(format!("no operation: {error}"));
        if is_tap {
            let tapped = request.and_then(serde_json::from_value::<TapRequest>).map_err(invalid);
            match tapped.and_then(|tap| server.tap(&tap.instance, tap.filter)) {
                Ok(tap) => return pour(tap, read, write).await,
                Err(error) => answer(&mut write, &json!({"error": error})).await?,
            }
            continue;
        }
        let asked = request.as_ref().ok().map(|request| asked(request, uid));
        let performed = match request.and_then(serde_json::from_value::<Operation>).map_err(invalid) {
            Ok(operation) => {
                let changes = operation.changes();
                let performed = server.perform(operation).await;
                if let Some(asked) = asked.filter(|_| changes) {
                    heard(Asked { refused: performed.as_ref().err().map(|error| error.kind), ..asked });
                }
                performed
            }
            Err(error) => Err(error),
        };
        let reply = match performed {
            Ok(reply) => json!({"ok": reply}),
            Err(error) => json!({"error": error}),
        };
        answer(&mut write, &reply).await?;
    }
}

/// What a message names of what it is about; values stay out, for there may be secrets among them.
fn asked(request: &Value, uid: Option<u32>) -> Asked {
    let text = |key: &str| request[key].as_str().map(str::to_owned);
    let of = ["instance", "name", "exporter", "receiver"].into_iter().filter_map(text).collect();
    Asked { uid, operation: text("op").unwrap_or_default(), of, refused: None }
}

/// Until the client hangs up, or nothing more can come.
async fn pour(
    mut tap: super::Tap,
    mut read: BufReader<tokio::net::unix::OwnedReadHalf>,
    mut write: OwnedWriteHalf,
) -> io::Result<()> {
    answer(&mut write, &json!({"ok": {}})).await?;
    let mut sink = [0; 64];
    loop {
        let tapped = tokio::select! {
            tapped = tap.next() => tapped,
            more = read.read(&mut sink) => if more? == 0 { return Ok(()) } else { continue },
        };
        match tapped {
            None => return Ok(()),
            Some(Tapped::Lost(lost)) => answer(&mut write, &json!({"lost": lost})).await?,
            Some(Tapped::Json(json)) => {
                write.write_all(b"{\"json\":").await?;
                write.write_all(&json).await?;
                write.write_all(b"}\n").await?;
            }
        }
    }
}

async fn answer(write: &mut OwnedWriteHalf, answer: &Value) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}

/// The other side of the socket.
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// What a client can meet.
#[derive(Debug, Error)]
pub enum ClientError {
    /// The connection is gone.
    #[error("{SOCKET}: {0}")]
    Io(#[from] io::Error),
    /// The answer is not to be understood: another version of Watchpost is running.
    #[error("{SOCKET}: the answer cannot be read ({0}); is the server of another version?")]
    Answer(#[from] serde_json::Error),
    /// The server says no.
    #[error(transparent)]
    Refused(#[from] OperationError),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    Ok(Value),
    Error(OperationError),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Poured {
    Json(Box<RawValue>),
    Lost(u64),
}

impl Client {
    /// Connects to the server of a data folder; `None` if none runs.
    ///
    /// # Errors
    /// There is one, and this user may not talk to it.
    pub fn connect(data: &Path) -> io::Result<Option<Self>> {
        let connect = || {
            let stream = StdUnixStream::connect(short(&fs::File::open(data)?, SOCKET))?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        };
        match connect() {
            Ok(stream) => Ok(Some(Self { stream: BufReader::new(stream) })),
            Err(error) if matches!(error.kind(), IoErrorKind::NotFound | IoErrorKind::ConnectionRefused) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Has an operation done. The answer is the JSON of a [`super::Reply`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn perform(&mut self, operation: &Operation) -> Result<Value, ClientError> {
        self.ask(&serde_json::to_value(operation)?).await
    }

    /// Begins to look at what comes; read it with [`Client::tapped`].
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tap(&mut self, instance: &str, filter: &Filter) -> Result<(), ClientError> {
        self.ask(&json!({"op": "tap", "instance": instance, "filter": filter})).await.map(|_| ())
    }

    /// What was tapped next; `None` at the end.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tapped(&mut self) -> Result<Option<Tapped>, ClientError> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        Ok(Some(match serde_json::from_slice(&line)? {
            Poured::Json(json) => Tapped::Json(Box::<str>::from(json).into_string().into()),
            Poured::Lost(lost) => Tapped::Lost(lost),
        }))
    }

    async fn ask(&mut self, request: &Value) -> Result<Value, ClientError> {
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        self.stream.get_mut().write_all(&line).await?;
        line.clear();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Err(io::Error::from(IoErrorKind::UnexpectedEof).into());
        }
        match serde_json::from_slice(&line)? {
            Answer::Ok(reply) => Ok(reply),
            Answer::Error(error) => Err(error.into()),
        }
    }
}
