//! What the tests of this room share: plans from JSON, deliveries, and a worker of the simplest kind.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use serde_json::{Value, json};
use watchpost_config::{Base, Handler, Paths, Problem, Switch};
use watchpost_export::{
    Delivery, InstanceInfo, Item, ItemKind, Outcome, Output, Plan, Receiver, ReceiverError, Request,
};
use watchpost_schema::{SchemaId, Version, sample, streams::StreamName};

/// A data folder that goes away with the test.
pub struct Sandbox {
    pub folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn exports(&self) -> PathBuf {
        self.folder.path().join("exports")
    }

    pub fn paths(&self) -> Paths {
        Paths::new(self.folder.path(), &self.folder.path().join("a.json"), Base::DataFolder)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.exports().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of all files below `exports/`, sorted.
    pub fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, names: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, root, names);
                } else {
                    names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        let mut names = Vec::new();
        walk(&self.exports(), &self.exports(), &mut names);
        names.sort();
        names
    }

    pub fn plan(&self, handler: &Value) -> Result<Plan, Vec<Problem>> {
        let handler = handler_of(handler);
        let instance = InstanceInfo {
            id: "8a329a3f-d9fc-e038-3435-676656695b07".parse().unwrap(),
            name: "Gate/East".to_owned(),
            time_zone: "UTC".to_owned(),
            // What is live takes no file that passes faster than time.
            lossless: !["rtsp", "rtmp", "gstreamer"].iter().any(|scheme| handler.uri.starts_with(scheme)),
        };
        watchpost_export::plan(&Request { handler: &handler, paths: &self.paths(), instance: &instance })
    }

    pub fn receiver(&self, handler: &Value) -> Box<dyn Receiver> {
        let problems = |problems: Vec<Problem>| -> Plan { panic!("{problems:?}") };
        match self.plan(handler).unwrap_or_else(problems).output {
            Output::Receiver(make) => make(),
            Output::Pictures(_) | Output::Video(_) => panic!("a picture export"),
        }
    }

    /// The problems of a handler, each as `pointer: message; fix`.
    pub fn refused(&self, handler: &Value) -> Vec<String> {
        let problems = self.plan(handler).err().unwrap_or_default();
        let shown = |problem: &Problem| {
            let fix = if problem.fix.is_empty() { String::new() } else { format!("; {}", problem.fix) };
            format!("{}: {}{fix}", problem.path, problem.message)
        };
        problems.iter().map(shown).collect()
    }
}

pub fn handler_of(handler: &Value) -> Handler {
    Handler {
        name: "x".to_owned(),
        uri: handler["uri"].as_str().unwrap().to_owned(),
        sink: handler["sink"].as_str().filter(|sink| !sink.is_empty()).map(str::to_owned),
        switch: Switch::On,
        config: handler["config"].as_object().cloned().unwrap_or_default(),
        path: "/Output/handlers/x".to_owned(),
    }
}

/// `event-intrusion`, version 2, numbered by `position`.
pub fn record(position: u64) -> Item {
    let id = SchemaId::EventIntrusion;
    let mut value: Value = serde_json::from_slice(&sample(id, Version::V2)).unwrap();
    value["sequence"] = json!(position);
    value["frame_id"] = json!(position);
    Item { kind: ItemKind::Record(id, Version::V2), json: Bytes::from(value.to_string()) }
}

pub fn object(stream: StreamName, value: &Value) -> Item {
    Item { kind: ItemKind::Object(stream), json: Bytes::from(value.to_string()) }
}

pub fn delivery(position: u64, item: Item) -> Delivery {
    // One second apart, from 2026-07-01T12:34:56.789Z on.
    Delivery { position, time_ms: 1_782_909_296_789 + 1000 * position as i64, items: vec![item] }
}

pub fn records(positions: std::ops::Range<u64>) -> Vec<Delivery> {
    positions.map(|position| delivery(position, record(position))).collect()
}

/// The cursor as a worker keeps it.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    pub next: u64,
    pub resume: Option<Bytes>,
    pub refused: Vec<(u64, String)>,
}

impl Cursor {
    pub fn take(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            match outcome {
                Outcome::Delivered { through, resume } => {
                    assert!(through + 1 >= self.next, "the cursor went back");
                    self.next = through + 1;
                    self.resume = resume.or_else(|| self.resume.take());
                }
                Outcome::Refused { position, reason, .. } => self.refused.push((position, reason)),
            }
        }
    }
}

/// Waits for outcomes, at most ten seconds.
pub async fn outcomes(receiver: &mut dyn Receiver) -> Result<Vec<Outcome>, ReceiverError> {
    let waited = tokio::time::timeout(Duration::from_secs(10), receiver.outcomes()).await;
    waited.unwrap_or_else(|_| panic!("no outcome within ten seconds"))
}

/// Opens, sends all, waits until all is answered for.
pub async fn deliver(receiver: &mut dyn Receiver, cursor: &mut Cursor, deliveries: Vec<Delivery>) {
    receiver.open(cursor.resume.as_deref()).await.unwrap();
    let end = deliveries.last().map_or(cursor.next, |last| last.position + 1);
    receiver.send(deliveries).await.unwrap();
    while cursor.next < end {
        cursor.take(outcomes(receiver).await.unwrap());
    }
}

/// As [`deliver`], then closes.
pub async fn deliver_all(receiver: &mut dyn Receiver, cursor: &mut Cursor, deliveries: Vec<Delivery>) {
    deliver(receiver, cursor, deliveries).await;
    cursor.take(receiver.close().await.unwrap());
}
