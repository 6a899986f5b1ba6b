//! The server: all instances of a data folder, and everything that can be asked of them.
//!
//! Whoever asks (`control.sock`, the command line, the API) hands an [`Operation`] to [`Server::perform`].
//! Every change goes one way: the document is edited, checked, saved, and the instance is brought to it,
//! touching only what differs. A hand edit of the file joins that way at its end.

mod change;
mod children;
mod conformance;
mod control;
mod diagnosis;
mod draft;
mod edit;
mod events;
mod events_delivered;
mod folder;
mod health;
mod instances;
mod look;
mod offline;
mod operation;
mod posted;
mod rehearse;
mod samples;
mod seen;
mod send_test;
mod slot;
mod tap;
mod try_preprocess;
mod try_source;

use std::{collections::BTreeMap, io, path::PathBuf, sync::Arc, time::Duration};

use parking_lot::RwLock;
use serde_json::{Map, Value};
use tokio::{sync::Mutex, task::JoinSet};
use watchpost_model::Id;

pub(crate) use self::folder::instance_files;
pub use self::{
    children::{OutputFrom, OutputLine},
    conformance::{Conformance, ConformanceRow},
    control::{Asked, Client, ClientError, Heard, SOCKET, Socket, SocketError},
    diagnosis::{Diagnosed, Diagnosis, FindingLevel},
    draft::{Drafted, Findings},
    events::{EventsFollowed, Followed, SeenEvent},
    events_delivered::{Delivered, DeliveredState},
    health::{DiskHealth, JournalHealth, JournalState, ServerHealth},
    look::{Look, Looked, SeenBox},
    operation::{ErrorKind, Operation, OperationError, Place, Reply, SwitchTo, Unusable},
    posted::PostError,
    rehearse::Rehearsed,
    samples::{Sample, Samples},
    seen::{ExportSeen, ExporterSeen, Installed, SettingSeen, Use},
    send_test::{TestOutcome, Tested},
    slot::{InstanceSnapshot, InstanceState},
    tap::{Filter, FilterError, Place as TapPlace, Tap, Tapped},
    try_preprocess::{After, Preprocessed},
    try_source::Tried,
};
use self::{edit::no_export, slot::Slot};
use crate::{
    dead::DeadLetters,
    instance::ReplayError,
    runtime::{OpenError, Runtime},
    status::Happened,
};

/// The folder of instance files in the data folder.
const INSTANCES: &str = "instances";
/// How long all instances together have to end; TERM must be done within 10 s (PRODUCT 12).
const SHUT_DOWN_LIMIT: Duration = Duration::from_millis(9500);

/// All instances of one data folder.
pub struct Server {
    runtime: Runtime,
    folder: PathBuf,
    slots: RwLock<BTreeMap<Id, Arc<Slot>>>,
    /// Files that could not be loaded at all, by path: what they held, and what is wrong.
    unusable: RwLock<BTreeMap<PathBuf, (String, String)>>,
    /// Held while instances come and go.
    coming_and_going: Mutex<()>,
}

