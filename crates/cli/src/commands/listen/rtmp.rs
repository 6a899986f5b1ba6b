use std::{
    io::{Cursor, Write},
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context;
use bytes::Bytes;
use clap::Args;
use scuffle_h264::{AVCDecoderConfigurationRecord, Sps};
use scuffle_rtmp::{
    ServerSession,
    session::server::{ServerSessionError, SessionData, SessionHandler},
};
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use crate::{Global, exit::Exit};

/// Publishers at once: this is to try an export against, not a server for many.
const MAX_PUBLISHERS: usize = 16;
/// How often a line is printed for each publisher.
const EVERY: Duration = Duration::from_secs(1);
/// The codec of FLV's that is H.264 (Adobe Flash Video File Format 10.1, section E.4.3.1).
const AVC: u8 = 7;

/// Take a stream on RTMP and print what arrives
///
/// Prints a line when somebody publishes, with codec and size, and every second frames, frames per second and
/// bytes; with --json one object a line. Nothing is kept. `--key` refuses every other stream key, to see how a
/// sender takes that. Ctrl-C ends it.
#[derive(Args)]
pub(crate) struct Rtmp {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:1935")]
    address: SocketAddr,
    /// The only stream key that is taken; any if not given.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Rtmp {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let tokio = tokio::runtime::Runtime::new().context("starting the server's tasks")?;
        let (key, json) = (self.key.map(Arc::<str>::from), global.json);
        tokio.block_on(async {
            let address = self.address;
            let listener = TcpListener::bind(address).await.with_context(|| {
                format!("listening on {address}: choose another with --address, or port 0 for a free one")
            })?;
            eprintln!("listening on rtmp://{}/  (Ctrl-C ends it)", listener.local_addr()?);
            tokio::select! {
                () = serve(listener, key, json) => {}
                interrupted = tokio::signal::ctrl_c() => interrupted.context("waiting for Ctrl-C")?,
            }
            Ok(Exit::Done)
        })
    }
}

async fn serve(listener: TcpListener, key: Option<Arc<str>>, json: bool) {
    let room = Arc::new(Semaphore::new(MAX_PUBLISHERS));
    loop {
        // Never closed.
        let Ok(permit) = room.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let handler = Publisher { peer, key: key.clone(), json, seen: None };
                tokio::spawn(async move {
                    session(stream, handler).await;
                    drop(permit);
                });
            }
            Err(error) => {
                eprintln!("watchpost: a connection could not be taken: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn session(stream: TcpStream, handler: Publisher) {
    let peer = handler.peer;
    if let Err(error) = ServerSession::new(stream, handler).run().await {
        eprintln!("watchpost: {peer}: {error}");
    }
}

/// One connection.
struct Publisher {
    peer: SocketAddr,
    key: Option<Arc<str>>,
    json: bool,
    seen: Option<Seen>,
}

/// What has come of a publication.
struct Seen {
    app: String,
    video: Option<String>,
    frames: u64,
    bytes: u64,
    /// Of the line that was printed last.
    at: Instant,
    frames_then: u64,
}

impl SessionHandler for Publisher {
    async fn on_publish(&mut self, _: u32, app: &str, name: &str) -> Result<(), ServerSessionError> {
        // The key is a secret of the sender's: only its length is shown.
        if self.key.as_deref().is_some_and(|key| key != name) {
            self.print("refused", app, &format!("another key, of {} characters", name.len()), json!({}));
            return Err(ServerSessionError::PublishBeforeConnect);
        }
        self.print("publishes", app, &format!("a key of {} characters", name.len()), json!({}));
        let at = Instant::now();
        self.seen = Some(Seen { app: app.to_owned(), video: None, frames: 0, bytes: 0, at, frames_then: 0 });
        Ok(())
    }

    async fn on_unpublish(&mut self, _: u32) -> Result<(), ServerSessionError> {
        self.tell("ended");
        self.seen = None;
        Ok(())
    }

    async fn on_data(&mut self, _: u32, data: SessionData) -> Result<(), ServerSessionError> {
        let Some(seen) = &mut self.seen else { return Ok(()) };
        let mut first = false;
        match data {
            SessionData::Video { data, .. } => {
                seen.bytes += data.len() as u64;
                match describe(&data) {
                    Some(Video::Header(words)) => {
                        first = seen.video.is_none();
                        seen.video = Some(words);
                    }
                    Some(Video::Frame) => seen.frames += 1,
                    None => {}
                }
            }
            SessionData::Audio { data, .. } | SessionData::Amf0 { data, .. } => {
                seen.bytes += data.len() as u64
            }
        }
        if first || seen.at.elapsed() >= EVERY {
            self.tell("sends");
        }
        Ok(())
    }
}

impl Publisher {
    fn tell(&mut self, what: &str) {
        let Some(seen) = &mut self.seen else { return };
        let seconds = seen.at.elapsed().as_secs_f64();
        let fps = (seen.frames - seen.frames_then) as f64 / seconds.max(0.001);
        (seen.at, seen.frames_then) = (Instant::now(), seen.frames);
        let (app, video) =
            (seen.app.clone(), seen.video.clone().unwrap_or_else(|| "no video yet".to_owned()));
        let (frames, bytes) = (seen.frames, seen.bytes);
        let text = format!("{video}, {frames} frames, {fps:.1} fps, {bytes} bytes");
        self.print(what, &app, &text, json!({"video": video, "frames": frames, "fps": fps, "bytes": bytes}));
    }

    fn print(&self, what: &str, app: &str, text: &str, mut object: serde_json::Value) {
        let line = if self.json {
            object["event"] = what.into();
            object["peer"] = self.peer.to_string().into();
            object["app"] = app.into();
            format!("{object}\n")
        } else {
            let app: String = app.chars().filter(|c| !c.is_control()).take(80).collect();
            format!("{} {what} to {app}: {text}\n", self.peer)
        };
        // A closed pipe is the reader's wish.
        let _closed = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

/// What a video message holds.
enum Video {
    /// The decoder's configuration: codec and size.
    Header(String),
    Frame,
}

/// Reads the head of FLV's VIDEODATA (Adobe Flash Video File Format 10.1, section E.4.3).
fn describe(data: &Bytes) -> Option<Video> {
    let (kind, packet) = (*data.first()?, data.get(1).copied());
    let codec = kind & 0x0f;
    if kind & 0x80 != 0 || codec != AVC {
        return Some(Video::Header(format!("video of FLV codec {codec}")));
    }
    match packet? {
        0 => Some(Video::Header(avc(&data.slice(5.min(data.len())..)).unwrap_or_else(|| "h264".to_owned()))),
        1 => Some(Video::Frame),
        _ => None,
    }
}

/// Profile and size out of the parameter sets.
fn avc(record: &Bytes) -> Option<String> {
    let record = AVCDecoderConfigurationRecord::parse(&mut Cursor::new(record.clone())).ok()?;
    let sps = Sps::parse_with_emulation_prevention(Cursor::new(record.sps.first()?.clone())).ok()?;
    Some(format!("h264 {}x{}", sps.width(), sps.height()))
}
