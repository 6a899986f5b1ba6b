//! Rows to files: through the log, as whole processes that read ndjson, and formatting alone; against Python's
//! supervision.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{bail, ensure};
use serde_json::{Value, json};

use super::{
    Bed, formatting, load, median, peers,
    report::{Better, Figure},
};
use crate::process::{measure, shown};

/// What becomes rows, how they are called, and what is aimed at through the log and for formatting alone.
const KINDS: [(&str, &str, &str); 2] =
    [("json", "rows.jsonl", "JSON lines"), ("csv", "rows.csv", "CSV rows")];

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let rows: u32 = if bed.quick { 20_000 } else { 500_000 };
    let input = bed.work.join("detections.ndjson");
    write_detections(&input, rows)?;
    let mut figures = Vec::new();
    for (kind, file, what) in KINDS {
        let (mut through, mut cpu, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        let (mut alone, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..bed.rounds() {
            let run = load::run(
                bed,
                &json!({"handlers": {"rows": handler(kind, file)}}),
                u64::from(rows) * 2,
                &[],
            )?;
            through.push(run.per_second());
            cpu.push(run.cpu_us());
            whole.push(watchpost(bed, kind, file, &input, rows)?);
            alone.push(formatting::run(bed, &handler(kind, file), u64::from(rows))?);
            let out = bed.fresh("supervision")?.join(file);
            let arguments = [kind, &rows.to_string(), &out.to_string_lossy()];
            theirs.push(peers::number(&bed.python, "rows_supervision.py", &arguments)?);
        }
        let theirs = median(theirs);
        let figure = |what: String, values, target| Figure {
            what,
            value: median(values),
            unit: "rows/s",
            peer: Some(("Python supervision, from memory".into(), theirs)),
            better: Better::More,
            target,
        };
        figures.push(figure(format!("{what} through the log"), through, "500 k rows/s"));
        figures.push(Figure {
            what: format!("{what} through the log: CPU of one"),
            value: median(cpu),
            unit: "µs",
            peer: None,
            better: Better::Less,
            target: "—",
        });
        figures.push(figure(format!("{what}, formatting alone, one core"), alone, "2 M rows/s"));
        figures.push(figure(format!("{what}, whole process: ndjson parsed, tracked, logged"), whole, "—"));
    }
    Ok(figures)
}

/// An export of the detections.
fn handler(kind: &str, file: &str) -> Value {
    let shape = if kind == "csv" { "tabular" } else { "objects" };
    json!({
        "uri": format!("{kind}:///{file}"), "sink": "output-detections", "enabled": true,
        "config": {"shape": shape, "append_only": true, "minify": true},
    })
}

/// One detection a frame, 25 frames a second, walking through the picture again and again.
fn write_detections(path: &Path, rows: u32) -> anyhow::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for frame in 0..rows {
        let x = f64::from(frame % 900) / 1000.0;
        writeln!(
            file,
            r#"{{"frame_id":{frame},"timestamp_ms":{},"detections":[{{"label":"person","confidence":0.91,"x":{x},"y":0.4,"width":0.05,"height":0.2}}]}}"#,
            frame * 40
        )?;
    }
    file.flush()?;
    Ok(())
}

/// Rows per second of one run, from the process's start to its end.
fn watchpost(bed: &Bed, kind: &str, file: &str, input: &Path, rows: u32) -> anyhow::Result<f64> {
    let data = bed.fresh("rows")?;
    let instance = json!({
        "DisplayName": "rows",
        "Solution": "securt",
        "Input": {"uri": format!("ndjson:///{}", input.display())},
        "Output": {"handlers": {"rows": handler(kind, file)}},
    });
    let instance_file = data.join("rows.json");
    fs::write(&instance_file, serde_json::to_vec_pretty(&instance)?)?;
    let mut command = Command::new(&bed.watchpost);
    command
        .arg("run")
        .arg(&instance_file)
        .arg("--data")
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let (status, cost) = measure(&mut command)?;
    if !status.success() {
        bail!("{} ended with {status}", shown(&command));
    }
    let written = fs::read(data.join("exports").join(file))?.iter().filter(|byte| **byte == b'\n').count();
    let expected = rows as usize + usize::from(kind == "csv");
    ensure!(written == expected, "{file} has {written} lines, not {expected}");
    Ok(f64::from(rows) / cost.wall.as_secs_f64())
}