impl Server {
    /// Loads every file of the folder `instances/`, and starts those with `AutoStart`. A file that cannot be
    /// used is shown and keeps nobody else from starting.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub async fn open(runtime: Runtime) -> Result<Arc<Self>, OpenError> {
        let folder = runtime.data().join(INSTANCES);
        let cannot = |error: io::Error| OpenError::Folder { path: folder.clone(), error };
        std::fs::create_dir_all(&folder).map_err(cannot)?;
        let (slots, unusable) = (RwLock::default(), RwLock::default());
        let server = Arc::new(Self { runtime, folder, slots, unusable, coming_and_going: Mutex::default() });
        server.sweep();
        server.look_at_instances().await?;
        Ok(server)
    }

    /// Does what is asked.
    ///
    /// # Errors
    /// See [`OperationError`].
    pub async fn perform(&self, operation: Operation) -> Result<Reply, OperationError> {
        use Operation as Op;
        match operation {
            Op::List => {
                let instances = self.slots.read().values().map(|slot| slot.snapshot()).collect();
                let unusable = self.unusable.read();
                let unusable = unusable
                    .iter()
                    .map(|(file, (_, problem))| Unusable { file: file.clone(), problem: problem.clone() });
                Ok(Reply::Instances { instances, unusable: unusable.collect() })
            }
            Op::Show { instance } => Ok(reply(&*self.find(&instance)?)),
            Op::Document { instance } => {
                let slot = self.find(&instance)?;
                let document = slot.inner.lock().await.loaded.document.clone();
                Ok(Reply::Document(document))
            }
            Op::Add { document } => self.add(document).await,
            Op::Apply { instance, document } => self.change(&instance, |_| Ok((document, Vec::new()))).await,
            Op::Delete { instance } => self.delete(&instance).await,
            Op::Start { instance } => {
                let slot = self.find(&instance)?;
                slot.start(&mut *slot.inner.lock().await);
                Ok(reply(&slot))
            }
            Op::Stop { instance } => {
                let slot = self.find(&instance)?;
                slot.stop(&mut *slot.inner.lock().await).await;
                Ok(reply(&slot))
            }
            Op::Restart { instance } => {
                let slot = self.find(&instance)?;
                let mut inner = slot.inner.lock().await;
                slot.stop(&mut inner).await;
                slot.start(&mut inner);
                Ok(reply(&slot))
            }
            Op::SetExport { instance, name, export } => self.set_export(&instance, &name, export).await,
            Op::SwitchExport { instance, name, to } => {
                self.change(&instance, |loaded| Ok((edit::switch(loaded, &name, to)?, Vec::new()))).await
            }
            Op::RenameExport { instance, name, to } => {
                self.change(&instance, |loaded| {
                    Ok((edit::rename(loaded, &name, &to)?, vec![(name.clone(), to.clone())]))
                })
                .await
            }
            Op::DeleteExport { instance, name } => {
                self.change(&instance, |loaded| Ok((edit::delete(loaded, &name)?, Vec::new()))).await
            }
            Op::SetExporter { exporter, settings } => {
                let set = self.runtime.set_exporter(&exporter, settings);
                set.map_err(|problems| OperationError::problems(&problems))?;
                self.look_again_everywhere().await;
                Ok(Reply::Done {})
            }
            Op::RestartExporter { instance, exporter } => self.restart_exporter(&instance, &exporter).await,
            Op::ExporterOutput { instance, exporter } => {
                self.exporter_output(&instance, &exporter).map(|lines| Reply::Output { lines })
            }
            Op::Replay { instance, from, receiver } => {
                let slot = self.find(&instance)?;
                let mut inner = slot.inner.lock().await;
                if !inner.instance.has_export(&receiver) {
                    return Err(no_export(&inner.loaded, &receiver));
                }
                let count = inner.instance.replay(&receiver, from).await.map_err(not_replayed)?;
                slot.begin_again(&mut inner).await?;
                Ok(Reply::Count { count })
            }
            Op::DeadList { instance } => {
                let id = instance.map(|name| self.find(&name).map(|slot| slot.id)).transpose()?;
                let boxes = DeadLetters::boxes(self.runtime.journal(), id);
                Ok(Reply::LetterBoxes(boxes.map_err(OperationError::failed)?))
            }
            Op::DeadShow { instance, receiver, from, limit } => {
                let letters = self.letters(&instance, &receiver)?;
                Ok(Reply::Letters(letters.show(from, limit).map_err(OperationError::failed)?))
            }
            Op::DeadResend { instance, receiver, letters } => {
                let slot = self.find(&instance)?;
                let mut inner = slot.inner.lock().await;
                if !inner.instance.has_export(&receiver) {
                    return Err(no_export(&inner.loaded, &receiver));
                }
                let count =
                    inner.instance.resend(&receiver, &letters).await.map_err(OperationError::failed)?;
                slot.begin_again(&mut inner).await?;
                Ok(Reply::Count { count })
            }
            Op::DeadDrop { instance, receiver, letters } => {
                let count = self.letters(&instance, &receiver)?.throw_away(&letters);
                Ok(Reply::Count { count: count.map_err(OperationError::failed)? })
            }
        }
    }

    /// What all instances share.
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The id of an instance, by that or by a name that only it has.
    ///
    /// # Errors
    /// There is none.
    pub fn id_of(&self, instance: &str) -> Result<Id, OperationError> {
        self.find(instance).map(|slot| slot.id)
    }

    /// What happened lately to an export, an exporter or `preprocess`, newest first.
    ///
    /// # Errors
    /// None of that name.
    pub fn deliveries(&self, instance: &str, receiver: &str) -> Result<Vec<Happened>, OperationError> {
        let slot = self.find(instance)?;
        let happened = slot.view().happened(receiver);
        happened.ok_or_else(|| OperationError::unknown(format!("{} has no export `{receiver}`", slot.name())))
    }

    /// Edits the document of an instance: what `edit` makes of it is checked, saved and applied, and nobody else
    /// changes it meanwhile.
    ///
    /// # Errors
    /// See [`OperationError`]; what `edit` itself says against it.
    pub async fn edit_document(
        &self,
        instance: &str,
        edit: impl FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, OperationError>,
    ) -> Result<Reply, OperationError> {
        self.change(instance, |loaded| Ok((edit(&loaded.document)?, Vec::new()))).await
    }

    /// Ends all instances, at the same time, and lets go of the data folder.
    pub async fn shut_down(&self) {
        let _nobody_comes_or_goes = self.coming_and_going.lock().await;
        let slots = std::mem::take(&mut *self.slots.write());
        let mut ending = JoinSet::new();
        for slot in slots.into_values() {
            ending.spawn(async move { slot.inner.lock().await.shut_down().await });
        }
        if tokio::time::timeout(SHUT_DOWN_LIMIT, ending.join_all()).await.is_err() {
            tracing::warn!("not every instance ended in time; what is not acknowledged is sent again");
        }
        self.runtime.clone().close();
    }

    /// Looks whether exporters or their settings have changed.
    fn look_at_exporters(&self) -> bool {
        let before = self.runtime.exporters();
        if let Err(error) = self.runtime.rediscover() {
            tracing::error!("{error}");
        }
        let settings = self.runtime.reload_settings().unwrap_or_else(|problems| {
            let wrong = OperationError::problems(&problems);
            tracing::error!("the settings are left as they were: {wrong}");
            false
        });
        settings || *before != *self.runtime.exporters()
    }

    /// Exporters or their settings have changed.
    async fn look_again_everywhere(&self) {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        for slot in slots {
            if let Err(error) = slot.look_again().await {
                tracing::error!(instance = %slot.name(), "{error}");
            }
        }
    }

    /// Dead letters of receivers that were deleted long enough ago go.
    fn sweep(&self) {
        if let Err(error) = DeadLetters::sweep(self.runtime.journal()) {
            tracing::warn!("removing old dead letters: {error}");
        }
    }

    fn letters(&self, instance: &str, receiver: &str) -> Result<DeadLetters, OperationError> {
        // Also of an instance that is deleted, by its id.
        let id = match (self.find(instance), instance.parse::<Id>()) {
            (Ok(slot), _) => slot.id,
            (Err(_), Ok(id)) => id,
            (Err(error), Err(_)) => return Err(error),
        };
        self.runtime.letters_of(id, receiver)
    }

    /// An instance by id, or by a name that only it has.
    fn find(&self, instance: &str) -> Result<Arc<Slot>, OperationError> {
        let slots = self.slots.read();
        if let Some(slot) = instance.parse::<Id>().ok().and_then(|id| slots.get(&id)) {
            return Ok(slot.clone());
        }
        let named: Vec<_> = slots.values().filter(|slot| slot.name() == instance).collect();
        match named.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let names: Vec<_> = slots.values().map(|slot| slot.name()).take(20).collect();
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                Err(OperationError::unknown(format!("no instance `{instance}`; there are {there}")))
            }
            many => {
                let ids: Vec<_> = many.iter().map(|slot| slot.id.to_string()).collect();
                let message = format!(
                    "{} instances are called `{instance}`; use an id: {}",
                    many.len(),
                    ids.join(", ")
                );
                Err(OperationError::unknown(message))
            }
        }
    }
}

fn reply(slot: &Slot) -> Reply {
    Reply::Instance(Box::new(slot.snapshot()))
}

fn not_replayed(error: ReplayError) -> OperationError {
    match error {
        ReplayError::Journal(error) => OperationError::failed(error),
        error => OperationError::invalid(error.to_string()),
    }
}
