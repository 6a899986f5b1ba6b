//! Records through the log into children: how many, how fast each, and what they cost.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Bed, load, median, peers,
    report::{Better, Figure},
    rsyslog,
};

/// A record as `watchpost-load` makes it, for the peers.
pub const RECORD: &str = r#"{"$id":"diagnostics","$version":2,"record_id":"b175e4a6-bf69-4f14-a17b-988948f3da3c","log_id":"39657364-983a-4be0-8631-3a19345b3b82","sequence":123456,"instance_id":"00000000-0000-0000-0000-000000000001","instance_name":"Gate 0","frame_id":123456,"frame_time":1795366821635.6736,"system_timestamp":1795366821635,"timestamp":"2026-11-22T17:00:21.635Z","severity":"info","title":"seen","message":"a person"}"#;

/// Messages that an acknowledging exporter may leave unanswered: a tenth of a second of the fastest.
const WINDOW: u32 = 65_536;

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let mut figures = throughput(bed)?;
    figures.push(round_trip(bed)?);
    figures.extend(latency(bed)?);
    figures.push(many_instances(bed)?);
    Ok(figures)
}

fn throughput(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let (many, fewer) = if bed.quick { (50_000, 20_000) } else { (1_000_000, 300_000) };
    let child = |mode: &str| format!("{} {mode} nul", bed.child.display());
    let (mut acknowledged, mut confirmed, mut read, mut unconfirmed) = (vec![], vec![], vec![], vec![]);
    let (mut python, mut piped, mut cpu) = (vec![], vec![], vec![]);
    for _ in 0..bed.rounds() {
        acknowledged.push(exporter(bed, &child("acknowledge"), true, many, &[])?.per_second());
        confirmed.extend(rsyslog::run(bed, true, fewer)?);
        let run = exporter(bed, &child("read"), false, many, &[])?;
        read.push(run.per_second());
        cpu.push(run.cpu_us());
        unconfirmed.extend(rsyslog::run(bed, false, many)?);
        let script = fs::canonicalize(peers::script("read_json.py"))?;
        python.push(exporter(bed, &format!("python3 {}", script.display()), false, fewer, &[])?.per_second());
        piped.push(plain_pipe(Command::new("python3").arg(&script), fewer)?);
    }
    let peer = |name: &str, values: Vec<f64>| (!values.is_empty()).then(|| (name.to_owned(), median(values)));
    Ok(vec![
        Figure {
            what: "records through the log into a Rust exporter, acknowledged".into(),
            value: median(acknowledged),
            unit: "records/s",
            peer: peer("rsyslog omprog with confirmMessages, no disk", confirmed),
            better: Better::More,
            target: "700 k records/s",
        },
        Figure {
            what: "the same, read counts".into(),
            value: median(read),
            unit: "records/s",
            peer: peer("rsyslog omprog, no disk", unconfirmed),
            better: Better::More,
            target: "800 k records/s",
        },
        Figure {
            what: "the same: CPU of one record, the child's own not counted".into(),
            value: median(cpu),
            unit: "µs",
            peer: None,
            better: Better::Less,
            target: "—",
        },
        Figure {
            what: "the same into a Python exporter, `json.loads` each".into(),
            value: median(python),
            unit: "records/s",
            peer: peer("the same child reading a plain pipe", piped),
            better: Better::More,
            target: "300 k records/s",
        },
    ])
}

/// Through the inbox, a child that copies, the log, and into an exporter that reads.
fn round_trip(bed: &Bed) -> anyhow::Result<Figure> {
    let records = if bed.quick { 20_000 } else { 500_000 };
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        let copy = format!("{} copy nul", bed.child.display());
        let output = json!({"preprocess_cmd": copy, "preprocess_version": 2, "load": {"enabled": true}});
        install(bed, &format!("{} read nul", bed.child.display()), false)?;
        ours.push(load::run(bed, &output, records, &[])?.per_second());
        theirs.push(lock_step(Command::new(&bed.child).args(["copy", "nul"]), records / 5)?);
    }
    Ok(Figure {
        what: "preprocess round trip, pipelined, a child that copies, two logs".into(),
        value: median(ours),
        unit: "records/s",
        peer: Some(("one message at a time, no log".into(), median(theirs))),
        better: Better::More,
        target: "500 k records/s",
    })
}

/// What `watchpost-child` writes to its file at the end.
#[derive(Deserialize)]
pub struct Seen {
    /// Messages it has read.
    pub messages: u64,
    /// From the first to the last.
    pub seconds: f64,
    /// Half were under way no longer.
    pub p50_ms: f64,
    /// 99 of 100 were under way no longer.
    pub p99_ms: f64,
}

