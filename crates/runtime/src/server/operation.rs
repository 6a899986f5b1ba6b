//! What can be asked of a running server: one typed interface for `control.sock`, the command line and the
//! API. On the socket each is one line of JSON, such as `{"op": "stop", "instance": "Gate"}`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_config::Problem;
use watchpost_model::Id;

use super::{children::OutputLine, slot::InstanceSnapshot};
use crate::{dead::LetterBox, exports::Removed};

/// An operation. `instance` is an id or a name that only one instance has.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Every instance, as [`Reply::Instances`].
    List,
    /// One instance, as [`Reply::Instance`].
    Show {
        /// Which.
        instance: String,
    },
    /// The document of an instance as it is saved, as [`Reply::Document`].
    Document {
        /// Which.
        instance: String,
    },
    /// Makes an instance of a new document, saves it as `instances/<id>.json`, and starts it if it has
    /// `AutoStart`.
    Add {
        /// The instance file's content.
        document: Map<String, Value>,
    },
    /// Brings an instance to a whole new document. Only what differs is touched.
    Apply {
        /// Which.
        instance: String,
        /// The instance file's content.
        document: Map<String, Value>,
    },
    /// Deletes an instance: its file, its log, what waits. Dead letters stay 7 days.
    Delete {
        /// Which.
        instance: String,
    },
    /// Starts the source. Nothing happens if it runs.
    Start {
        /// Which.
        instance: String,
    },
    /// Stops source and analytics, not deliveries. Nothing happens if it does not run.
    Stop {
        /// Which.
        instance: String,
    },
    /// Stops, then starts.
    Restart {
        /// Which.
        instance: String,
    },
    /// Adds a custom export, or changes it.
    SetExport {
        /// Of which instance.
        instance: String,
        /// Its name.
        name: String,
        /// `{uri, sink, enabled, config}` (PRODUCT section 10).
        export: Map<String, Value>,
    },
    /// Switches an export or exporter on, off, or pauses it.
    SwitchExport {
        /// Of which instance.
        instance: String,
        /// Its name.
        name: String,
        /// What it is to be.
        to: SwitchTo,
    },
    /// Gives a custom export another name. Its cursor, and so what waits, moves along.
    RenameExport {
        /// Of which instance.
        instance: String,
        /// Its name.
        name: String,
        /// Its new name.
        to: String,
    },
    /// Deletes an export, or an exporter's entry. Its cursor and what waits go; the answer says how many.
    DeleteExport {
        /// Of which instance.
        instance: String,
        /// Its name.
        name: String,
    },
    /// Gives an exporter its settings, for all instances. Only that exporter is restarted.
    SetExporter {
        /// Its name.
        exporter: String,
        /// Values by name; what is missing has its default.
        settings: Map<String, Value>,
    },
    /// Ends the child of an exporter and starts another, which goes on where that was; also one that has failed.
    RestartExporter {
        /// Of which instance.
        instance: String,
        /// Its name.
        exporter: String,
    },
    /// What the child of an exporter has said lately, as [`Reply::Output`].
    ExporterOutput {
        /// Of which instance.
        instance: String,
        /// Its name, or `preprocess`.
        exporter: String,
    },
    /// Delivers logged records again: the cursor of a receiver moves back to a record's number.
    Replay {
        /// Of which instance.
        instance: String,
        /// `sequence` of the first record; `None`: the oldest that is kept.
        from: Option<u64>,
        /// Which export or exporter.
        receiver: String,
    },
    /// Counts of dead letters by receiver, as [`Reply::LetterBoxes`].
    DeadList {
        /// Of which instance; `None`: all.
        instance: Option<String>,
    },
    /// Dead letters of a receiver, oldest first, as [`Reply::Letters`].
    DeadShow {
        /// Of which instance.
        instance: String,
        /// Which export or exporter, or `preprocess`.
        receiver: String,
        /// From which number on.
        #[serde(default)]
        from: u64,
        /// How many at most.
        limit: usize,
    },
    /// Sends dead letters to their receiver again, before anything newer.
    DeadResend {
        /// Of which instance.
        instance: String,
        /// Which export or exporter.
        receiver: String,
        /// Their numbers; empty: all.
        #[serde(default)]
        letters: Vec<u64>,
    },
    /// Throws dead letters away.
    DeadDrop {
        /// Of which instance.
        instance: String,
        /// Which export or exporter, or `preprocess`.
        receiver: String,
        /// Their numbers; empty: all.
        #[serde(default)]
        letters: Vec<u64>,
    },
}

