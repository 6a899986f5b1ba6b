//! Where an instance's records and objects go in: straight to the recorder, or through the preprocess
//! command's inbox.

use std::sync::Arc;

use bytes::Bytes;
use watchpost_journal as journal;
use watchpost_model::Group;
use watchpost_schema::streams::StreamName;

use crate::{
    log::StateChange,
    recorder::{RecordError, Recorder},
};

/// The way into the log.
///
/// With a preprocess command there are two logs: its answers cannot be had a second time, so it runs
/// once per record, not once per slow receiver. Stream objects and pictures do not pass it.
pub(crate) enum Intake {
    /// No preprocess command.
    Direct(Arc<Recorder>),
    /// The inbox, from which the preprocess command is fed (`preprocess.rs`).
    Inbox { inbox: journal::Log, recorder: Arc<Recorder> },
}

impl Intake {
    /// Takes what one frame gave. Durable within 10 ms, `state` in the same write as the groups.
    pub fn take(
        &self,
        groups: &[&Group],
        objects: Vec<(i64, StreamName, Bytes)>,
        state: Vec<StateChange>,
    ) -> Result<(), RecordError> {
        match self {
            Self::Direct(recorder) => recorder.record(groups, objects, state),
            Self::Inbox { inbox, recorder } => {
                let entries = recorder.messages(groups);
                if !entries.is_empty() || !state.is_empty() {
                    inbox.append(journal::Commit { entries, state })?;
                }
                recorder.record(&[], objects, vec![])
            }
        }
    }

    /// Appended here, state such as open events is written with the records that go with it.
    pub fn state_log(&self) -> &journal::Log {
        match self {
            Self::Direct(recorder) => recorder.log().store(),
            Self::Inbox { inbox, .. } => inbox,
        }
    }
}
