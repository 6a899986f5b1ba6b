//! What can be done in a data folder while no server runs: dead letters, replays, settings of exporters. Only the
//! store and `config.json` are touched; what is to be sent is sent when the instance runs again.

use std::sync::Arc;

use watchpost_config::{self as config, Base};
use watchpost_model::Id;

use super::{Operation, OperationError, Reply, folder, not_replayed};
use crate::{
    dead::DeadLetters,
    instance::{find_record, log_name},
    log::{Cursor, InstanceLog},
    runtime::Runtime,
};

impl Runtime {
    /// As [`super::Server::perform`], for operations that need no running instance. `instance` is an id, or the
    /// name of an instance in the data folder.
    ///
    /// # Errors
    /// See [`OperationError`]; an operation that needs a server says so.
    pub fn perform_offline(&self, operation: Operation) -> Result<Reply, OperationError> {
        let journal = self.journal();
        match operation {
            Operation::DeadList { instance } => {
                let id = instance.map(|instance| self.id_of(&instance)).transpose()?;
                let boxes = DeadLetters::boxes(journal, id);
                Ok(Reply::LetterBoxes(boxes.map_err(OperationError::failed)?))
            }
            Operation::DeadShow { instance, receiver, from, limit } => {
                let shown = self.letters(&instance, &receiver)?.show(from, limit);
                Ok(Reply::Letters(shown.map_err(OperationError::failed)?))
            }
            Operation::DeadDrop { instance, receiver, letters } => {
                let count = self.letters(&instance, &receiver)?.throw_away(&letters);
                Ok(Reply::Count { count: count.map_err(OperationError::failed)? })
            }
            Operation::DeadResend { instance, receiver, letters } => {
                let count = self.letters(&instance, &receiver)?.mark(&letters);
                Ok(Reply::Count { count: count.map_err(OperationError::failed)? })
            }
            Operation::Replay { instance, from, receiver } => {
                let name = log_name(self.id_of(&instance)?);
                if !journal.logs().contains(&name) {
                    return Err(OperationError::unknown(format!("`{instance}` has no log here")));
                }
                let log =
                    InstanceLog::open(journal.log(&name).map_err(OperationError::failed)?, Arc::default());
                let Some(cursor) = log.cursor(&receiver) else {
                    let there = log.cursors().join(", ");
                    return Err(OperationError::unknown(format!(
                        "`{receiver}` has no place in the log; there are: {there}"
                    )));
                };
                let back = find_record(&log, from).map_err(not_replayed)?;
                let cursor = Cursor { position: back.position, ..cursor };
                log.set_cursor(&receiver, Some(&cursor)).map_err(OperationError::failed)?;
                Ok(Reply::Count { count: back.records })
            }
            Operation::SetExporter { exporter, settings } => {
                let set = self.set_exporter(&exporter, settings);
                set.map(|()| Reply::Done {}).map_err(|problems| OperationError::problems(&problems))
            }
            _ => Err(OperationError::failed(format!(
                "no server runs on {}; start one with `watchpost serve`",
                self.data().display()
            ))),
        }
    }

    /// Dead letters of a receiver; of an instance that is deleted by its id.
    pub(super) fn letters_of(&self, id: Id, receiver: &str) -> Result<DeadLetters, OperationError> {
        let none =
            || OperationError::unknown(format!("no dead letters of `{receiver}`; see `watchpost dead list`"));
        DeadLetters::of(self.journal(), id, receiver).map_err(OperationError::failed)?.ok_or_else(none)
    }

    fn letters(&self, instance: &str, receiver: &str) -> Result<DeadLetters, OperationError> {
        self.letters_of(self.id_of(instance)?, receiver)
    }

    fn id_of(&self, instance: &str) -> Result<Id, OperationError> {
        if let Ok(id) = instance.parse() {
            return Ok(id);
        }
        let files = folder::instance_files(&self.data().join(super::INSTANCES)).unwrap_or_default();
        let loaded = files.into_iter().filter_map(|path| config::load_file(&path, Base::DataFolder).ok());
        let mut named = loaded.map(|loaded| loaded.instance).filter(|found| found.name == instance);
        match (named.next(), named.next()) {
            (Some(one), None) => Ok(one.id),
            (Some(_), Some(_)) => {
                Err(OperationError::unknown(format!("several instances are called `{instance}`; use an id")))
            }
            (None, _) => {
                let fix = "give an id, a name of an instance in the data folder, or an instance file";
                Err(OperationError::unknown(format!("no instance `{instance}`; {fix}")))
            }
        }
    }
}
