//! Video exports, whole processes on natural footage at 1080p: one encode for many outputs, the source passed on,
//! how many instances a machine holds, how much memory one needs, drawing, and four live outputs at once; against
//! ffmpeg, bare GStreamer and supervision.

mod live;
mod render;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::{
    Bed, median,
    report::{Better, Figure},
};
use crate::process::{Cost, measure, measure_threads, shown};

/// Seconds of footage that is encoded, at 30 frames a second: a second takes about as long on two cores.
const SECONDS: u32 = 20;
const QUICK_SECONDS: u32 = 4;
/// The footage so many times over is passed on: copying takes next to nothing.
const PASSED_TIMES: u32 = 3;

/// The threads that only an export of the source's own video has, by how their names begin: its own, and those of
/// its GStreamer pipeline.
const OF_EXPORT: [&str; 5] = ["export ", "appsrc", "isofmp4mux", "cmafmux", "hlscmafsink"];

/// What the media room sets at 1080p30 for pace `fast`.
const X264: &str = "x264enc speed-preset=veryfast bframes=0 key-int-max=120 pass=qual quantizer=23 bitrate=9331 vbv-buf-capacity=2000 rc-lookahead=3";

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let seconds = if bed.quick { QUICK_SECONDS } else { SECONDS };
    let clip = footage(bed, seconds)?;
    let long = looped(bed, &clip)?;
    let mp4 = |names: &[&str], sink: &str, config: &Value| -> Value {
        let one = |name: &&str| {
            ((*name).to_owned(), json!({"uri": format!("mp4:///{name}.mp4"), "sink": sink, "config": config}))
        };
        Value::Object(names.iter().map(one).collect())
    };
    let drawn = "Default";
    let (mut one, mut four, mut undrawn, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut passed, mut ffmpeg) = (Vec::new(), Vec::new());
    let (mut peak, mut bare_peak) = (0_u64, 0_u64);
    for _ in 0..bed.rounds() {
        let cost = watchpost(bed, &clip, drawn, mp4(&["a"], "output-image", &json!({})))?;
        peak = peak.max(cost.peak_bytes);
        one.push(cost.cpu.as_secs_f64());
        let all = mp4(&["a", "b", "c", "d"], "output-image", &json!({}));
        four.push(watchpost(bed, &clip, drawn, all)?.cpu.as_secs_f64());
        let clean = mp4(&["a"], "output-image", &json!({}));
        undrawn.push(watchpost(bed, &clip, "", clean)?.cpu.as_secs_f64());
        let gst = gst_launch(bed, &clip)?;
        bare_peak = bare_peak.max(gst.peak_bytes);
        bare.push(gst.cpu.as_secs_f64());
        passed.push(pass_on(bed, &long)?);
        ffmpeg.push(copy(bed, &long)?.cpu.as_secs_f64());
    }
    let (one, four, undrawn, bare) = (median(one), median(four), median(undrawn), median(bare));
    let second = f64::from(seconds);
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let held = |cpu: f64| cores / (cpu / second);
    let mut figures = render::run(bed)?;
    figures.extend(live::run(bed, &clip)?);
    figures.extend([
        less(
            "four MP4 of one picture, 1080p: CPU",
            four,
            "s",
            Some(("one alone", one)),
            "at most 1.15 × one",
        ),
        less(
            "1080p decoded, analysed, encoded, MP4: CPU",
            undrawn,
            "s",
            Some(("bare gst-launch: decode, the same x264enc, fMP4", bare)),
            "—",
        ),
        less("the same, drawn: CPU", one, "s", Some(("without drawing", undrawn)), "—"),
        // The instance decodes for its analysis, which the peer does not: only the exports' own threads count.
        less(
            "`source` to MP4 and HLS, 1080p30, a minute: CPU of the exports",
            median(passed) * 1000.0,
            "ms",
            Some(("ffmpeg -c copy", median(ffmpeg) * 1000.0)),
            "at most 1.5 × its CPU",
        ),
        Figure {
            what: "1080p30 instances that these cores hold, drawn and encoded".into(),
            value: held(one),
            unit: "instances",
            peer: Some(("without drawing".into(), held(undrawn))),
            better: Better::More,
            target: "—",
        },
        less(
            "peak memory of a 1080p instance that renders and encodes",
            mib(peak),
            "MiB",
            Some(("bare gst-launch", mib(bare_peak))),
            "180 MiB",
        ),
    ]);
    Ok(figures)
}

