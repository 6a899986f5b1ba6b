//! Formatting alone: from the bytes in the log to lines, without log and disk.

use std::{fs, path::Path};

use anyhow::{Context as _, anyhow, bail, ensure};
use serde_json::Value;
use watchpost_config::{Base, Handler, Paths, Switch};
use watchpost_export::{Delivery, InstanceInfo, Item, ItemKind, Output, Receiver, Request};
use watchpost_schema::streams::StreamName;

use super::Bed;

/// Objects given at once, as a worker gives them.
const BATCH: u64 = 1_000;

/// An object of 300 bytes with one detection, as `watchpost-load` makes it.
const OBJECT: &str = r#"{"frame_id":123456,"frame_time":1795367462123.4567,"system_timestamp":1795367462123,"system_date":"2026-11-22T17:11:02.123Z","instance_id":"5d6a0f3c-2f0b-4c8e-9b59-7c1f0f2a6d10","detections":[{"x":0.46694303,"y":0.4123456,"width":0.05123456,"height":0.2123456,"confidence":0.91,"classid":1,"label":"person"}]}"#;

/// Rows per second of one core: by the CPU time of the thread that formats. Writing is left to others, whose
/// time is not counted.
pub fn run(bed: &Bed, handler: &Value, rows: u64) -> anyhow::Result<f64> {
    let folder = bed.fresh("formatting")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut receiver = receiver(&folder, handler)?;
        receiver.open(None).await?;
        let kind = ItemKind::Object(StreamName::Detections);
        let (mut spent_ns, mut end) = (0, 0);
        for first in (0..rows).step_by(BATCH as usize) {
            let item = || Item { kind, json: OBJECT.into() };
            let one = |position| Delivery { position, time_ms: 0, items: vec![item()] };
            let batch = (first..first + BATCH).map(one).collect();
            let before = cpu_ns()?;
            receiver.send(batch).await?;
            spent_ns += cpu_ns()? - before;
        }
        for outcome in receiver.close().await? {
            if let watchpost_export::Outcome::Delivered { through, .. } = outcome {
                end = through + 1;
            }
        }
        ensure!(end >= rows, "{end} of {rows} rows were written");
        Ok(end as f64 / (spent_ns as f64 / 1e9))
    })
}

/// CPU time of this thread: the first field of `schedstat` (Documentation/scheduler/sched-stats.rst).
fn cpu_ns() -> anyhow::Result<u64> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(stat.split(' ').next().context("an empty schedstat")?.parse()?)
}

fn receiver(folder: &Path, handler: &Value) -> anyhow::Result<Box<dyn Receiver>> {
    let paths = Paths::new(folder, &folder.join("a.json"), Base::DataFolder);
    let text = |key: &str| handler[key].as_str().unwrap_or_default().to_owned();
    let handler = Handler {
        name: "rows".to_owned(),
        uri: text("uri"),
        sink: Some(text("sink")),
        switch: Switch::On,
        config: handler["config"].as_object().cloned().unwrap_or_default(),
        path: String::new(),
    };
    let instance = InstanceInfo {
        id: watchpost_model::Id::nil(),
        name: "rows".to_owned(),
        time_zone: "UTC".to_owned(),
        lossless: true,
    };
    let request = Request { handler: &handler, paths: &paths, instance: &instance };
    match watchpost_export::plan(&request).map_err(|problems| anyhow!("{problems:?}"))?.output {
        Output::Receiver(make) => Ok(make()),
        Output::Pictures(_) | Output::Video(_) => bail!("pictures are no rows"),
    }
}
