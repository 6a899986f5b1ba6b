//! Rows to files through the log, against Python's supervision.

use std::{
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{bail, ensure};
use serde_json::json;

use super::{
    Bed, median, peers,
    report::{Better, Figure},
};
use crate::process::{measure, shown};

pub fn run(bed: &Bed) -> anyhow::Result<Vec<Figure>> {
    let rows: u32 = if bed.quick { 20_000 } else { 500_000 };
    let input = bed.work.join("detections.ndjson");
    write_detections(&input, rows)?;
    let mut figures = Vec::new();
    for (kind, file, what, target) in [
        ("json", "rows.jsonl", "JSON lines through the log", "500 k rows/s"),
        ("csv", "rows.csv", "CSV rows through the log", "500 k rows/s"),
    ] {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..bed.rounds() {
            ours.push(watchpost(bed, kind, file, &input, rows)?);
            let out = bed.fresh("supervision")?.join(file);
            theirs.push(peers::number(
                &bed.python,
                "rows_supervision.py",
                &[kind, &rows.to_string(), &out.to_string_lossy()],
            )?);
        }
        figures.push(Figure {
            what: what.into(),
            value: median(ours),
            unit: "rows/s",
            peer: Some(("Python supervision, from memory".into(), median(theirs))),
            better: Better::More,
            target,
        });
    }
    Ok(figures)
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
    let shape = if kind == "csv" { "tabular" } else { "objects" };
    let instance = json!({
        "DisplayName": "rows",
        "Solution": "securt",
        "Input": {"uri": format!("ndjson:///{}", input.display())},
        "Output": {"handlers": {"rows": {
            "uri": format!("{kind}:///{file}"), "sink": "output-detections", "enabled": true,
            "config": {"shape": shape, "append_only": true, "minify": true},
        }}},
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
