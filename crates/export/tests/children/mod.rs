//! What the tests of exporters share: a manifest around a script, deliveries, and a worker of the simplest kind.
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use watchpost_config::Manifest;
use watchpost_export::exporter::{self, Setup};
use watchpost_export::{
    Delivery, InstanceInfo, Item, ItemKind, Outcome, Output, Plan, Receiver, ReceiverError,
};
use watchpost_process::Guardian;
use watchpost_schema::{SchemaId, Version};

pub const BOUND: Duration = Duration::from_secs(30);

pub struct Bench {
    pub dir: tempfile::TempDir,
    pub plan: Plan,
}

/// An exporter whose program is this Python script; `more` is laid over the manifest.
pub fn bench(script: &str, more: Value) -> Bench {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("program.py"), script).unwrap();
    let mut manifest = json!({
        "name": "Test", "events": {"track": [1, 2], "attribute": 1, "no-such": 1},
        "command": "/usr/bin/python3 -u program.py", "framing": "newline", "timeout_ms": 5000,
    });
    manifest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let plan = plan(dir.path(), &manifest.to_string(), Map::new(), dir.path()).unwrap();
    Bench { dir, plan }
}

pub fn plan(dir: &Path, manifest: &str, values: Map<String, Value>, exports: &Path) -> Result<Plan, String> {
    let origin = dir.join("manifest.json");
    let (manifest, _) = Manifest::parse(manifest, &origin).map_err(|p| format!("{p:?}"))?;
    let settings = manifest.settings_from(&values, &origin, "").map_err(|p| format!("{p:?}"))?;
    let instance = InstanceInfo {
        id: watchpost_model::Id::from_u128(1),
        name: "Main gate".into(),
        time_zone: "UTC".into(),
        lossless: false,
    };
    exporter::plan(&Setup {
        manifest: &manifest,
        dir,
        settings: &settings,
        instance: &instance,
        exports_dir: exports,
        available: &Version::ALL,
        guardian: Guardian::for_tests(),
    })
    .map_err(|problem| problem.to_string())
}

impl Bench {
    pub fn receiver(&self) -> Box<dyn Receiver> {
        let Output::Receiver(make) = &self.plan.output else { panic!("an exporter is a receiver") };
        make()
    }

    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

pub fn delivery(position: u64, texts: &[&str]) -> Delivery {
    let kind = ItemKind::Record("track".parse::<SchemaId>().unwrap(), Version::V2);
    let item = |text: &&str| Item { kind, json: Bytes::copy_from_slice(text.as_bytes()) };
    Delivery { position, time_ms: 0, items: texts.iter().map(item).collect() }
}

pub fn numbered(range: std::ops::Range<u64>) -> Vec<Delivery> {
    range.map(|n| delivery(n, &[&format!("{{\"n\": {n}}}")])).collect()
}

/// What a worker does: sends, moves its cursor by the outcomes, opens anew after a failure.
pub async fn drive(receiver: &mut Box<dyn Receiver>, all: &[Delivery]) -> (Vec<Outcome>, Vec<ReceiverError>) {
    let (mut outcomes, mut errors) = (Vec::new(), Vec::new());
    let last = all.last().unwrap().position;
    let mut cursor = 0;
    'open: loop {
        tokio::time::timeout(BOUND, receiver.open(None)).await.unwrap().unwrap();
        let mut next = all.partition_point(|d| d.position < cursor);
        loop {
            let in_flight = next - all.partition_point(|d| d.position < cursor);
            let room = receiver.window().saturating_sub(in_flight).min(all.len() - next);
            let sent = receiver.send(all[next..next + room].to_vec()).await;
            next += room;
            let result = match sent {
                Ok(()) => tokio::time::timeout(BOUND, receiver.outcomes()).await.expect("an outcome"),
                Err(error) => Err(error),
            };
            match result {
                Ok(more) => outcomes.extend(more),
                Err(error) => {
                    errors.push(error);
                    continue 'open;
                }
            }
            if let Some(Outcome::Delivered { through, .. }) = outcomes.last() {
                cursor = through + 1;
                if *through == last {
                    return (outcomes, errors);
                }
            }
        }
    }
}