impl Operation {
    /// Whether it changes something, and is not only asked.
    pub fn changes(&self) -> bool {
        !matches!(
            self,
            Self::List
                | Self::Show { .. }
                | Self::Document { .. }
                | Self::ExporterOutput { .. }
                | Self::DeadList { .. }
                | Self::DeadShow { .. }
        )
    }
}

/// What an export can be switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SwitchTo {
    /// Delivers.
    On,
    /// Its cursor stays and records wait.
    Paused,
    /// Its cursor goes; switched on again, it starts at the end of the log.
    Off,
}

/// The answer to an [`Operation`].
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To `list`.
    Instances {
        /// All that are loaded.
        instances: Vec<InstanceSnapshot>,
        /// Files that could not be.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        unusable: Vec<Unusable>,
    },
    /// To `show`, and to everything that changes an instance.
    Instance(Box<InstanceSnapshot>),
    /// To `document`.
    Document(Map<String, Value>),
    /// To what removes exports.
    Removed {
        /// The instance after it.
        instance: Box<InstanceSnapshot>,
        /// What is gone, and what waited for it.
        removed: Vec<Removed>,
    },
    /// To `delete`.
    Deleted {
        /// Its id.
        id: Id,
        /// What waited for its exports.
        removed: Vec<Removed>,
    },
    /// To `exporter_output`.
    Output {
        /// Oldest first.
        lines: Vec<OutputLine>,
    },
    /// To `dead_list`.
    LetterBoxes(Vec<LetterBox>),
    /// To `dead_show`.
    Letters(Vec<Value>),
    /// To `dead_resend`, `dead_drop` and `replay`: how many letters or records it concerns.
    Count {
        /// How many.
        count: u64,
    },
    /// To `set_exporter`.
    Done {},
}

/// A file among the instances that is none.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Unusable {
    /// Which.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// Why an operation was refused, or failed. Nothing was changed then, unless the message says so.
#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct OperationError {
    /// What kind of trouble it is.
    pub kind: ErrorKind,
    /// For people: what, what was expected, and the fix.
    pub message: String,
    /// The same place by place, where there are places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Place>,
}

/// What is wrong at one place of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// JSON pointer (RFC 6901); empty for the whole document.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What was expected, or what to do; may be empty.
    #[serde(default)]
    pub fix: String,
}

impl From<&Problem> for Place {
    fn from(problem: &Problem) -> Self {
        Self { path: problem.path.clone(), message: problem.message.clone(), fix: problem.fix.clone() }
    }
}

/// Kinds of [`OperationError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// No instance, export or exporter of that name.
    Unknown,
    /// What was asked for is not possible as it was written.
    Invalid,
    /// It was, but something failed.
    Failed,
    /// Somebody else is just doing it, and only one can.
    Busy,
}

impl OperationError {
    /// Nothing there of that name.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Unknown, message: message.into(), problems: Vec::new() }
    }

    /// Not possible as it was written.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Invalid, message: message.into(), problems: Vec::new() }
    }

    /// Something failed.
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self { kind: ErrorKind::Failed, message: error.to_string(), problems: Vec::new() }
    }

    /// Somebody else is just doing it.
    pub fn busy(message: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Busy, message: message.into(), problems: Vec::new() }
    }

    /// Not possible, for these reasons.
    pub fn problems(problems: &[Problem]) -> Self {
        let lines: Vec<_> = problems.iter().map(Problem::to_string).collect();
        Self { problems: problems.iter().map(Place::from).collect(), ..Self::invalid(lines.join("\n")) }
    }
}
