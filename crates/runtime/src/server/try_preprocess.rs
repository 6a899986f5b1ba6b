//! A preprocess command tried on the last records, before and after side by side; nothing of it enters a log.

use std::time::{Duration, Instant};

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use watchpost_config::Base;
use watchpost_process::{Framing, LINE_MAX_BYTES, Line, Spec, Stdout};
use watchpost_schema::{SCHEMAS, Version, sample};

use super::{OperationError, Server};
use crate::{entry::Body, log::InstanceLog, preprocess};

/// Groups that it is tried on.
const GROUPS: usize = 20;
/// How far back they are looked for.
const LOOK_BACK_ENTRIES: u64 = 5000;
/// How long the command has for all of them; Python needs some 100 ms to start.
const PATIENCE: Duration = Duration::from_secs(8);
/// Silent for so long after it has read all: it has said its last (`preprocess_drain_ms`).
const SILENCE: Duration = Duration::from_secs(1);
/// Commands tried at the same time.
static TRYING: Semaphore = Semaphore::const_new(2);

/// What a command made of records.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"real": true, "before": [[{"$id": "track"}]], "after": [{"group": []}], "output": [], "took_ms": 130}]))]
pub struct Preprocessed {
    /// They were taken from the instance's log; else they are made up.
    pub real: bool,
    /// What it was given: groups of records.
    pub before: Vec<Vec<Map<String, Value>>>,
    /// What came back: each line a group, or why it would be refused.
    pub after: Vec<After>,
    /// What it said besides.
    pub output: Vec<String>,
    /// How it ended, where that was not well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// How long it took.
    pub took_ms: u64,
}

/// One line of a command's answer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// What would enter the log.
    Group(Vec<Map<String, Value>>),
    /// What would not, and why.
    Refused(String),
}

impl Server {
    /// Runs `command` on the last groups of an instance's log, in `version`.
    ///
    /// # Errors
    /// No such instance, or a command that cannot be started.
    pub async fn try_preprocess(
        &self,
        instance: &str,
        command: &str,
        version: Version,
    ) -> Result<Preprocessed, OperationError> {
        let began = Instant::now();
        let slot = self.find(instance)?;
        let _turn = TRYING.acquire().await.map_err(OperationError::failed)?;
        let around = self.runtime.surroundings(&slot.file, Base::DataFolder);
        let log = slot.view().log().clone();
        let last = tokio::task::spawn_blocking(move || last_groups(&log, version)).await;
        let mut groups = last.map_err(OperationError::failed)?;
        let real = !groups.is_empty();
        if !real {
            groups = SCHEMAS.iter().map(|schema| vec![Bytes::from(sample(schema.id, version))]).collect();
        }
        let wrong = |error: String| {
            let problem = watchpost_config::Problem::at("/command", error, "");
            OperationError::problems(&[problem])
        };
        let mut spec = Spec::new("preprocess", command, around.paths.bare_dir())
            .map_err(|error| wrong(error.to_string()))?;
        spec.name = format!("preprocess test of {}", slot.name());
        spec.framing = Framing::Nul;
        spec.stdout = Stdout::Lines { max_bytes: LINE_MAX_BYTES };
        spec.set_env("WATCHPOST_INSTANCE_ID", slot.id.to_string());
        spec.set_env("WATCHPOST_INSTANCE_NAME", slot.name());
        spec.set_env("WATCHPOST_EXPORTS_DIR", &around.paths.exports);
        let child = around.guardian.spawn(spec).await.map_err(|error| wrong(error.to_string()))?;
        let mut lines = Vec::new();
        let mut problem = None;
        let talk = async {
            for group in &groups {
                child.send(message(group)).await.map_err(|error| error.to_string())?;
            }
            child.close_stdin();
            // Empty at its end, or when it has read all and been silent for a while.
            loop {
                let more = child.drain_lines(SILENCE).await;
                if more.is_empty() {
                    return Ok::<_, String>(());
                }
                lines.extend(more);
            }
        };
        match tokio::time::timeout(PATIENCE, talk).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => problem = Some(error),
            Err(_) => problem = Some(format!("it was not done within {} s", PATIENCE.as_secs())),
        }
        if lines.is_empty() && problem.is_none() {
            // It may have said nothing on purpose, or died of something: then its last words tell.
            let ended = child.stop(SILENCE).await;
            problem = (child.sent() > child.read_through()).then(|| child.death(ended));
        }
        let output = child.recent_lines().into_iter().map(|line| line.text).collect();
        child.kill().await;
        let after = lines.into_iter().map(|line| match line {
            Line::Text(line) | Line::Unfinished(line) => match preprocess::understood(&line, version) {
                Ok(records) => After::Group(records),
                Err(reason) => After::Refused(reason),
            },
            Line::TooLong { .. } => After::Refused(format!("a line is longer than {LINE_MAX_BYTES} bytes")),
        });
        let shown = |group: &Vec<Bytes>| {
            group
                .iter()
                .filter_map(|record| serde_json::from_slice(record).ok())
                .collect::<Vec<Map<String, Value>>>()
        };
        Ok(Preprocessed {
            real,
            after: after.collect(),
            before: groups.iter().map(shown).collect(),
            output,
            problem,
            took_ms: began.elapsed().as_millis() as u64,
        })
    }
}

/// As the command gets it: a list, or one object when it is one record (PRODUCT section 8).
fn message(group: &[Bytes]) -> Bytes {
    if let [one] = group {
        return one.clone();
    }
    let mut message = vec![b'['];
    for (index, record) in group.iter().enumerate() {
        if index > 0 {
            message.push(b',');
        }
        message.extend_from_slice(record);
    }
    message.push(b']');
    message.into()
}

fn last_groups(log: &InstanceLog, version: Version) -> Vec<Vec<Bytes>> {
    let mut groups = Vec::new();
    let mut next = log.end().saturating_sub(LOOK_BACK_ENTRIES).max(log.store().start());
    while next < log.store().durable_end() {
        let Ok(batch) = log.read(next, 500, 8 << 20) else { break };
        for (_, entry) in &batch.entries {
            if let Body::Group(records) = &entry.body {
                let group: Vec<_> = records.iter().filter_map(|record| record.json(version)).collect();
                if !group.is_empty() {
                    groups.push(group);
                }
            }
        }
        if batch.next <= next {
            break;
        }
        next = batch.next;
    }
    groups.split_off(groups.len().saturating_sub(GROUPS))
}
