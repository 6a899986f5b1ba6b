//! How the server as a whole is doing.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use watchpost_journal::Health;

use super::Server;

/// See the module.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ServerHealth {
    /// The data folder.
    pub data: PathBuf,
    /// Where everything that has to be delivered is kept.
    pub journal: JournalHealth,
    /// The disk that the data folder is on.
    pub disk: DiskHealth,
    /// Memory of this process that is in use.
    pub memory_bytes: u64,
    /// How many instances are in which state.
    pub instances: BTreeMap<String, u64>,
    /// Files among the instances that cannot be used.
    pub unusable: u64,
}

/// How the journal is doing.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct JournalHealth {
    /// What it is doing.
    pub state: JournalState,
    /// Why it cannot be written, and the remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Bytes of all logs of instances.
    pub bytes: u64,
}

/// What the journal is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JournalState {
    /// What comes is kept.
    Writing,
    /// It cannot be written now; tried again by itself.
    Blocked,
}

/// How much room there is.
#[derive(Clone, Copy, Debug, Default, Serialize, JsonSchema)]
pub struct DiskHealth {
    /// For this user.
    pub free_bytes: u64,
    /// Altogether.
    pub total_bytes: u64,
}

impl Server {
    /// How the server as a whole is doing.
    pub fn health(&self) -> ServerHealth {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        let mut instances = BTreeMap::new();
        let mut bytes = 0;
        for slot in &slots {
            *instances.entry(slot.state().name().to_owned()).or_default() += 1;
            bytes += slot.view().log().store().bytes();
        }
        let (state, reason) = match self.runtime.journal().health() {
            Health::Writing => (JournalState::Writing, None),
            Health::Blocked { reason, .. } => (JournalState::Blocked, Some(reason)),
        };
        let disk = rustix::fs::statvfs(self.runtime.data()).map(|disk| DiskHealth {
            free_bytes: disk.f_bavail * disk.f_frsize,
            total_bytes: disk.f_blocks * disk.f_frsize,
        });
        ServerHealth {
            data: self.runtime.data().to_owned(),
            journal: JournalHealth { state, reason, bytes },
            disk: disk.unwrap_or_default(),
            memory_bytes: resident_bytes(),
            instances,
            unusable: self.unusable.read().len() as u64,
        }
    }
}

/// Of proc(5), `status`: in kB whatever the page size is.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1024
}
