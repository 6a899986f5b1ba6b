//! Analysis per frame on one core, against OpenCV's MOG2 and contours.

use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use watchpost_analytics::{Securt, Settings};
use watchpost_media::{DecodeOptions, DecodedFrame, Decoder, Location, Next};
use watchpost_model::{Frame, Timestamp};

use super::{
    Bed, median, peers,
    report::{Better, Figure},
};

/// Decoded frames held at a time: enough that the decoder's threads rest while the analysis is timed.
const CHUNK: usize = 50;

/// A decoder that says nothing for this long has hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// OpenCV's reduced plane, in pixels: the width that Watchpost works on.
const REDUCED_WIDTH: u32 = 320;

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    watchpost_media::init()?;
    let mut figures = Vec::new();
    for (width, height, target) in [(768, 576, "—"), (1920, 1080, "0.8 ms")] {
        let frames = if bed.quick { 100 } else { 400 };
        let (mut ours, mut full, mut reduced) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..bed.rounds() {
            ours.push(securt(bed, width, height, frames)?);
            full.push(opencv(bed, width, height, 0, frames)?);
            reduced.push(opencv(bed, width, height, REDUCED_WIDTH, frames)?);
        }
        let ours = median(ours);
        for (peer, beside) in [("OpenCV MOG2, full plane", full), ("OpenCV MOG2, reduced plane", reduced)] {
            figures.push(Figure {
                what: format!("analysis of a {width}x{height} frame, one core"),
                value: ours,
                unit: "ms",
                peer: Some((peer.into(), median(beside))),
                better: Better::Less,
                target,
            });
        }
    }
    Ok(figures)
}

/// Milliseconds per frame of the whole analysis: motion, tracks, the demo's line and areas, crops.
fn securt(bed: &Bed, width: u32, height: u32, frames: usize) -> anyhow::Result<f64> {
    let mut securt = Securt::new(settings()?);
    let mut decoder = Decoder::open(&DecodeOptions::new(Location::Pipeline(format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale ! \
         video/x-raw,format=I420,width={width},height={height} ! appsink name=cvdsink",
        bed.clip.display()
    ))))?;
    let (mut spent, mut count, mut groups) = (Duration::ZERO, 0, 0);
    while count < frames {
        let chunk = chunk(&mut decoder, CHUNK.min(frames - count))?;
        if chunk.is_empty() {
            break;
        }
        let start = Instant::now();
        for decoded in &chunk {
            let frame = Frame {
                id: count as u64,
                time: decoded.pts,
                timestamp: Timestamp(count as i64 * 100),
                size: Some(decoded.image.size),
                image: Some(decoded.image.clone()),
            };
            groups += securt.process(&frame, None).groups.len();
            count += 1;
        }
        spent += start.elapsed();
    }
    ensure!(count > 0 && groups > 0, "{count} frames gave {groups} groups of records: nothing was analysed");
    Ok(spent.as_secs_f64() * 1000.0 / count as f64)
}

fn chunk(decoder: &mut Decoder, frames: usize) -> anyhow::Result<Vec<DecodedFrame>> {
    let mut chunk = Vec::with_capacity(frames);
    while chunk.len() < frames {
        match decoder.next(PATIENCE)? {
            Next::Frame(frame) => chunk.push(frame),
            Next::Ended => break,
            Next::TimedOut => bail!("the decoder gave nothing for {PATIENCE:?}"),
            Next::EndedEarly(reason) => bail!("the clip ended early: {reason}"),
        }
    }
    Ok(chunk)
}

/// As the demo's instance says.
fn settings() -> anyhow::Result<Settings> {
    let file = std::path::Path::new("demo/vtest.json");
    let loaded =
        watchpost_config::load_file(file, watchpost_config::Base::InstanceFile).map_err(|problems| {
            anyhow::anyhow!("{}", problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
        })?;
    Ok(Settings { areas: loaded.instance.areas, lines: loaded.instance.lines, ..Settings::default() })
}

fn opencv(bed: &Bed, width: u32, height: u32, reduced: u32, frames: usize) -> anyhow::Result<f64> {
    let clip = bed.clip.to_string_lossy();
    let numbers = [width, height, reduced].map(|number| number.to_string());
    let frames = frames.to_string();
    peers::number(&bed.python, "motion_opencv.py", &[&clip, &numbers[0], &numbers[1], &numbers[2], &frames])
}
