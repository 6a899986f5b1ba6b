//! Instances of a server come and go: by operation, and with the files of the folder.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};
use watchpost_config::{self as config, Base, Loaded};
use watchpost_model::Id;

use super::{
    OperationError, Reply, Server,
    change::save,
    folder::{self, QUIET},
    reply,
    slot::Slot,
};
use crate::{StartError, exports::Removed, instance::log_name, runtime::OpenError};

/// Instances that can be made by asking. A thousand without video start in seconds on two cores; several times as many are
/// a script gone wrong, and each has files, a log and tasks. Files in the folder are not counted: whoever puts them there
/// owns the machine.
const MAX_INSTANCES: usize = 4000;

impl Server {
    /// Makes an instance of a new document.
    pub(super) async fn add(&self, mut document: Map<String, Value>) -> Result<Reply, OperationError> {
        let _nobody_else = self.coming_and_going.lock().await;
        if self.slots.read().len() >= MAX_INSTANCES {
            let message =
                format!("there are {MAX_INSTANCES} instances already: delete some, or use another server");
            return Err(OperationError::invalid(message));
        }
        // In the file, so that it does not follow from the file's path.
        if document.get("InstanceId").is_none_or(Value::is_null) {
            document.insert("InstanceId".to_owned(), Id::new_v4().to_string().into());
        }
        // What is no text is refused just below.
        let name = document.get("InstanceId").and_then(Value::as_str).unwrap_or_default().to_owned();
        let file = self.folder.join(format!("{name}.json"));
        let loaded = config::load_document(document, &file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        if self.slots.read().contains_key(&loaded.instance.id) || file.exists() {
            let message =
                format!("there is an instance {name} already: change it, or choose another InstanceId");
            return Err(OperationError::invalid(message));
        }
        self.has_its_files(&file, &loaded, None)?;
        let text = save(&file, &loaded.document)?;
        let slot = self.load(file, text, loaded).await.map_err(OperationError::failed)?;
        Ok(reply(&slot))
    }

    async fn load(&self, file: PathBuf, text: String, loaded: Loaded) -> Result<Arc<Slot>, StartError> {
        for warning in &loaded.warnings {
            tracing::warn!(instance = %loaded.instance.name, "{warning}");
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

    /// Deletes an instance with everything but its dead letters.
    pub(super) async fn delete(&self, instance: &str) -> Result<Reply, OperationError> {
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
    pub(super) async fn look_at_instances(&self) -> Result<(), OpenError> {
        let _nobody_else = self.coming_and_going.lock().await;
        let cannot = |error: io::Error| OpenError::Folder { path: self.folder.clone(), error };
        let files = folder::instance_files(&self.folder).map_err(cannot)?;
        let known: BTreeMap<PathBuf, Arc<Slot>> =
            self.slots.read().values().map(|slot| (slot.file.clone(), slot.clone())).collect();
        for (path, slot) in &known {
            if !files.contains(path) && is_gone(path).await {
                tracing::warn!(instance = %slot.name(), "its file is gone: it is ended");
                if let Err(error) = self.unload(slot.clone()).await {
                    tracing::error!(instance = %slot.name(), "{error}");
                }
            }
        }
        self.unusable.write().retain(|path, _| files.contains(path));
        for path in files {
            match known.get(&path) {
                Some(slot) => self.take_hand_edit(slot).await,
                None => self.take_new_file(path).await,
            }
        }
        Ok(())
    }

    async fn take_new_file(&self, path: PathBuf) {
        let text = config::read_text(&path);
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

    async fn take_hand_edit(&self, slot: &Arc<Slot>) {
        if let Err(wrong) = slot.take_hand_edit(&mut *slot.inner.lock().await).await {
            slot.file_is(Some(wrong));
        }
    }
}

/// Whether a file stays away: some editors remove it before they write it anew.
async fn is_gone(path: &Path) -> bool {
    tokio::time::sleep(QUIET).await;
    !path.exists()
}
