//! Debian's Mosquitto, on a port of its own, with a log that tells what it was sent.

use std::{
    fs::File,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use crate::{sandbox::signal, wait_until};

/// A broker, killed at the latest when it is dropped.
pub struct Mosquitto {
    dir: PathBuf,
    config: String,
    child: Option<Child>,
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
}

/// A PUBLISH as the broker's log tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The client's id.
    pub client: String,
    /// It says that it was sent before.
    pub dup: bool,
    /// 0 to 2.
    pub qos: u8,
    /// The broker is to keep it.
    pub retain: bool,
    /// Where to.
    pub topic: String,
    /// Of the payload.
    pub bytes: usize,
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Mosquitto {
    /// A broker with `config` behind its listener's line, where `DIR` stands for `dir`.
    pub fn start(dir: &Path, config: &str) -> Self {
        Self::start_at(dir, free_port(), config)
    }

    /// As `start`, on a port that is known beforehand.
    pub fn start_at(dir: &Path, port: u16, config: &str) -> Self {
        std::fs::create_dir_all(dir).unwrap();
        let config = config.replace("DIR", &dir.display().to_string());
        let mut broker = Self { dir: dir.to_owned(), config, child: None, port };
        broker.restart();
        broker
    }

    /// Starts it (again), and waits until it listens.
    pub fn restart(&mut self) {
        self.kill();
        let file = self.dir.join("mosquitto.conf");
        let base = format!(
            "log_type all\nlog_dest stderr\nmax_queued_messages 0\nlistener {} 127.0.0.1\n",
            self.port
        );
        std::fs::write(&file, base + &self.config).unwrap();
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        // Debian has it where only root's PATH leads.
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
        let program =
            program.into_iter().find(|path| Path::new(path).exists()).expect("scripts/setup.sh test");
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        wait_until("mosquitto listens", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    /// Another configuration, from the next start on.
    pub fn set_config(&mut self, config: &str) {
        self.config = config.replace("DIR", &self.dir.display().to_string());
    }

    /// Kills it where it stands.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may be stopped or gone.
            let _gone = child.kill();
            child.wait().unwrap();
        }
    }

    /// It stands still, and its connections with it.
    pub fn stop(&self) {
        signal("-STOP", &self.pid());
    }

    /// It goes on.
    pub fn go_on(&self) {
        signal("-CONT", &self.pid());
    }

    fn pid(&self) -> String {
        self.child.as_ref().unwrap().id().to_string()
    }

    fn log_file(&self) -> PathBuf {
        self.dir.join("mosquitto.log")
    }

    /// Everything it has said, over all its lives.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.log_file()).unwrap_or_default()).into_owned()
    }

    /// What clients other than Mosquitto's own have published, in the order in which it came.
    pub fn published(&self) -> Vec<Published> {
        self.log().lines().filter_map(published).collect()
    }

    /// Connections that were made to it, this program's own looks included.
    pub fn connections(&self) -> usize {
        self.log().matches("New connection from").count()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.kill();
    }
}

/// `...: Received PUBLISH from CLIENT (d0, q1, r0, m1, 'topic', ... (395 bytes))`
fn published(line: &str) -> Option<Published> {
    let (client, rest) = line.split_once("Received PUBLISH from ")?.1.split_once(" (d")?;
    let mut parts = rest.splitn(5, ", ");
    let (dup, qos, retain) = (parts.next()?, parts.next()?, parts.next()?);
    let (topic, bytes) = parts.nth(1)?.strip_prefix('\'')?.rsplit_once("', ... (")?;
    Some(Published {
        client: client.to_owned(),
        dup: dup == "1",
        qos: qos.strip_prefix('q')?.parse().ok()?,
        retain: retain == "r1",
        topic: topic.to_owned(),
        bytes: bytes.split(' ').next()?.parse().ok()?,
    })
}

/// `mosquitto_sub`, subscribed when this returns; what it gets goes to a file, a line each.
pub struct Subscriber {
    child: Child,
    file: PathBuf,
}

/// A message as a subscriber got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where to.
    pub topic: String,
    /// As it was handed on.
    pub qos: u8,
    /// It was kept, and is not new.
    pub retained: bool,
    /// User properties, as `mosquitto_sub` writes them.
    pub properties: String,
    /// Seconds that are left to it, if it says so.
    pub expiry: String,
    /// When it came, in seconds of Unix time.
    pub at: String,
    /// Its text.
    pub payload: String,
}

impl Subscriber {
    /// To `topics`, with what `args` say besides (login, TLS).
    pub fn start(dir: &Path, broker: &Mosquitto, topics: &[&str], args: &[&str]) -> Self {
        let name = topics.join("-").replace(['/', '#'], "_");
        let file = dir.join(format!("subscriber-{}-{name}.txt", broker.port));
        let before = broker.log().matches("Sending SUBACK").count();
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-V", "5", "-q", "2"]);
        // Payloads are JSON on one line: a tab inside is escaped.
        command.args(["-F", "%t\t%q\t%r\t%P\t%E\t%U\t%p"]).args(args);
        for topic in topics {
            command.args(["-t", topic]);
        }
        let out = File::create(&file).unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).spawn().expect("scripts/setup.sh test");
        wait_until("subscribed", || broker.log().matches("Sending SUBACK").count() > before);
        Self { child, file }
    }

    /// What it has got so far.
    pub fn messages(&self) -> Vec<Message> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(message).collect()
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        self.child.wait().unwrap();
    }
}

fn message(line: &str) -> Message {
    let mut parts = line.splitn(7, '\t').map(str::to_owned);
    let mut next = || parts.next().unwrap_or_else(|| panic!("not a message: {line}"));
    let (topic, qos, retained) = (next(), next(), next());
    Message {
        topic,
        qos: qos.parse().unwrap(),
        retained: retained == "1",
        properties: next(),
        expiry: next(),
        at: next(),
        payload: next(),
    }
}
