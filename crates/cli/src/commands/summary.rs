//! The table at the end of a run.

use serde_json::json;
use watchpost_runtime::{Ended, Final};

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
    print!("{}", written(end).render());
    println!();
    print!("{}", receivers(end).render());
    let (waiting, refused) = left(end);
    println!();
    println!("{}", verdict(end, waiting, refused));
    Ok(())
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
    let mut table = Table::new(&["export", "format", "state", "delivered>", "waiting>", "refused>", "dropped>"]);
    for receiver in end.receivers.iter().map(|(receiver, _)| receiver).chain(&end.preprocess) {
        table.row([
            receiver.name.clone(),
            receiver.format.to_owned(),
            receiver.state.to_owned(),
            receiver.delivered.to_string(),
            receiver.waiting.to_string(),
            receiver.refused.to_string(),
            receiver.dropped.to_string(),
        ]);
    }
    table
}

fn left(end: &Final) -> (u64, u64) {
    let all = || end.receivers.iter().map(|(receiver, _)| receiver).chain(&end.preprocess);
    (all().map(|r| r.waiting).max().unwrap_or(0), all().map(|r| r.refused).sum())
}

fn verdict(end: &Final, waiting: u64, refused: u64) -> String {
    let frames = end.source.frames;
    let how = match &end.ended {
        Ended::Finished => format!("{frames} frames; the source has ended"),
        Ended::Stopped => format!("{frames} frames; stopped"),
        Ended::BrokeOff(reason) => format!("{frames} frames; the source broke off: {reason}"),
        Ended::Failed(reason) => format!("{frames} frames; failed: {reason}"),
    };
    match (waiting, refused) {
        (0, 0) => format!("{how}; everything is delivered"),
        (_, 0) => format!("{how}; {waiting} log entries wait and are sent by the next run"),
        _ => format!("{how}; {waiting} log entries wait, {refused} were refused for good (watchpost dead list)"),
    }
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
