//! The table at the end of a run.

use serde_json::json;
use watchpost_runtime::{Ended, Final, ReceiverSnapshot};

use crate::{
    Global,
    output::{Table, bytes},
};

/// Prints what was written and what is left; as JSON with `--json`.
pub(crate) fn print(end: &Final, global: &Global) -> anyhow::Result<()> {
    if global.json {
        println!("{}", serde_json::to_string_pretty(&as_json(end))?);
        return Ok(());
    }
    print!("{}", text(end));
    Ok(())
}

/// What was written, how the exports are, what is wrong with them, and in a last line how it all ended.
fn text(end: &Final) -> String {
    let problems: String = all(end)
        .filter_map(|r| Some(format!("{}: {}\n", r.name, r.problem.as_ref()?.replace('\n', "; "))))
        .collect();
    let parts = [written(end).render(), receivers(end).render(), problems, format!("{}\n", verdict(end))];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("\n")
}

/// Every export and exporter, and the preprocess command.
fn all(end: &Final) -> impl Iterator<Item = &ReceiverSnapshot> {
    end.receivers.iter().map(|(receiver, _)| receiver).chain(&end.preprocess)
}

fn written(end: &Final) -> Table {
    let mut table = Table::new(&["file", "format", "count>", "size>"]);
    for (receiver, files) in &end.receivers {
        for file in files {
            table.row([
                file.path.display().to_string(),
                receiver.format.to_owned(),
                file.count.to_string(),
                bytes(file.bytes),
            ]);
        }
    }
    table
}

fn receivers(end: &Final) -> Table {
    let mut table = Table::new(&[
        "export",
        "format",
        "state",
        "delivered>",
        "left out>",
        "waiting>",
        "refused>",
        "dropped>",
    ]);
    for receiver in all(end) {
        table.row([
            receiver.name.clone(),
            receiver.format.to_owned(),
            receiver.state.to_owned(),
            receiver.delivered.to_string(),
            receiver.left_out().to_string(),
            receiver.waiting.to_string(),
            receiver.refused.to_string(),
            receiver.dropped.to_string(),
        ]);
    }
    table
}

fn left(end: &Final) -> (u64, u64) {
    (all(end).map(|r| r.waiting).max().unwrap_or(0), all(end).map(|r| r.refused).sum())
}

fn verdict(end: &Final) -> String {
    let frames = count(end.source.frames, "frame", "frames");
    let how = match &end.ended {
        Ended::Finished => format!("{frames}; the source has ended"),
        Ended::Stopped => format!("{frames}; stopped"),
        Ended::BrokeOff(reason) => format!("{frames}; the source broke off: {reason}"),
        Ended::Failed(reason) => format!("{frames}; failed: {reason}"),
    };
    let mut said = vec![how];
    if end.source.refused > 0 {
        let lines = count(end.source.refused, "line or detection", "lines or detections");
        said.push(format!("{lines} of the source refused"));
    }
    if end.source.lost > 0 {
        let lost = count(end.source.lost, "record", "records");
        said.push(format!("{lost} lost while the journal could not be written"));
    }
    let limited: u64 = all(end).map(|r| r.limited).sum();
    if limited > 0 {
        said.push(format!("{} taken out by max_per_s", count(limited, "record", "records")));
    }
    let outside: u64 = all(end).map(|r| r.outside).sum();
    if outside > 0 {
        said.push(format!(
            "{} left out by schedules",
            count(outside, "record or object", "records or objects")
        ));
    }
    let undurable: u64 = all(end).map(|r| r.undurable).sum();
    if undurable > 0 {
        said.push(format!("{} delivered that were not durable", count(undurable, "record", "records")));
    }
    let failed: Vec<_> = all(end).filter(|r| r.state == "failed").map(|r| r.name.as_str()).collect();
    if !failed.is_empty() {
        said.push(format!("failed: {}", failed.join(", ")));
    }
    let (waiting, refused) = left(end);
    if refused > 0 {
        said.push(format!(
            "{} for good, kept as dead letters",
            count(refused, "record refused", "records refused")
        ));
    }
    match waiting {
        0 if failed.is_empty() && refused == 0 => said.push("everything is delivered".to_owned()),
        0 => said.push("everything else is delivered".to_owned()),
        1 => said.push("1 log entry waits and is sent by the next run".to_owned()),
        _ => said.push(format!("{waiting} log entries wait and are sent by the next run")),
    }
    said.join("; ")
}

/// `1 frame`, `2 frames`.
fn count(number: u64, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

fn as_json(end: &Final) -> serde_json::Value {
    let exports: Vec<_> = end
        .receivers
        .iter()
        .map(|(receiver, files)| {
            let files: Vec<_> =
                files.iter().map(|f| json!({"path": f.path, "count": f.count, "bytes": f.bytes})).collect();
            json!({"export": receiver, "written": files})
        })
        .collect();
    let (waiting, refused) = left(end);
    json!({
        "frames": end.source.frames,
        "analysed": end.source.analysed,
        "skipped": end.source.skipped,
        "source_refused": end.source.refused,
        "lost": end.source.lost,
        "ended": match &end.ended {
            Ended::Finished => "finished",
            Ended::Stopped => "stopped",
            Ended::BrokeOff(_) => "broke off",
            Ended::Failed(_) => "failed",
        },
        "reason": match &end.ended {
            Ended::BrokeOff(reason) | Ended::Failed(reason) => Some(reason),
            _ => None,
        },
        "exports": exports,
        "preprocess": end.preprocess,
        "waiting": waiting,
        "refused": refused,
        "complete": end.complete(),
    })
}
