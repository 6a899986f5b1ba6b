//! A load: what an instance's solution could find, put in as fast as it goes or at a rate, through the log
//! and out of every metadata export, exporter and preprocess command of the instance file.
//!
//! Prints one line of JSON: what was put in, how long it took until the last receiver had the last of it,
//! and what that cost this process.
#![allow(clippy::print_stdout, reason = "a program of its own, whose answer this is")]
#![allow(clippy::disallowed_methods, reason = "keeps to the rate that was asked for")]

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow, ensure};
use clap::Parser;
use serde_json::json;
use watchpost_analytics::Analysis;
use watchpost_config::{Base, Loaded};
use watchpost_model::{
    Detection, Diagnostics, Frame, Group, Id, Instant as Moment, ObjectClass, Record, Rect, Severity,
    StreamTime, Timestamp,
};
use watchpost_runtime::{Guardian, Runtime, rig::Rig};

/// No run takes longer.
const LIMIT: Duration = Duration::from_secs(300);

/// What is due this soon is put in at once: waking costs, and is this load's cost.
const TICK: Duration = Duration::from_millis(1);

#[derive(Parser)]
struct Arguments {
    /// An instance file; its `uri` is not used.
    instance: PathBuf,
    /// The data folder.
    data: PathBuf,
    /// Frames of each instance: one `diagnostics` record and one detection each.
    #[arg(long)]
    frames: u64,
    /// Frames per second of each instance; as fast as it goes where absent.
    #[arg(long)]
    rate: Option<u64>,
    /// How many instances of the file; each gets every frame.
    #[arg(long, default_value_t = 1)]
    instances: u32,
}

fn main() -> anyhow::Result<()> {
    // Before any thread exists: it is a fork of this process.
    let guardian = Guardian::start()?;
    let arguments = Arguments::parse();
    tokio::runtime::Runtime::new()?.block_on(run(&arguments, guardian))
}

async fn run(arguments: &Arguments, guardian: Guardian) -> anyhow::Result<()> {
    let runtime = Runtime::open(&arguments.data, vec![], guardian)?;
    let file = &arguments.instance;
    let mut rigs = Vec::new();
    for number in 0..arguments.instances {
        rigs.push(Rig::start(&runtime, &instance(file, number)?, file).await?);
    }
    let (frames, rate) = (arguments.frames, arguments.rate);
    let cpu = cpu()?;
    let began = Instant::now();
    // One thread for all of them, so that what is measured is not the waking of a hundred threads of this load.
    let put = tokio::task::spawn_blocking(move || put_in(&mut rigs, frames, rate).map(|()| rigs));
    let mut rigs = put.await??;
    let put_in = began.elapsed();
    let mut delivered = 0;
    for rig in &mut rigs {
        rig.drain(LIMIT).await;
        for receiver in rig.receivers() {
            ensure!(receiver.waiting == 0, "{}: {} wait", receiver.name, receiver.waiting);
            ensure!(receiver.delivered == frames, "{} of {frames} delivered", receiver.delivered);
            delivered += receiver.delivered;
        }
    }
    let out = began.elapsed();
    let cpu = self::cpu()? - cpu;
    for rig in rigs {
        rig.stop().await;
    }
    runtime.close();
    let answer = json!({
        "records": frames * u64::from(arguments.instances),
        "delivered": delivered,
        "put_in_s": put_in.as_secs_f64(),
        "out_s": out.as_secs_f64(),
        "cpu_s": cpu,
        "peak_bytes": peak_bytes()?,
    });
    println!("{answer}");
    Ok(())
}

/// The file's instance, or another like it.
fn instance(file: &Path, number: u32) -> anyhow::Result<Loaded> {
    let mut document: serde_json::Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    document["InstanceId"] = json!(Id::from_u128(u128::from(number) + 1));
    document["DisplayName"] = json!(format!("Gate {number}"));
    watchpost_config::load(&document.to_string(), file, Base::InstanceFile)
        .map_err(|problems| anyhow!("{}", problems.iter().map(ToString::to_string).collect::<String>()))
}

/// In place of the instances' analysis threads.
fn put_in(rigs: &mut [Rig], frames: u64, rate: Option<u64>) -> anyhow::Result<()> {
    let began = Instant::now();
    let instances = rigs.len() as u64;
    let (mut frame, mut analysis) = found();
    for id in 0..frames {
        // Its stream time is the time of day, so that a child can tell how long a record was under way.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        frame.id = id;
        frame.time = StreamTime::from_nanos(now.as_nanos() as u64);
        frame.timestamp = Timestamp(now.as_millis() as i64);
        for group in &mut analysis.groups {
            (group.at.frame_id, group.at.time, group.at.timestamp) = (id, frame.time, frame.timestamp);
        }
        for detection in &mut analysis.detections {
            detection.rect.x = (id % 900) as f32 / 1000.123;
        }
        for (number, rig) in (0..).zip(&mut *rigs) {
            if let Some(rate) = rate {
                // Spread evenly over the time of a frame, as cameras are.
                let due = Duration::from_secs(id * instances + number) / u32::try_from(rate * instances)?;
                let early = due.saturating_sub(began.elapsed());
                if early > TICK {
                    thread::sleep(early);
                }
            }
            rig.take(&frame, &analysis)?;
        }
    }
    Ok(())
}

/// A frame and what was found in it: a record of 390 bytes, an object of 300.
fn found() -> (Frame, Analysis) {
    let at = Moment { frame_id: 0, time: StreamTime::default(), timestamp: Timestamp(0), size: None };
    let frame = Frame { id: 0, time: at.time, timestamp: at.timestamp, size: None, image: None };
    let record = Diagnostics { severity: Severity::Info, title: "seen".into(), message: "a person".into() };
    let detection = Detection {
        class: ObjectClass::Person,
        label: "person".into(),
        confidence: 0.91,
        // With the digits that boxes have.
        rect: Rect::new(0.0, 0.412_345_6, 0.051_234_56, 0.212_345_6),
        track_id: None,
        attributes: Vec::new(),
    };
    let group = Group { at, records: vec![Record::Diagnostics(record)] };
    (frame, Analysis { groups: vec![group], detections: vec![detection], ..Analysis::default() })
}

/// User and system time of this process in seconds: fields 14 and 15 of `/proc/self/stat`, in ticks of
/// 10 ms (proc(5)).
fn cpu() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat is not as proc(5) says")?;
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}

/// The largest resident size so far: `VmHWM` of `/proc/self/status`.
fn peak_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
