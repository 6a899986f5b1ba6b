//! Records through the log to Mosquitto, against Python's paho; and how long one is under way to a subscriber.

use std::{
    fs::{self, File},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{
    Bed,
    exporters::{RECORD, Seen, latency_figures},
    load, median, peers,
    report::{Better, Figure},
    within,
};

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let mut figures = throughput(bed)?;
    figures.extend(latency(bed)?);
    Ok(figures)
}

fn throughput(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let (many, fewer) = if bed.quick { (50_000, 10_000) } else { (500_000, 60_000) };
    let (mut ours, mut cpu, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        let broker = Broker::start(bed)?;
        let run = load::run(bed, &handlers(broker.port), many, &[])?;
        ours.push(run.per_second());
        cpu.push(run.cpu_us());
        let arguments = [broker.port.to_string(), fewer.to_string(), format!("[{RECORD}]")];
        let arguments = arguments.each_ref().map(String::as_str);
        theirs.push(peers::number(&bed.python, "publish_paho.py", &arguments)?);
    }
    Ok(vec![
        Figure {
            what: "records through the log to Mosquitto, MQTT QoS 1".into(),
            value: median(ours),
            unit: "messages/s",
            peer: Some(("Python paho-mqtt, from memory".into(), median(theirs))),
            better: Better::More,
            target: "60 k messages/s",
        },
        Figure {
            what: "the same: CPU of one record".into(),
            value: median(cpu),
            unit: "µs",
            peer: None,
            better: Better::Less,
            target: "—",
        },
    ])
}

fn latency(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let frames: u64 = if bed.quick { 1_000 } else { 10_000 };
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        let broker = Broker::start(bed)?;
        let file = bed.fresh("subscriber")?.join("seen.json");
        let mut subscriber = Subscriber::start(bed, &broker, frames, &file)?;
        load::run(bed, &handlers(broker.port), frames, &["--rate", "1000"])?;
        let seen = subscriber.seen(&file)?;
        ensure!(seen.messages == frames, "the subscriber saw {} of {frames} messages", seen.messages);
        p50.push(seen.p50_ms);
        p99.push(seen.p99_ms);
    }
    Ok(latency_figures("event to an MQTT subscriber at 1000 records/s", p50, p99))
}

fn handlers(port: u16) -> Value {
    json!({"handlers": {"mqtt": {
        "uri": format!("mqtt://127.0.0.1:{port}/load"), "sink": "",
        "config": {"schema_events": ["diagnostics:2"], "qos": 1},
    }}})
}

/// Mosquitto on a port of its own, in memory and silent; killed when dropped.
struct Broker {
    child: Child,
    port: u16,
    log: std::path::PathBuf,
}

impl Broker {
    fn start(bed: &Bed) -> anyhow::Result<Self> {
        let folder = bed.fresh("mosquitto")?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let file = folder.join("mosquitto.conf");
        let log = folder.join("log.txt");
        fs::write(
            &file,
            format!(
                "log_dest stderr\nlog_type error\nlog_type warning\nlog_type subscribe\nmax_queued_messages 0\n\
                 allow_anonymous true\nlistener {port} 127.0.0.1\n"
            ),
        )?;
        // Debian has it where only root's PATH leads.
        let program = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];
        let program = program.into_iter().find(|path| Path::new(path).exists()).unwrap_or("mosquitto");
        let mut command = Command::new(program);
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().context("starting mosquitto: run scripts/setup.sh bench")?;
        let broker = Self { child, port, log };
        within("mosquitto to listen", || TcpStream::connect(("127.0.0.1", port)).ok())?;
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `mosquitto_sub`, whose lines a child reads the time from.
struct Subscriber {
    subscriber: Child,
    child: Child,
}

impl Subscriber {
    /// Subscribed when this returns; ends after so many messages.
    fn start(bed: &Bed, broker: &Broker, messages: u64, file: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new("mosquitto_sub");
        command.args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-V", "5", "-q", "1", "-t", "load"]);
        command.args(["-C", &messages.to_string()]);
        let mut subscriber = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting mosquitto_sub: run scripts/setup.sh bench")?;
        let lines = subscriber.stdout.take().context("no STDOUT")?;
        let child = Command::new(&bed.child).args(["read", "newline"]).arg(file).stdin(lines).spawn()?;
        let started = Self { subscriber, child };
        within("a subscription", || {
            let log = fs::read_to_string(&broker.log).unwrap_or_default();
            log.lines().any(|line| line.ends_with(" load")).then_some(())
        })?;
        Ok(started)
    }

    fn seen(&mut self, file: &Path) -> anyhow::Result<Seen> {
        within("the subscriber to have all", || self.child.try_wait().ok().flatten())?;
        Seen::load(file)
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        for child in [&mut self.subscriber, &mut self.child] {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}