impl Seen {
    /// Reads what a child has written to `file`.
    pub fn load(file: &std::path::Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }
}

fn latency(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let frames = if bed.quick { 1_000 } else { 10_000 };
    let file = load::data(bed)?.join("seen.json");
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    for _ in 0..bed.rounds() {
        let command = format!("{} read nul {}", bed.child.display(), file.display());
        exporter(bed, &command, false, frames, &["--rate", "1000"])?;
        let seen = Seen::load(&file)?;
        ensure!(seen.messages == frames, "the child saw {} of {frames} records", seen.messages);
        p50.push(seen.p50_ms);
        p99.push(seen.p99_ms);
    }
    Ok(latency_figures("event to an exporter's read at 1000 records/s", p50, p99))
}

/// Of each round, within how many milliseconds half of the records and 99 of 100 have arrived.
pub fn latency_figures(what: &str, p50_ms: Vec<f64>, p99_ms: Vec<f64>) -> Vec<Figure> {
    let figure = |part: &str, values, target| Figure {
        what: format!("{what}, {part}"),
        value: median(values),
        unit: "ms",
        peer: None,
        better: Better::Less,
        target,
    };
    vec![figure("half within", p50_ms, "8 ms"), figure("99 of 100 within", p99_ms, "20 ms")]
}

fn many_instances(bed: &Bed) -> anyhow::Result<Figure> {
    let seconds = if bed.quick { 2 } else { 10 };
    let handler = |uri: &str, shape: &str| {
        let config = json!({"shape": shape, "append_only": true, "minify": true});
        json!({"uri": uri, "sink": "output-detections", "enabled": true, "config": config})
    };
    let output = json!({"handlers": {
        "lines": handler("json:///{instance.id}.jsonl", "objects"),
        "rows": handler("csv:///{instance.id}.csv", "tabular"),
    }});
    let mut cpu = Vec::new();
    for _ in 0..bed.rounds() {
        let more = ["--rate", "100", "--instances", "100"];
        cpu.push(load::run(bed, &output, 100 * seconds, &more)?.cpu_us());
    }
    Ok(Figure {
        what: "CPU of one record, 100 instances x 100 records/s, JSON lines and CSV each".into(),
        value: median(cpu),
        unit: "µs",
        peer: None,
        better: Better::Less,
        target: "10 µs",
    })
}

fn exporter(
    bed: &Bed,
    command: &str,
    acknowledge: bool,
    records: u64,
    more: &[&str],
) -> anyhow::Result<load::Load> {
    install(bed, command, acknowledge)?;
    load::run(bed, &json!({"load": {"enabled": true}}), records, more)
}

/// Makes `command` the exporter `load` of the data folder.
fn install(bed: &Bed, command: &str, acknowledge: bool) -> anyhow::Result<()> {
    let folder = load::data(bed)?.join("exporters/load");
    fs::create_dir_all(&folder)?;
    let manifest: Value = json!({
        "name": "load",
        "description": "For measuring",
        "events": {"diagnostics": 2},
        "command": command,
        "acknowledge": acknowledge,
        "window": WINDOW,
    });
    Ok(fs::write(folder.join("manifest.json"), manifest.to_string())?)
}

/// Records per second of a child that is simply written to.
fn plain_pipe(command: &mut Command, records: u64) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("no STDIN")?;
    let block = [RECORD, "\0"].concat().repeat(100);
    for _ in 0..records / 100 {
        input.write_all(block.as_bytes())?;
    }
    drop(input);
    ensure!(child.wait()?.success(), "{command:?} failed");
    Ok(records as f64 / began.elapsed().as_secs_f64())
}

/// Records per second of a child that is given one message and asked for its answer before the next.
fn lock_step(command: &mut Command, records: u64) -> anyhow::Result<f64> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = child.stdin.take().context("no STDIN")?;
    let mut answers = BufReader::new(child.stdout.take().context("no STDOUT")?);
    let message = [RECORD, "\0"].concat();
    let mut answer = String::new();
    let began = Instant::now();
    for _ in 0..records {
        input.write_all(message.as_bytes())?;
        answer.clear();
        answers.read_line(&mut answer)?;
        ensure!(answer.trim_end() == RECORD, "the child answered {answer}");
    }
    let took = began.elapsed();
    drop(input);
    ensure!(child.wait()?.success(), "{command:?} failed");
    Ok(records as f64 / took.as_secs_f64())
}
