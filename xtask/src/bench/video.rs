//! Video exports, whole processes on natural footage at 1080p: one encode for many outputs, the source passed on,
//! how many instances a machine holds, and how much memory one needs; against ffmpeg and bare GStreamer.

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
use crate::process::{Cost, measure, shown};

/// Seconds of footage, at 30 frames a second.
const SECONDS: u32 = 60;
const QUICK_SECONDS: u32 = 4;

/// What the media room sets at 1080p30 for pace `fast`.
const X264: &str = "x264enc speed-preset=veryfast bframes=0 key-int-max=120 pass=qual quantizer=23 bitrate=9331 vbv-buf-capacity=2000 rc-lookahead=3";

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let seconds = if bed.quick { QUICK_SECONDS } else { SECONDS };
    let clip = footage(bed, seconds)?;
    let mp4 = |names: &[&str], sink: &str, config: &Value| -> Value {
        let one = |name: &&str| {
            ((*name).to_owned(), json!({"uri": format!("mp4:///{name}.mp4"), "sink": sink, "config": config}))
        };
        Value::Object(names.iter().map(one).collect())
    };
    let drawn = "Default";
    let (mut one, mut four, mut undrawn, mut bare) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut passed, mut idle, mut ffmpeg) = (Vec::new(), Vec::new(), Vec::new());
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
        passed.push(watchpost(bed, &clip, "", mp4(&["a"], "source", &json!({})))?.cpu.as_secs_f64());
        idle.push(watchpost(bed, &clip, "", json!({}))?.cpu.as_secs_f64());
        ffmpeg.push(copy(bed, &clip)?.cpu.as_secs_f64());
    }
    let (one, four, undrawn, bare) = (median(one), median(four), median(undrawn), median(bare));
    let second = f64::from(seconds);
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let held = |cpu: f64| cores / (cpu / second);
    Ok(vec![
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
        // The instance decodes for its analysis, which the peer does not: what the export adds to that.
        less(
            "`source` to MP4, 1080p30: CPU that it adds to the analysis",
            (median(passed) - median(idle)).max(0.0),
            "s",
            Some(("ffmpeg -c copy", median(ffmpeg))),
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
    ])
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

fn watchpost(bed: &Bed, clip: &Path, preset: &str, handlers: Value) -> anyhow::Result<Cost> {
    let data = bed.fresh("video")?;
    let names: Vec<String> =
        handlers.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    let instance = json!({
        "DisplayName": "video", "Solution": "securt", "Input": {"uri": clip},
        "Output": {"render_preset": preset, "handlers": handlers},
    });
    let file = data.join("video.json");
    fs::write(&file, serde_json::to_vec_pretty(&instance)?)?;
    let mut command = Command::new(&bed.watchpost);
    command.arg("run").arg(&file).arg("--data").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
    let cost = finished(&mut command)?;
    for name in names {
        wrote(&data.join("exports").join(format!("{name}.mp4")))?;
    }
    Ok(cost)
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
    let out = bed.fresh("ffmpeg")?.join("out.mp4");
    let mut command = Command::new("ffmpeg");
    command
        .args(["-v", "error", "-i"])
        .arg(clip)
        .args(["-c", "copy", "-movflags", "frag_keyframe"])
        .arg(&out);
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
