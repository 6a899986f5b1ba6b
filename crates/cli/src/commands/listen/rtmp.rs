use std::{
    fs::File,
    future::pending,
    io::Write,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, bail};
use clap::Args;
use parking_lot::Mutex;
use rml_rtmp::{
    handshake::{Handshake, HandshakeProcessResult, PeerType},
    sessions::{ServerSession, ServerSessionConfig, ServerSessionEvent as Event, ServerSessionResult},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::{connections, flv, plain};
use crate::{Global, exit::Exit};

/// Connections at once: an instance has one for each export. A message of each may take 16 MiB, RTMP's longest.
const MAX_CONNECTIONS: usize = 64;
/// Time to say who connects and what is to come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A sender that is silent for so long has gone without a word.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often what has come is summed up.
const REPORT: Duration = Duration::from_secs(1);

/// Take video as an RTMP server does, and print what arrives
///
/// Takes every application and every stream key, or only --key, and hands nothing on: whoever plays is refused. Prints
/// who publishes, what the sender says of its video, and for each second the frames, key frames and kbit/s that have
/// come; with --json one object for each. Ctrl-C ends it.
#[derive(Args)]
pub(crate) struct Rtmp {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:1935")]
    address: SocketAddr,
    /// Refuse every other stream key, to see how a sender takes that.
    #[arg(long)]
    key: Option<String>,
    /// Write the video of the first stream that comes to a new FLV file, to play it later.
    #[arg(long, value_name = "FILE.flv")]
    write: Option<PathBuf>,
}

/// What all connections share.
struct Receiver {
    key: Option<String>,
    json: bool,
    file: Mutex<Option<File>>,
    streams: AtomicU64,
}

/// One connection.
struct Sender {
    receiver: Arc<Receiver>,
    from: SocketAddr,
    session: ServerSession,
    /// What is to be sent.
    out: Vec<u8>,
    publishes: Option<Published>,
    /// It is told so first, and then cut off.
    is_refused: bool,
}

/// A stream that comes.
struct Published {
    name: String,
    began: Instant,
    /// Since it began, and since it was summed up last.
    all: Count,
    lately: Count,
    summed_up: Instant,
    file: Option<flv::Writer>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    frames: u64,
    keys: u64,
    bytes: u64,
}

impl Rtmp {
    pub fn run(self, global: &Global) -> anyhow::Result<Exit> {
        let file = self.write.map(|path| {
            File::create_new(&path)
                .with_context(|| format!("{}: cannot be made as a new file", path.display()))
        });
        let receiver = Arc::new(Receiver {
            key: self.key,
            json: global.json,
            file: Mutex::new(file.transpose()?),
            streams: AtomicU64::new(0),
        });
        let all = receiver.clone();
        let talk = move |stream, from| talk(all.clone(), stream, from);
        connections::take("rtmp", self.address, MAX_CONNECTIONS, pending(), talk)?;
        eprintln!("{} streams", receiver.streams.load(Ordering::Relaxed));
        Ok(Exit::Done)
    }
}

async fn talk(receiver: Arc<Receiver>, mut stream: TcpStream, from: SocketAddr) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let shaken = timeout(CONNECT_TIMEOUT, shake_hands(&mut stream)).await;
    let Some(first) = shaken.context("the handshake was not completed within 30 s")?? else { return Ok(()) };
    let (session, greeting) = ServerSession::new(ServerSessionConfig::new())?;
    let (out, publishes) = (Vec::new(), None);
    let mut sender = Sender { receiver, from, session, out, publishes, is_refused: false };
    let mut ended = sender.take(greeting).and_then(|()| sender.read(&first));
    let mut report = interval(REPORT);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut input = vec![0; 64 << 10];
    while ended.is_ok() {
        stream.write_all(&std::mem::take(&mut sender.out)).await?;
        if sender.is_refused {
            break;
        }
        let patience = if sender.publishes.is_some() { IDLE_TIMEOUT } else { CONNECT_TIMEOUT };
        ended = tokio::select! {
            read = timeout(patience, stream.read(&mut input)) => match read {
                Ok(Ok(0)) => break,
                Ok(Ok(n)) => sender.read(&input[..n]),
                Ok(Err(error)) => Err(error.into()),
                Err(_) => Err(anyhow::anyhow!("nothing came for {} s", patience.as_secs())),
            },
            _ = report.tick() => {
                sender.sum_up();
                Ok(())
            }
        };
    }
    sender.end();
    ended
}

