//! How fast records become lines in files, without a log: `cargo run --release --example file_rates`.
//!
//! Prints for each format the rate of formatting alone (`send`) and of formatting, writing and syncing.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::time::Instant;

use serde_json::{Value, json};
use watchpost_config::{Base, Handler, Paths};
use watchpost_export::{Delivery, InstanceInfo, Item, ItemKind, Output, Receiver, Request};
use watchpost_schema::{SchemaId, Version, sample};

const RECORDS: u64 = 1_000_000;
const BATCH: u64 = 1_000;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    let id = SchemaId::EventLineCrossing;
    let record = Item { kind: ItemKind::Record(id, Version::V2), json: sample(id, Version::V2).into() };
    println!("{RECORDS} records of {} bytes", record.json.len());
    for (format, config) in [
        ("json", json!({"minify": true, "append_only": true})),
        ("json", json!({"minify": true, "append_only": true, "shape": "tabular"})),
        ("csv", json!({})),
        ("txt", json!({})),
        ("txt", json!({"template": "{sys.time %F %T} {obj.object_class} {obj.tripwire_name}"})),
    ] {
        let mut config: Value = config;
        config["schema_events"] = json!([format!("{id}:2")]);
        let mut receiver = receiver(folder.path(), format, config.clone());
        receiver.open(None).await.unwrap();
        let (start, mut sending, mut end) = (Instant::now(), std::time::Duration::ZERO, 0);
        for first in (0..RECORDS).step_by(BATCH as usize) {
            let one =
                |position| Delivery { position, time_ms: 1_782_909_296_789, items: vec![record.clone()] };
            let batch = (first..first + BATCH).map(one).collect();
            let before = Instant::now();
            receiver.send(batch).await.unwrap();
            sending += before.elapsed();
        }
        for outcome in receiver.close().await.unwrap() {
            if let watchpost_export::Outcome::Delivered { through, .. } = outcome {
                end = through + 1;
            }
        }
        assert_eq!(end, RECORDS);
        let rate = |seconds: f64| RECORDS as f64 / seconds / 1e6;
        println!(
            "{format:5} {:60} send {:.2} M/s, in all {:.2} M/s",
            config.to_string(),
            rate(sending.as_secs_f64()),
            rate(start.elapsed().as_secs_f64())
        );
    }
}

fn receiver(folder: &std::path::Path, format: &str, config: Value) -> Box<dyn Receiver> {
    let paths = Paths::new(folder, &folder.join("a.json"), Base::DataFolder);
    let handler = Handler {
        name: "x".to_owned(),
        uri: format!("{format}:///rate-{}.{format}", config.to_string().len()),
        sink: None,
        enabled: true,
        config: config.as_object().unwrap().clone(),
        path: String::new(),
    };
    let instance = InstanceInfo {
        id: watchpost_model::Id::nil(),
        name: "x".to_owned(),
        time_zone: "UTC".to_owned(),
        lossless: true,
    };
    match watchpost_export::plan(&Request { handler: &handler, paths: &paths, instance: &instance })
        .unwrap()
        .output
    {
        Output::Receiver(make) => make(),
        Output::Pictures(_) => unreachable!(),
    }
}
