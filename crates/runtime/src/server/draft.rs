//! What is asked before something is saved: whether an instance or an export would work, and what it would do.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use watchpost_config::{self as config, Base, Loaded, Paths};
use watchpost_export::{self as export, InstanceInfo, Plan, Request};

use super::{
    OperationError, Server,
    edit::{self, no_export},
    operation::Place,
};
use crate::plans;

/// What is wrong with a document, and what is doubtful.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"errors": [{"path": "/Input/uri", "message": "is a number", "fix": "expected a string"}], "warnings": []}]))]
pub struct Findings {
    /// What keeps it, or a part of it, from working.
    pub errors: Vec<Place>,
    /// What works, but is probably not meant.
    pub warnings: Vec<Place>,
}

/// What an export that is not saved would be.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"format": "json", "warnings": [], "file": "watchpost-data/exports/events.jsonl"}]))]
pub struct Drafted {
    /// Its format's name.
    pub format: String,
    /// What works, but is probably not meant.
    pub warnings: Vec<Place>,
    /// The file it would write to, dynamic strings as they are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
}

/// An export that is not saved, and the instance that would have it.
pub(super) struct Draft {
    pub loaded: Loaded,
    pub info: InstanceInfo,
    pub plan: Plan,
    pub file: Option<PathBuf>,
}

impl Server {
    /// Everything that would be said against an instance document.
    pub fn examine(&self, document: Map<String, Value>) -> Findings {
        let file = self.folder.join("new.json");
        let places = |problems: &[config::Problem]| problems.iter().map(Place::from).collect();
        match config::load_document(document, &file, Base::DataFolder) {
            Err(problems) => Findings { errors: places(&problems), warnings: Vec::new() },
            Ok(loaded) => {
                let paths = Paths::new(self.runtime.data(), &file, Base::DataFolder);
                let around = self.runtime.surroundings(&file, Base::DataFolder);
                let claims = around.claims().copy();
                let checked = plans::check(&loaded, &paths, &self.runtime.exporters(), &claims);
                let errors: Vec<_> = checked.fatal.into_iter().chain(checked.errors).collect();
                Findings { errors: places(&errors), warnings: places(&checked.warnings) }
            }
        }
    }

    /// What the export `name` of `instance` would be with these settings; nothing is saved.
    ///
    /// # Errors
    /// What [`Server::perform`] would say against it.
    pub async fn draft_export(
        &self,
        instance: &str,
        name: &str,
        export: Map<String, Value>,
    ) -> Result<Drafted, OperationError> {
        let slot = self.find(instance)?;
        let loaded = slot.inner.lock().await.loaded.clone();
        let Draft { plan, file, .. } = self.draft(&slot.file, &loaded, name, export)?;
        Ok(Drafted {
            format: plan.format.name.to_owned(),
            warnings: plan.warnings.iter().map(Place::from).collect(),
            file,
        })
    }

    /// The instance `loaded` from `file` with this export in it, if it may be.
    pub(super) fn draft(
        &self,
        file: &Path,
        loaded: &Loaded,
        name: &str,
        export: Map<String, Value>,
    ) -> Result<Draft, OperationError> {
        let document = edit::set_export(loaded, name, export)?;
        let new = config::load_document(document, file, Base::DataFolder)
            .map_err(|problems| OperationError::problems(&problems))?;
        let around = self.runtime.surroundings(file, Base::DataFolder);
        let info = plans::info(&new.instance, false);
        let wishes = plans::wishes(&new);
        let Some(wish) = wishes.iter().find(|wish| wish.name == name) else {
            return Err(no_export(&new, name));
        };
        let (plan, _) = plans::plan(wish, &info, plans::available(&new.instance), &around)
            .map_err(|problems| OperationError::problems(&problems))?;
        let handler = new.instance.output.handlers.iter().find(|handler| handler.name == name);
        let Some(handler) = handler else { return Err(no_export(&new, name)) };
        let too_fast = plans::too_fast(handler, &new.instance, &around.paths);
        if !too_fast.is_empty() {
            return Err(OperationError::problems(&too_fast));
        }
        let files = plans::files(&wishes, &info, &around.paths);
        let wanted = files.iter().find(|file| file.export == name);
        if let Some(taken) = wanted.and_then(|file| around.claims().conflict(new.instance.id, file)) {
            return Err(OperationError::problems(&[taken]));
        }
        let file = export::file_of(&Request { handler, paths: &around.paths, instance: &info });
        Ok(Draft { loaded: new, info, plan, file })
    }
}
