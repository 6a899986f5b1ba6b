//! Who changed what: a line of JSON each in `audit.log` of the data folder, and the last of them for the page.

use std::{
    collections::VecDeque,
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use axum::http::StatusCode;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::{Asked, SOCKET};

use crate::Role;

/// Its name in the data folder.
const FILE: &str = "audit.log";
/// At this size the file becomes `audit.log.1`, in place of the one before: some 50 000 changes each.
const MAX_BYTES: u64 = 10 << 20;
/// Entries kept for the page.
const KEPT: usize = 500;

/// One change, or one try.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Entry {
    /// RFC 3339, UTC.
    pub time: String,
    /// Who; absent: somebody on this machine, while nobody has set up a user. `uid N` is a user of this machine who has
    /// used the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// As what.
    pub role: String,
    /// What was asked, as `operationId` of the API, or as `op` of `control.sock`.
    pub action: String,
    /// Of what, percent-encoded as it was asked; `control.sock/INSTANCE/EXPORT` where it was asked there.
    pub path: String,
    /// What it came to: the HTTP status.
    pub status: u16,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Entry {
    /// Of a change that was asked for at `control.sock`: who may use that is admin.
    pub(crate) fn of_socket(asked: Asked) -> Self {
        let Asked { uid, operation, of, refused } = asked;
        let status = match refused {
            None => StatusCode::OK,
            Some(kind) => crate::problem::status(kind),
        };
        let path: String = of.iter().map(|name| format!("/{name}")).collect();
        Self {
            time: now(),
            user: uid.map(|uid| format!("uid {uid}")),
            role: Role::Admin.name().to_owned(),
            action: operation,
            path: format!("{SOCKET}{path}"),
            status: status.as_u16(),
            address: None,
        }
    }
}

/// This moment as entries have it.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%FT%T%.3fZ").to_string()
}

/// The log of changes.
pub(crate) struct Audit {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    file: Option<File>,
    last: VecDeque<Entry>,
}

impl Audit {
    /// Goes on with the log of a data folder.
    pub fn open(data: &Path) -> Self {
        let path = data.join(FILE);
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let mut last: VecDeque<Entry> =
            before.lines().rev().take(KEPT).filter_map(|line| serde_json::from_str(line).ok()).collect();
        last.make_contiguous().reverse();
        Self { path, state: Mutex::new(State { file: None, last }) }
    }

    /// Writes an entry. What cannot be written is said in the log of the program, and the change is made all the
    /// same: a full disk must not keep anybody from mending things.
    pub fn write(&self, entry: Entry) {
        let mut state = self.state.lock();
        let line = serde_json::to_string(&entry).unwrap_or_default();
        if let Err(error) = append(&self.path, &mut state.file, &line) {
            state.file = None;
            tracing::error!(entry = line, "{} cannot be written: {error}", self.path.display());
        }
        if state.last.len() == KEPT {
            state.last.pop_front();
        }
        state.last.push_back(entry);
    }

    /// The last entries, newest first.
    pub fn last(&self, limit: usize) -> Vec<Entry> {
        self.state.lock().last.iter().rev().take(limit).cloned().collect()
    }
}

fn append(path: &Path, file: &mut Option<File>, line: &str) -> std::io::Result<()> {
    if file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|is| is.len() >= MAX_BYTES)) {
        *file = None;
        std::fs::rename(path, path.with_extension("log.1"))?;
    }
    if file.is_none() {
        *file = Some(OpenOptions::new().create(true).append(true).mode(0o600).open(path)?);
    }
    match file {
        Some(file) => file.write_all(format!("{line}\n").as_bytes()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let entry = |status| Entry {
            time: "2026-01-01T00:00:00Z".to_owned(),
            user: Some("ann".to_owned()),
            role: "admin".to_owned(),
            action: "deleteInstance".to_owned(),
            path: "/api/v1/instances/gate".to_owned(),
            status,
            address: None,
        };
        let audit = Audit::open(folder.path());
        (200..203).for_each(|status| audit.write(entry(status)));
        let last: Vec<_> = Audit::open(folder.path()).last(2).into_iter().map(|entry| entry.status).collect();
        assert_eq!(last, [202, 201]);
    }
}