/// Gives what came behind the handshake (Adobe's RTMP 1.0, section 5.2); `None` if the other side has gone.
async fn shake_hands(stream: &mut TcpStream) -> anyhow::Result<Option<Vec<u8>>> {
    let mut handshake = Handshake::new(PeerType::Server);
    let mut input = [0; 4096];
    loop {
        let n = stream.read(&mut input).await?;
        if n == 0 {
            return Ok(None);
        }
        match handshake.process_bytes(&input[..n]).context("not RTMP")? {
            HandshakeProcessResult::InProgress { response_bytes } => {
                stream.write_all(&response_bytes).await?
            }
            HandshakeProcessResult::Completed { response_bytes, remaining_bytes } => {
                stream.write_all(&response_bytes).await?;
                return Ok(Some(remaining_bytes));
            }
        }
    }
}

impl Sender {
    fn read(&mut self, input: &[u8]) -> anyhow::Result<()> {
        let results = self.session.handle_input(input).context("not RTMP")?;
        self.take(results)
    }

    fn take(&mut self, results: Vec<ServerSessionResult>) -> anyhow::Result<()> {
        for result in results {
            match result {
                ServerSessionResult::OutboundResponse(packet) => self.out.extend(packet.bytes),
                ServerSessionResult::RaisedEvent(event) => self.happens(event)?,
                // Messages of other uses of RTMP, as shared objects.
                ServerSessionResult::UnhandleableMessageReceived(_) => {}
            }
        }
        Ok(())
    }