fn less(
    what: &str,
    value: f64,
    unit: &'static str,
    peer: Option<(&str, f64)>,
    target: &'static str,
) -> Figure {
    let peer = peer.map(|(name, value)| (name.to_owned(), value));
    Figure { what: what.into(), value, unit, peer, better: Better::Less, target }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// The pedestrian clip scaled up to 1080p30, as H.264: made once and kept, for it takes minutes.
fn footage(bed: &Bed, seconds: u32) -> anyhow::Result<PathBuf> {
    let path = bed.work.join(format!("footage-1080p30-{seconds}s.mp4"));
    if path.exists() {
        return Ok(path);
    }
    eprintln!("bench: scaling the clip up to 1080p");
    let half = path.with_extension("part.mp4");
    let mut command = Command::new("ffmpeg");
    // The clip has 10 frames a second: shown three times as fast, again and again.
    command.args(["-v", "error", "-y", "-stream_loop", "-1", "-i"]).arg(&bed.clip);
    command.args(["-vf", "setpts=PTS/3,scale=1920:1080:flags=bicubic,fps=30", "-t", &seconds.to_string()]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-g", "60", "-pix_fmt", "yuv420p"]);
    finished(command.arg(&half))?;
    fs::rename(&half, &path)?;
    Ok(path)
}

/// The clip several times over, copied.
fn looped(bed: &Bed, clip: &Path) -> anyhow::Result<PathBuf> {
    let path = bed.work.join("footage-long.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-y", "-stream_loop", &(PASSED_TIMES - 1).to_string(), "-i"]).arg(clip);
    finished(command.args(["-c", "copy"]).arg(&path))?;
    Ok(path)
}

/// CPU seconds of the threads that pass the source's own video on to a file and to HLS.
fn pass_on(bed: &Bed, clip: &Path) -> anyhow::Result<f64> {
    let handlers = json!({
        "a": {"uri": "mp4:///a.mp4", "sink": "source"},
        "hls": {"uri": "hls://", "sink": "source"},
    });
    let mut command = instance(bed, clip, "", &handlers)?;
    let (status, cpu) = measure_threads(&mut command, &OF_EXPORT)?;
    ensure!(status.success(), "{} ended with {status}", shown(&command));
    wrote(&bed.work.join("video/exports/a.mp4"))?;
    ensure!(cpu > std::time::Duration::ZERO, "no thread of an export was seen");
    Ok(cpu.as_secs_f64())
}

fn watchpost(bed: &Bed, clip: &Path, preset: &str, handlers: Value) -> anyhow::Result<Cost> {
    let cost = finished(&mut instance(bed, clip, preset, &handlers)?)?;
    for name in handlers.as_object().into_iter().flat_map(|handlers| handlers.keys()) {
        wrote(&bed.work.join("video/exports").join(format!("{name}.mp4")))?;
    }
    Ok(cost)
}

/// The command that runs an instance in a data folder of its own.
fn instance(bed: &Bed, clip: &Path, preset: &str, handlers: &Value) -> anyhow::Result<Command> {
    let data = bed.fresh("video")?;
    let instance = json!({
        "DisplayName": "video", "Solution": "securt", "Input": {"uri": clip},
        "Output": {"render_preset": preset, "handlers": handlers},
    });
    let file = data.join("video.json");
    fs::write(&file, serde_json::to_vec_pretty(&instance)?)?;
    let mut command = Command::new(&bed.watchpost);
    command.arg("run").arg(&file).arg("--data").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
    // HLS is served, on a port that nobody else has.
    command.env("WATCHPOST_LISTEN", "127.0.0.1:0");
    Ok(command)
}

fn gst_launch(bed: &Bed, clip: &Path) -> anyhow::Result<Cost> {
    let out = bed.fresh("gst")?.join("out.mp4");
    let pipeline = format!(
        "filesrc location={} ! decodebin ! videoconvert ! {X264} ! h264parse ! \
         mp4mux fragment-duration=500 ! filesink location={}",
        clip.display(),
        out.display()
    );
    let mut command = Command::new("gst-launch-1.0");
    let cost = finished(command.arg("-q").args(pipeline.split_whitespace()).stdout(Stdio::null()))?;
    wrote(&out)?;
    Ok(cost)
}

fn copy(bed: &Bed, clip: &Path) -> anyhow::Result<Cost> {
    let folder = bed.fresh("ffmpeg")?;
    let out = folder.join("out.mp4");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-c", "copy", "-movflags", "frag_keyframe"])
        .arg(&out)
        .args(["-c", "copy", "-f", "hls", "-hls_time", "1", "-hls_segment_type", "fmp4"])
        .arg(folder.join("out.m3u8"));
    let cost = finished(&mut command)?;
    wrote(&out)?;
    Ok(cost)
}

/// A run that wrote nothing is fast and worth nothing.
fn wrote(path: &Path) -> anyhow::Result<()> {
    let bytes = fs::metadata(path).map_or(0, |metadata| metadata.len());
    ensure!(bytes > 10_000, "{} was not written", path.display());
    Ok(())
}

fn finished(command: &mut Command) -> anyhow::Result<Cost> {
    let (status, cost) = measure(command)?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(cost)
}
