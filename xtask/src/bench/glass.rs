//! Glass to glass: from a source's frame to a viewer over RTSP who has decoded it, and to a player of low-latency HLS
//! who is told of its part; beside a bare gst-rtsp-server on the same frames. `benches/glass.py` makes and reads them.

use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::{
    Bed, median,
    report::{Better, Figure},
};
use crate::process::{output, shown};

/// Debian's own: GObject introspection is not to be had from elsewhere.
const PYTHON: &str = "/usr/bin/python3";
const SCRIPT: &str = "benches/glass.py";
/// Of one look.
const SECONDS: u32 = 20;
const QUICK_SECONDS: u32 = 4;
/// Longer than anything here takes to begin.
const START: Duration = Duration::from_secs(20);

const ID: &str = "0b5f4f0e-6c0a-4b43-9d2b-3f1e6d7a8c91";
const CAPS: &str = "video/x-raw,format=I420,width=1280,height=720,framerate=30/1";

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let seconds = if bed.quick { QUICK_SECONDS } else { SECONDS }.to_string();
    let folder = bed.fresh("glass")?;
    let socket = folder.join("frames");
    let (api, ours, bare) = (free_port()?, free_port()?, free_port()?);
    let source = format!(
        "gstreamer:///shmsrc socket-path={} is-live=true do-timestamp=true ! {CAPS} ! appsink name=cvdsink",
        socket.display()
    );
    let instance = json!({
        "InstanceId": ID, "DisplayName": "glass", "AutoStart": true, "Input": {"uri": source},
        "Output": {"handlers": {
            "live": {"uri": format!("rtsp://127.0.0.1:{ours}/x"), "sink": "output-image"},
            "HLS": {"uri": "hls://", "sink": "output-image", "config": {"low_latency": true}},
        }},
    });
    let instances = folder.join("data/instances");
    std::fs::create_dir_all(&instances)?;
    std::fs::write(instances.join("glass.json"), instance.to_string())?;

    // Far longer than all looks take: it ends with this function.
    let _feed = Running::start(glass(&["feed"]).arg(&socket).arg("3600"))?;
    until("frames come", || socket.exists())?;
    let data = folder.join("data");
    let mut serve = Command::new(&bed.watchpost);
    serve.arg("serve").arg("--data").arg(&data).args(["--listen", &format!("127.0.0.1:{api}")]);
    let _watchpost = Running::start(&mut serve)?;
    let _bare = Running::start(glass(&["serve"]).arg(&socket).arg(bare.to_string()))?;
    for port in [ours, bare] {
        until("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    }
    let (mut seen, mut peer) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        seen.push(look(&["rtsp", &format!("rtsp://127.0.0.1:{ours}/x"), &seconds])?);
        peer.push(look(&["rtsp", &format!("rtsp://127.0.0.1:{bare}/x"), &seconds])?);
    }
    let playlist = format!("http://127.0.0.1:{api}/hls/{ID}.m3u8");
    let told = vec![look(&["hls", &playlist, &seconds])?];
    let of =
        |looks: &[Value], key: &str| median(looks.iter().filter_map(|look| look[key].as_f64()).collect());
    let figure = |what: &str, value, peer: Option<f64>, target| Figure {
        what: what.to_owned(),
        value,
        unit: "ms",
        peer: peer.map(|peer| ("bare gst-rtsp-server, Python".to_owned(), peer)),
        better: Better::Less,
        target,
    };
    let (p50, p99) = (of(&peer, "p50"), of(&peer, "p99"));
    Ok(vec![
        figure("720p30 frame to decoded by an RTSP viewer, p50", of(&seen, "p50"), Some(p50), "12 ms"),
        figure("the same, p99", of(&seen, "p99"), Some(p99), "30 ms"),
        figure(
            "end of a part of low-latency HLS to its player's being told, p50",
            of(&told, "p50"),
            None,
            "—",
        ),
        figure("the same, p99", of(&told, "p99"), None, "—"),
    ])
}

fn glass(args: &[&str]) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(SCRIPT).args(args);
    command
}

/// What the script has measured.
fn look(args: &[&str]) -> anyhow::Result<Value> {
    let mut command = glass(args);
    let said = output(&mut command)?;
    let said: Value = serde_json::from_str(&said).with_context(|| format!("{}: {said}", shown(&command)))?;
    ensure!(said["count"].as_u64() > Some(10), "{}: {said}", shown(&command));
    Ok(said)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn until(what: &str, done: impl Fn() -> bool) -> anyhow::Result<()> {
    let start = Instant::now();
    while !done() {
        ensure!(start.elapsed() < START, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
    Ok(())
}

/// Ended when it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> anyhow::Result<Self> {
        let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = quiet.spawn().with_context(|| shown(command))?;
        Ok(Self(child))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}
