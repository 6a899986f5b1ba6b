//! A change of an instance: its document is edited, checked, saved, and then the instance is brought to it.

use std::{io, path::Path};

use serde_json::{Map, Value};
use watchpost_config::{self as config, Base, Loaded};
use watchpost_model::Id;

use super::{OperationError, Reply, Server};
use crate::plans;

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
        let unsaid = document.get("InstanceId").is_none_or(Value::is_null);
        if unsaid && inner.loaded.document.contains_key("InstanceId") {
            document.insert("InstanceId".to_owned(), slot.id.to_string().into());
        }
        let loaded = config::load_document(document, &slot.file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        self.has_its_files(&slot.file, &loaded, Some(&inner.loaded))?;
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
        let with = |loaded: &Loaded| self.draft(&file, loaded, name, export).map(|draft| draft.loaded);
        self.change(instance, |loaded| Ok((with(loaded)?.document, Vec::new()))).await
    }

    /// Refuses a document in which an export would write to another one's file, of any instance. What was so before
    /// (a file was edited by hand) stands in the way of no other change.
    pub(super) fn has_its_files(
        &self,
        file: &Path,
        new: &Loaded,
        old: Option<&Loaded>,
    ) -> Result<(), OperationError> {
        let around = self.runtime.surroundings(file, Base::DataFolder);
        let files = |loaded: &Loaded| {
            plans::files(&plans::wishes(loaded), &plans::info(&loaded.instance, false), &around.paths)
        };
        let (before, wanted) = (old.map(files).unwrap_or_default(), files(new));
        let (id, name) = (new.instance.id, new.instance.name.as_str());
        let conflicts = around.claims().conflicts(id, name, &wanted).into_iter();
        let is_new = |export: &str| wanted.iter().any(|file| file.export == export && !before.contains(file));
        let problems: Vec<_> =
            conflicts.filter(|(export, _)| is_new(export)).map(|(_, problem)| new.locate(problem)).collect();
        if problems.is_empty() { Ok(()) } else { Err(OperationError::problems(&problems)) }
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
