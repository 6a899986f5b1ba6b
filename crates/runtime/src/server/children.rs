//! The programs of one instance, exporters and the preprocess command: what they say, and starting them anew.

use std::{sync::Arc, time::UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_export::exporter;
use watchpost_process::{LogLine, Origin};

use super::{OperationError, Server, reply, slot::Slot};
use crate::{server::Reply, status::State};

/// A line that a program has written, or Watchpost about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OutputLine {
    /// When it was read, Unix ms.
    pub at_ms: i64,
    /// Who wrote it, and where.
    pub from: OutputFrom,
    /// Without the line end; secrets among the exporter's settings are `***`, and what is not UTF-8 is replaced.
    pub text: String,
}

/// Where a line comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputFrom {
    /// Standard output, but for answers and records.
    Stdout,
    /// Standard error.
    Stderr,
    /// Watchpost: when the program was started, and how it ended.
    Watchpost,
}

impl From<LogLine> for OutputLine {
    fn from(LogLine { at, origin, text }: LogLine) -> Self {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let from = match origin {
            Origin::Stdout => OutputFrom::Stdout,
            Origin::Stderr => OutputFrom::Stderr,
            Origin::Watchpost => OutputFrom::Watchpost,
        };
        Self { at_ms: i64::try_from(since.as_millis()).unwrap_or(i64::MAX), from, text }
    }
}

impl Server {
    /// The last lines of an exporter of an instance, or of its preprocess command, over restarts of it; oldest first.
    ///
    /// # Errors
    /// No such instance, or none of that name that was ever switched on in it.
    pub fn exporter_output(&self, instance: &str, exporter: &str) -> Result<Vec<OutputLine>, OperationError> {
        let slot = self.find(instance)?;
        let talk = slot.view().talk(exporter).ok_or_else(|| no_exporter(&slot, exporter))?;
        Ok(talk.lines().into_iter().map(OutputLine::from).collect())
    }

    /// Ends the child of an exporter and starts another.
    pub(super) async fn restart_exporter(
        &self,
        instance: &str,
        exporter: &str,
    ) -> Result<Reply, OperationError> {
        let slot = self.find(instance)?;
        let mut inner = slot.inner.lock().await;
        let statuses = slot.view().statuses();
        let is_it = |name: &str, format: &str| name == exporter && format == exporter::NAME;
        let status = statuses.iter().find(|status| is_it(&status.name, status.format));
        let status = status.ok_or_else(|| no_exporter(&slot, exporter))?;
        if let State::Paused | State::Disabled = status.state() {
            let state = status.state().name();
            let message = format!("`{exporter}` is {state} in {}: switch it on instead", slot.name());
            return Err(OperationError::invalid(message));
        }
        inner.instance.let_go(exporter).await;
        slot.begin_again(&mut inner).await?;
        Ok(reply(&slot))
    }
}

fn no_exporter(slot: &Arc<Slot>, name: &str) -> OperationError {
    let statuses = slot.view().statuses();
    let names = statuses.iter().filter(|s| s.format == exporter::NAME).map(|s| s.name.as_str());
    let names: Vec<_> = names.collect();
    let there =
        if names.is_empty() { "none is".to_owned() } else { format!("there are: {}", names.join(", ")) };
    OperationError::unknown(format!("no exporter `{name}` is switched on in {}; {there}", slot.name()))
}
