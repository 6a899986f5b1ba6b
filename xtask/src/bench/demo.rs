//! The demo's path, whole processes: Watchpost, a bare GStreamer pipeline, and the same job in Python.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::{
    Bed, median, peers,
    report::{Better, Figure},
};
use crate::process::{Cost, measure, shown};

/// Frames of the clip.
const FRAMES: f64 = 795.0;

/// What the media room sets for 768x576 at 10 fps; the bare pipeline must do the same work.
const X264: &str = "x264enc speed-preset=veryfast bframes=0 key-int-max=40 pass=qual quantizer=23 bitrate=995 vbv-buf-capacity=2000";

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let mut ours = Vec::new();
    let mut bare = Vec::new();
    let mut python = Vec::new();
    let mut peak: u64 = 0;
    for _ in 0..bed.rounds() {
        let cost = path(bed)?;
        peak = peak.max(cost.peak_bytes);
        ours.push(FRAMES / cost.wall.as_secs_f64());
        bare.push(FRAMES / gst_launch(bed)?.wall.as_secs_f64());
        python.push(FRAMES / opencv(bed)?.wall.as_secs_f64());
    }
    let full = whole_demo(bed)?;
    let (ours, bare, python) = (median(ours), median(bare), median(python));
    let what = "demo path: decode, analyse, draw, MP4 + CSV + JSON";
    Ok(vec![
        figure(what, ours, ("bare gst-launch, decode and encode alone", bare), "0.9 or better"),
        figure(what, ours, ("Python OpenCV + supervision", python), "well above 1"),
        Figure {
            what: "peak memory of that run".into(),
            value: mib(peak),
            unit: "MiB",
            peer: None,
            better: Better::Less,
            target: "180 MiB per instance that renders and encodes, at 1080p",
        },
        Figure {
            what: "`make demo` whole: preprocess command, exporter and pictures too".into(),
            value: FRAMES / full.wall.as_secs_f64(),
            unit: "frames/s",
            peer: None,
            better: Better::More,
            target: "—",
        },
        Figure {
            what: "peak memory of the whole demo".into(),
            value: mib(full.peak_bytes),
            unit: "MiB",
            peer: None,
            better: Better::Less,
            target: "—",
        },
    ])
}

fn figure(what: &str, value: f64, (peer, beside): (&str, f64), target: &'static str) -> Figure {
    Figure {
        what: what.into(),
        value,
        unit: "frames/s",
        peer: Some((peer.into(), beside)),
        better: Better::More,
        target,
    }
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

/// Draw, MP4, CSV, JSON lines: the demo's instance without its children and pictures.
fn path(bed: &Bed) -> anyhow::Result<Cost> {
    watchpost(bed, "path", |output| {
        output.retain(|key, _| ["render_preset", "handlers"].contains(&key.as_str()));
        if let Some(Value::Object(handlers)) = output.get_mut("handlers") {
            handlers.retain(|name, _| ["annotated video", "events", "tracks"].contains(&name.as_str()));
        }
    })
}

fn whole_demo(bed: &Bed) -> anyhow::Result<Cost> {
    watchpost(bed, "whole", |_| ())
}

fn watchpost(
    bed: &Bed,
    name: &str,
    change: impl FnOnce(&mut serde_json::Map<String, Value>),
) -> anyhow::Result<Cost> {
    let data = bed.fresh(name)?;
    let mut instance: Value = serde_json::from_str(&fs::read_to_string("demo/vtest.json")?)?;
    instance["Input"]["uri"] = json!(bed.clip);
    change(instance["Output"].as_object_mut().context("demo/vtest.json has no Output")?);
    let file = data.join("vtest.json");
    fs::write(&file, serde_json::to_vec_pretty(&instance)?)?;
    fs::copy("demo/add_site.py", data.join("add_site.py"))?;
    // Found beside the program too, unless cargo builds somewhere else.
    std::os::unix::fs::symlink(fs::canonicalize("exporters")?, data.join("exporters"))?;
    let mut command = Command::new(&bed.watchpost);
    command.arg("run").arg(&file).arg("--data").arg(&data).stdout(Stdio::null()).stderr(Stdio::null());
    let cost = finished(&mut command)?;
    // A run that wrote nothing is fast and worth nothing.
    for written in ["annotated.mp4", "events.jsonl", "tracks.csv"] {
        ensure!(
            size(&data.join("exports/vtest").join(written)) > 1000,
            "{written} was not written in {}",
            data.display()
        );
    }
    Ok(cost)
}

fn gst_launch(bed: &Bed) -> anyhow::Result<Cost> {
    let out = bed.fresh("gst")?.join("out.mp4");
    let pipeline = format!(
        "filesrc location={} ! decodebin ! videoconvert ! {X264} ! mp4mux ! filesink location={}",
        bed.clip.display(),
        out.display()
    );
    let cost =
        finished(Command::new("gst-launch-1.0").arg("-q").args(pipeline.split(' ')).stdout(Stdio::null()))?;
    ensure!(size(&out) > 1000, "gst-launch wrote nothing");
    Ok(cost)
}

fn opencv(bed: &Bed) -> anyhow::Result<Cost> {
    let folder = bed.fresh("opencv")?;
    let mut command = Command::new(&bed.python);
    command.arg(peers::script("demo_opencv.py")).arg(&bed.clip).arg(folder).stdout(Stdio::null());
    finished(&mut command)
}

fn finished(command: &mut Command) -> anyhow::Result<Cost> {
    let (status, cost) = measure(command)?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(cost)
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use watchpost_config::{Base, load_file};

    /// What is shown to everybody must be without a fault.
    #[test]
    fn the_demo_instance_is_valid_and_earns_no_warning() {
        let file = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../demo/vtest.json"));
        let loaded = load_file(file, Base::InstanceFile).unwrap();
        assert!(loaded.broken.is_empty(), "{:?}", loaded.broken);
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        assert_eq!((loaded.instance.areas.len(), loaded.instance.lines.len()), (2, 1));
        assert_eq!(loaded.instance.output.handlers.len(), 6);
    }
}
