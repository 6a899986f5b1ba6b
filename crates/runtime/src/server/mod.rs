//! The server: all instances of a data folder, and everything that can be asked of them.
//!
//! Whoever asks (`control.sock`, the command line, the API) hands an [`Operation`] to [`Server::perform`].
//! Every change goes one way: the document is edited, checked, saved, and the instance is brought to it,
//! touching only what differs. A hand edit of the file joins that way at its end.

mod control;
mod edit;
mod folder;
mod offline;
mod operation;
mod slot;
mod tap;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::RwLock;
use serde_json::{Map, Value};
use tokio::{sync::Mutex, task::JoinSet};
use watchpost_config::{self as config, Base, Loaded, Problem};
use watchpost_model::Id;

pub use self::{
    control::{Client, ClientError, Socket, SocketError},
    operation::{ErrorKind, Operation, OperationError, Reply, SwitchTo},
    slot::{InstanceSnapshot, InstanceState},
    tap::{Filter, FilterError, Tap, Tapped},
};
use self::{edit::no_export, slot::Slot};
use crate::{
    dead::DeadLetters,
    exports::Removed,
    instance::{ReplayError, log_name},
    plans,
    runtime::{OpenError, Runtime},
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
                Ok(Reply::Instances(self.slots.read().values().map(|slot| slot.snapshot()).collect()))
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

    /// Files that are no usable instances: path and what is wrong.
    pub fn unusable(&self) -> Vec<(PathBuf, String)> {
        self.unusable.read().iter().map(|(path, (_, why))| (path.clone(), why.clone())).collect()
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

    async fn add(&self, mut document: Map<String, Value>) -> Result<Reply, OperationError> {
        let _nobody_else = self.coming_and_going.lock().await;
        // In the file, so that it does not follow from the file's path.
        let id = document.entry("InstanceId").or_insert_with(|| Id::new_v4().to_string().into());
        let name = id.as_str().unwrap_or_default().to_owned();
        let file = self.folder.join(format!("{name}.json"));
        let loaded = config::load_document(document, &file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        if self.slots.read().contains_key(&loaded.instance.id) || file.exists() {
            let message =
                format!("there is an instance {name} already: change it, or choose another InstanceId");
            return Err(OperationError::invalid(message));
        }
        let text = save(&file, &loaded.document)?;
        let slot = self.load(file, text, loaded).await.map_err(OperationError::failed)?;
        Ok(reply(&slot))
    }

    async fn load(
        &self,
        file: PathBuf,
        text: String,
        loaded: Loaded,
    ) -> Result<Arc<Slot>, crate::StartError> {
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        let auto_start = loaded.instance.auto_start;
        let around = Arc::new(self.runtime.surroundings(&file, Base::DataFolder));
        let slot = Slot::open(file, text, loaded, around).await?;
        if auto_start {
            slot.start(&mut *slot.inner.lock().await);
        }
        self.slots.write().insert(slot.id, slot.clone());
        Ok(slot)
    }

    /// Edits the document of an instance, checks and saves it, and brings the instance to it.
    async fn change(
        &self,
        instance: &str,
        edit: impl FnOnce(&Loaded) -> Result<(Map<String, Value>, Vec<(String, String)>), OperationError>,
    ) -> Result<Reply, OperationError> {
        let slot = self.find(instance)?;
        let mut inner = slot.inner.lock().await;
        let (mut document, renames) = edit(&inner.loaded)?;
        // An id that follows from the file's path stays out of the file; another one would be another instance.
        if let Some(id) = document.get("InstanceId").and_then(Value::as_str)
            && id.parse::<Id>() != Ok(slot.id)
        {
            let message = format!("/InstanceId: is {id}; expected {}, which cannot change", slot.id);
            return Err(OperationError::invalid(message));
        }
        if !document.contains_key("InstanceId") && inner.loaded.document.contains_key("InstanceId") {
            document.insert("InstanceId".to_owned(), slot.id.to_string().into());
        }
        let loaded = config::load_document(document, &slot.file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        inner.text = save(&slot.file, &loaded.document)?;
        let removed = slot.apply(&mut inner, loaded, &renames).await?;
        let instance = Box::new(slot.snapshot());
        Ok(if removed.is_empty() { Reply::Instance(instance) } else { Reply::Removed { instance, removed } })
    }

    /// What is wrong with an export is said before it is saved.
    async fn set_export(
        &self,
        instance: &str,
        name: &str,
        export: Map<String, Value>,
    ) -> Result<Reply, OperationError> {
        let (runtime, file) = (&self.runtime, self.find(instance)?.file.clone());
        self.change(instance, |loaded| {
            let document = edit::set_export(loaded, name, export)?;
            let new = config::load_document(document.clone(), &file, Base::DataFolder)
                .map_err(|problems| OperationError::problems(&problems))?;
            let around = runtime.surroundings(&file, Base::DataFolder);
            let info = plans::info(&new.instance, false);
            let wishes = plans::wishes(&new);
            let wish = wishes.iter().find(|wish| wish.name == name);
            let planned = wish.map(|w| plans::plan(w, &info, plans::available(&new.instance), &around));
            match planned {
                Some(Ok(_)) => Ok((document, Vec::new())),
                Some(Err(problems)) => Err(OperationError::problems(&problems)),
                None => Err(no_export(&new, name)),
            }
        })
        .await
    }

    async fn delete(&self, instance: &str) -> Result<Reply, OperationError> {
        let _nobody_else = self.coming_and_going.lock().await;
        let slot = self.find(instance)?;
        std::fs::remove_file(&slot.file).map_err(|error| {
            OperationError::failed(format!("{} cannot be removed: {error}", slot.file.display()))
        })?;
        let id = slot.id;
        let removed = self.unload(slot).await?;
        for log in [log_name(id), format!("{}/inbox", log_name(id))] {
            if self.runtime.journal().logs().contains(&log) {
                self.runtime.journal().delete(&log).map_err(OperationError::failed)?;
            }
        }
        Ok(Reply::Deleted { id, removed })
    }

    /// Ends an instance whose file is gone. Its exports go as if each had been deleted.
    async fn unload(&self, slot: Arc<Slot>) -> Result<Vec<Removed>, OperationError> {
        self.slots.write().remove(&slot.id);
        let mut inner = slot.inner.lock().await;
        slot.stop(&mut inner).await;
        inner.instance.remove_all_exports().await.map_err(OperationError::failed)
    }

    /// Looks at the folder of instances: new files are loaded, changed ones applied, those of files that are
    /// gone ended.
    async fn look_at_instances(&self) -> Result<(), OpenError> {
        let _nobody_else = self.coming_and_going.lock().await;
        let cannot = |error: io::Error| OpenError::Folder { path: self.folder.clone(), error };
        let files = folder::instance_files(&self.folder).map_err(cannot)?;
        let known: BTreeMap<PathBuf, Arc<Slot>> =
            self.slots.read().values().map(|slot| (slot.file.clone(), slot.clone())).collect();
        for (path, slot) in &known {
            if !files.contains_key(path) {
                tracing::warn!(instance = %slot.name(), "its file is gone: it is ended");
                if let Err(error) = self.unload(slot.clone()).await {
                    tracing::error!(instance = %slot.name(), "{error}");
                }
            }
        }
        self.unusable.write().retain(|path, _| files.contains_key(path));
        for (path, text) in files {
            match known.get(&path) {
                Some(slot) => self.take_hand_edit(slot, text).await,
                None => self.take_new_file(path, text).await,
            }
        }
        Ok(())
    }

    async fn take_new_file(&self, path: PathBuf, text: Result<String, Vec<Problem>>) {
        let seen = text.clone().unwrap_or_default();
        if self.unusable.read().get(&path).is_some_and(|(before, _)| *before == seen) {
            return;
        }
        let problem = match text.and_then(|text| config::load(&text, &path, Base::DataFolder)) {
            Ok(loaded) => match self.slots.read().get(&loaded.instance.id) {
                Some(other) => {
                    let (id, other) = (loaded.instance.id, other.file.display());
                    Err(format!(
                        "{}: /InstanceId: {id} is that of {other}; give each its own",
                        path.display()
                    ))
                }
                None => Ok(loaded),
            },
            Err(problems) => Err(OperationError::problems(&problems).message),
        };
        let problem = match problem {
            Ok(loaded) => self.load(path.clone(), seen.clone(), loaded).await.err().map(|e| e.to_string()),
            Err(problem) => Some(problem),
        };
        match problem {
            Some(problem) => {
                tracing::error!("{problem}");
                self.unusable.write().insert(path, (seen, problem));
            }
            None => {
                self.unusable.write().remove(&path);
            }
        }
    }

    async fn take_hand_edit(&self, slot: &Arc<Slot>, text: Result<String, Vec<Problem>>) {
        let mut inner = slot.inner.lock().await;
        let seen = text.clone().unwrap_or_default();
        if inner.text == seen {
            return;
        }
        inner.text = seen;
        let loaded = text.and_then(|text| config::load(&text, &slot.file, Base::DataFolder));
        let loaded = loaded.map_err(|problems| OperationError::problems(&problems).message);
        let same = loaded.and_then(|loaded| match loaded.instance.id == slot.id {
            true => Ok(loaded),
            false => Err(format!("/InstanceId: expected {}: an instance cannot become another", slot.id)),
        });
        let applied = match same {
            Ok(loaded) => {
                let renames = folder::renames(&inner.loaded.instance.output, &loaded.instance.output);
                slot.apply(&mut inner, loaded, &renames).await.map_err(|error| error.message)
            }
            Err(wrong) => Err(wrong),
        };
        if let Err(wrong) = applied {
            slot.file_is(Some(wrong));
        }
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
                let there = if names.is_empty() { "there are none".into() } else { names.join(", ") };
                Err(OperationError::unknown(format!("no instance `{instance}`; there are: {there}")))
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

/// Saves a document and says what the file holds then.
fn save(file: &Path, document: &Map<String, Value>) -> Result<String, OperationError> {
    let cannot = |error: io::Error| {
        OperationError::failed(format!("{} cannot be written, nothing was changed: {error}", file.display()))
    };
    config::save(file, document).map_err(cannot)?;
    std::fs::read_to_string(file).map_err(cannot)
}
