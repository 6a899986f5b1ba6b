//! One 1080p picture live to MP4, HLS, RTSP and RTMP at once, each with somebody who takes it, against MP4 alone.

use std::{
    fs,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::{Map, json};
use watchpost_testkit::{Control, Sandbox, wait_until};

use super::super::{
    Bed, median,
    report::{Better, Figure},
};

const NGINX: &str = "/usr/sbin/nginx";
const MODULE: &str = "/usr/lib/nginx/modules/ngx_rtmp_module.so";
const INSTANCE: &str = "live";

pub fn run(bed: &Bed, clip: &Path) -> anyhow::Result<Vec<Figure>> {
    let lasts = Duration::from_secs(if bed.quick { 3 } else { 15 });
    let (mut one, mut all) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        one.push(cost(bed, clip, false, lasts)?);
        all.push(cost(bed, clip, true, lasts)?);
    }
    Ok(vec![Figure {
        what: "MP4 + HLS + RTSP + RTMP of one picture, 1080p30 live: CPU of a frame".into(),
        value: median(all),
        unit: "ms",
        peer: Some(("MP4 alone".into(), median(one))),
        better: Better::Less,
        target: "at most 1.15 × one",
    }])
}

/// CPU milliseconds of a frame, the analysis and drawing included, over so long a time.
fn cost(bed: &Bed, clip: &Path, all: bool, lasts: Duration) -> anyhow::Result<f64> {
    let folder = bed.fresh("live")?;
    let (rtmp, rtsp) = (free_port()?, free_port()?);
    let viewed = format!("rtsp://127.0.0.1:{rtsp}/live");
    let picture = |uri: String| json!({"uri": uri, "sink": "output-image"});
    let mut handlers = Map::from_iter([("mp4".to_owned(), picture("mp4:///live.mp4".into()))]);
    // Dropped, and so killed, at the end.
    let mut others = Vec::new();
    if all {
        others.push(nginx(&folder, rtmp)?);
        handlers.insert("hls".into(), picture("hls://".into()));
        handlers.insert("rtsp".into(), picture(viewed.clone()));
        handlers.insert("rtmp".into(), picture(format!("rtmp://127.0.0.1:{rtmp}/live/key")));
    }
    let names: Vec<String> = handlers.keys().cloned().collect();
    let sandbox = Sandbox::new(&bed.watchpost);
    let instance = json!({
        "DisplayName": INSTANCE, "Solution": "securt", "AutoStart": true,
        "Input": {"uri": clip, "loop": true, "pace": "realtime"},
        "Output": {"render_preset": "Default", "handlers": handlers},
    });
    sandbox.write("data/instances/live.json", instance.to_string());
    let server = sandbox.spawn(&["serve"]);
    let mut control = Control::connect(&sandbox);
    control.reaches(INSTANCE, "mp4", "running");
    if all {
        wait_until("the RTSP mount is there", || std::net::TcpStream::connect(("127.0.0.1", rtsp)).is_ok());
        others.push(viewer(&viewed)?);
    }
    let delivered =
        |control: &mut Control, name: &str| control.export(INSTANCE, name)["delivered"].as_u64().unwrap_or(0);
    for name in &names {
        wait_until(&format!("{name} has frames"), || delivered(&mut control, name) > 30);
    }
    let before: Vec<u64> = names.iter().map(|name| delivered(&mut control, name)).collect();
    let (cpu, began) = (cpu_of(server.pid())?, Instant::now());
    while let Some(left) = lasts.checked_sub(began.elapsed()) {
        std::thread::park_timeout(left);
    }
    let cpu = cpu_of(server.pid())? - cpu;
    let frames: Vec<u64> =
        names.iter().zip(before).map(|(name, before)| delivered(&mut control, name) - before).collect();
    let least = lasts.as_secs() * 15;
    ensure!(frames.iter().all(|frames| *frames > least), "{names:?} got {frames:?} frames in {lasts:?}");
    for other in &mut others {
        ensure!(other.0.try_wait()?.is_none(), "a receiver ended before the measurement did");
    }
    let mp4 = names.iter().position(|name| name == "mp4").and_then(|at| frames.get(at));
    Ok(cpu.as_secs_f64() * 1000.0 / *mp4.context("MP4 is measured")? as f64)
}

/// A receiver, killed at the latest when it is dropped.
struct Receiver(Child);

impl Drop for Receiver {
    fn drop(&mut self) {
        // Already gone, perhaps.
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

/// Takes the stream over TCP and throws it away, undecoded.
fn viewer(url: &str) -> anyhow::Result<Receiver> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-rtsp_transport", "tcp", "-i", url, "-c", "copy", "-f", "null", "-"]);
    // It complains of times that a live picture has.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    Ok(Receiver(command.spawn().context("ffmpeg")?))
}

fn nginx(folder: &Path, port: u16) -> anyhow::Result<Receiver> {
    ensure!(Path::new(MODULE).exists(), "{MODULE} is missing: scripts/setup.sh bench");
    let (config, log) = (folder.join("nginx.conf"), folder.join("nginx.log"));
    let shown = folder.display();
    fs::write(
        &config,
        format!(
            "daemon off; master_process off; pid {shown}/nginx.pid; error_log {shown}/nginx.log;\n\
             load_module {MODULE};\nevents {{ worker_connections 64; }}\n\
             rtmp {{ server {{ listen 127.0.0.1:{port}; chunk_size 4096; application live {{ live on; }} }} }}\n"
        ),
    )?;
    let mut command = Command::new(NGINX);
    command.arg("-c").arg(&config).arg("-e").arg(&log).stdin(Stdio::null()).process_group(0);
    let receiver = Receiver(command.spawn().context(NGINX)?);
    wait_until("nginx listens", || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
    Ok(receiver)
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// User and system time of a process, its children not counted: proc(5), in hundredths of a second.
fn cpu_of(pid: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace()).into_iter().flatten();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}