    fn happens(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::ConnectionRequested { request_id, .. }
            | Event::ReleaseStreamRequested { request_id, .. } => {
                let accepted = self.session.accept_request(request_id)?;
                self.take(accepted)?;
            }
            Event::PublishStreamRequested { request_id, app_name, stream_key, .. } => {
                self.wants_to_publish(request_id, &app_name, &stream_key)?;
            }
            Event::PlayStreamRequested { request_id, .. } => {
                let code = "NetStream.Play.StreamNotFound";
                let refused = self.session.reject_request(request_id, code, "nothing is handed on here")?;
                self.is_refused = true;
                self.take(refused)?;
            }
            Event::StreamMetadataChanged { metadata, .. } => {
                let says = json!({
                    "width": metadata.video_width, "height": metadata.video_height,
                    "fps": metadata.video_frame_rate, "bitrate_kbps": metadata.video_bitrate_kbps,
                    "encoder": metadata.encoder,
                });
                self.print("metadata", says, |says| {
                    let given = says.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
                    given.map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>().join(", ")
                });
            }
            Event::VideoDataReceived { data, timestamp, .. } => {
                let Some(stream) = &mut self.publishes else { bail!("video before a publish") };
                stream.count(&data);
                stream.write(flv::VIDEO, timestamp.value, &data)?;
            }
            Event::AudioDataReceived { data, timestamp, .. } => {
                let Some(stream) = &mut self.publishes else { bail!("sound before a publish") };
                stream.lately.bytes += data.len() as u64;
                stream.write(flv::AUDIO, timestamp.value, &data)?;
            }
            Event::PublishStreamFinished { .. } => self.end(),
            _ => {}
        }
        Ok(())
    }

    fn wants_to_publish(&mut self, request_id: u32, app: &str, key: &str) -> anyhow::Result<()> {
        if self.receiver.key.as_deref().is_some_and(|expected| expected != key) {
            let code = "NetStream.Publish.BadName";
            let refused = self.session.reject_request(request_id, code, "another stream key is expected")?;
            self.is_refused = true;
            let (from, name) = (self.from, plain(format!("{app}/{key}").as_bytes()));
            self.print("refused", json!({"stream": name, "from": from}), |_| {
                format!("{name}: refused, published by {from} with another key")
            });
            return self.take(refused);
        }
        self.end();
        let accepted = self.session.accept_request(request_id)?;
        let file = self.receiver.file.lock().take().map(flv::Writer::start).transpose()?;
        self.receiver.streams.fetch_add(1, Ordering::Relaxed);
        let (now, count) = (Instant::now(), Count::default());
        let name = plain(format!("{app}/{key}").as_bytes());
        self.publishes =
            Some(Published { name, began: now, all: count, lately: count, summed_up: now, file });
        let from = self.from;
        self.print("published", json!({"from": from}), |_| format!("published by {from}"));
        self.take(accepted)
    }

    /// Says what has come since the last time.
    fn sum_up(&mut self) {
        let Some(stream) = &mut self.publishes else { return };
        let seconds = stream.summed_up.elapsed().as_secs_f64();
        let count = std::mem::take(&mut stream.lately);
        stream.all.add(count);
        stream.summed_up = Instant::now();
        self.print("video", count.json(seconds), |_| count.text(seconds));
    }

    fn end(&mut self) {
        if let Some(stream) = &mut self.publishes {
            stream.all.add(std::mem::take(&mut stream.lately));
            let (seconds, all) = (stream.began.elapsed().as_secs_f64(), stream.all);
            self.print("ended", all.json(seconds), |_| format!("ended: {}", all.text(seconds)));
        }
        self.publishes = None;
    }

    /// One write, so that streams that come together do not mix.
    fn print(&self, event: &str, mut said: Value, text: impl FnOnce(&Value) -> String) {
        let name = self.publishes.as_ref().map(|stream| stream.name.as_str());
        let line = if self.receiver.json {
            said["event"] = event.into();
            if let Some(name) = name {
                said["stream"] = name.into();
            }
            format!("{said}\n")
        } else {
            let name = name.map_or_else(String::new, |name| format!("{name}: "));
            format!("{name}{}\n", plain(text(&said).as_bytes()))
        };
        // A closed pipe is the reader's wish.
        let _closed = std::io::stdout().lock().write_all(line.as_bytes());
    }
}

impl Published {
    fn count(&mut self, video: &[u8]) {
        self.lately.bytes += video.len() as u64;
        if let Some(is_key) = flv::frame(video) {
            self.lately.frames += 1;
            self.lately.keys += u64::from(is_key);
        }
    }

    fn write(&mut self, kind: u8, time_ms: u32, data: &[u8]) -> anyhow::Result<()> {
        self.file
            .as_mut()
            .map_or(Ok(()), |file| file.write(kind, time_ms, data))
            .context("writing the FLV file")
    }
}

impl Count {
    const fn add(&mut self, other: Self) {
        self.frames += other.frames;
        self.keys += other.keys;
        self.bytes += other.bytes;
    }

    fn kbps(self, seconds: f64) -> f64 {
        (self.bytes as f64 * 8.0 / 1000.0 / seconds.max(0.001)).round()
    }

    fn json(self, seconds: f64) -> Value {
        let Self { frames, keys, bytes } = self;
        json!({"seconds": (seconds * 1000.0).round() / 1000.0, "frames": frames, "key_frames": keys, "bytes": bytes,
            "bitrate_kbps": self.kbps(seconds)})
    }

    fn text(self, seconds: f64) -> String {
        let Self { frames, keys, .. } = self;
        format!(
            "{frames} frames, {keys} of them key frames, in {seconds:.1} s, {} kbit/s",
            self.kbps(seconds)
        )
    }
}
