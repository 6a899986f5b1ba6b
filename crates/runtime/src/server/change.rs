//! A change of an instance: its document is edited, checked, saved, and then the instance is brought to it.

use std::{io, path::Path};

use serde_json::{Map, Value};
use watchpost_config::{self as config, Base, Loaded};
use watchpost_model::Id;

use super::{OperationError, Reply, Server};

impl Server {
    /// Edits the document of an instance, checks and saves it, and brings the instance to it.
    pub(super) async fn change(
        &self,
        instance: &str,
        edit: impl FnOnce(&Loaded) -> Result<(Map<String, Value>, Vec<(String, String)>), OperationError>,
    ) -> Result<Reply, OperationError> {
        let slot = self.find(instance)?;
        let mut inner = slot.inner.lock().await;
        // An edit by hand that nobody has looked at yet comes first, and one that cannot be used is not
        // overwritten.
        if let Err(wrong) = slot.take_hand_edit(&mut inner).await {
            slot.file_is(Some(wrong));
        }
        if let Some(wrong) = slot.file_problem() {
            let message = format!("the file was edited and cannot be used; mend it first: {wrong}");
            return Err(OperationError::invalid(message));
        }
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
    pub(super) async fn set_export(
        &self,
        instance: &str,
        name: &str,
        export: Map<String, Value>,
    ) -> Result<Reply, OperationError> {
        let file = self.find(instance)?.file.clone();
        let with = |loaded: &Loaded| self.with_export(&file, loaded, name, export);
        self.change(instance, |loaded| Ok((with(loaded)?.document, Vec::new()))).await
    }
}

/// Saves a document and says what the file holds then.
pub(super) fn save(file: &Path, document: &Map<String, Value>) -> Result<String, OperationError> {
    let cannot = |error: io::Error| {
        OperationError::failed(format!("{} cannot be written, nothing was changed: {error}", file.display()))
    };
    config::save(file, document).map_err(cannot)?;
    std::fs::read_to_string(file).map_err(cannot)
}
