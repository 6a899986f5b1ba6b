//! What the program has logged lately, for the page.

use std::{collections::VecDeque, sync::Arc};

use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::watch;

/// Lines kept: some hours of a quiet server, some 400 kB.
const KEPT: usize = 2000;

/// One line of the log.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LogLine {
    /// Rises from line to line.
    #[serde(default)]
    pub number: u64,
    /// RFC 3339, UTC.
    pub time: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// For people.
    pub message: String,
    /// Which instance it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Which export or exporter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<String>,
}

/// The last lines. Cheap to clone: all share them.
#[derive(Clone, Debug)]
pub struct Logs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lines: Mutex<VecDeque<LogLine>>,
    end: watch::Sender<u64>,
}

impl Default for Logs {
    fn default() -> Self {
        Self(Arc::new(Inner { lines: Mutex::default(), end: watch::Sender::new(0) }))
    }
}

impl Logs {
    /// Keeps a line.
    pub fn push(&self, mut line: LogLine) {
        let mut lines = self.0.lines.lock();
        line.number = lines.back().map_or(1, |last| last.number + 1);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        self.0.end.send_replace(line.number);
        lines.push_back(line);
    }

    /// The newest `limit` lines after number `after` that `wanted` lets pass, oldest first.
    pub(crate) fn read(&self, after: u64, limit: usize, wanted: impl Fn(&LogLine) -> bool) -> Vec<LogLine> {
        let lines = self.0.lines.lock();
        let new = lines.iter().rev().take_while(|line| line.number > after).filter(|line| wanted(line));
        let mut new: Vec<_> = new.take(limit).cloned().collect();
        new.reverse();
        new
    }
}
