//! Lines that were refused: all counted, the first ones shown.

use std::collections::VecDeque;

use watchpost_model::{Diagnostics, Severity};

/// Notices about lines of one source: enough to see what is wrong, too few to flood an export.
const MAX_NOTICES: u64 = 20;

/// Counts what is refused and keeps what is to be said of it.
#[derive(Debug)]
pub(crate) struct Refusals {
    origin: String,
    count: u64,
    unsaid: VecDeque<String>,
}

impl Refusals {
    pub fn new(origin: String) -> Self {
        Self { origin, count: 0, unsaid: VecDeque::new() }
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    /// Line `number`, or a part of it, is refused.
    pub fn add(&mut self, number: u64, why: &str) {
        self.count += 1;
        if self.count <= MAX_NOTICES {
            let last = if self.count == MAX_NOTICES { " (further ones are only counted)" } else { "" };
            let message = format!("{} line {number}: {why}{last}", self.origin);
            self.unsaid.push_back(message);
        }
    }

    /// What is to be said now, if anything.
    pub fn notice(&mut self) -> Option<Diagnostics> {
        let message = self.unsaid.pop_front()?;
        Some(Diagnostics { severity: Severity::Warning, title: "detections refused".into(), message })
    }
}
