//! What is asked before something is saved: whether an instance or an export would work, and what it would do.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use watchpost_config::{self as config, Base, Loaded, Paths};
use watchpost_export::{self as export, Dynamic, InstanceInfo, Plan, Request, Selection, SpeaksOf};
use watchpost_model::{Instant, StreamTime, Timestamp};
use watchpost_schema::{Context, SchemaId, Version, streams::encode_frame_keys};

use super::{
    OperationError, Server,
    edit::{self, no_export},
    operation::Place,
    samples::last_like,
};
use crate::{instance::View, plans};

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
#[schemars(extend("examples" = [{"format": "json", "warnings": [], "file": "watchpost-data/exports/{sys.time %F}.jsonl", "path_preview": "watchpost-data/exports/2026-07-27.jsonl"}]))]
pub struct Drafted {
    /// Its format's name.
    pub format: String,
    /// What works, but is probably not meant.
    pub warnings: Vec<Place>,
    /// The file it would write to, dynamic strings as they are written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The file, or the MQTT topic, that the last object would lead to; where there was none, a made-up one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_preview: Option<String>,
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
        let Draft { plan, file, info, .. } = self.draft(&slot.file, &loaded, name, export)?;
        let format = plan.format.name.to_owned();
        let warnings = plan.warnings.iter().map(Place::from).collect();
        let path_preview = match plan.dynamic {
            Some(dynamic) => Some(preview(slot.view(), dynamic, plan.selection, info).await?),
            None => None,
        };
        Ok(Drafted { format, warnings, file, path_preview })
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

/// Where the last object of a selection leads.
async fn preview(
    view: View,
    dynamic: Dynamic,
    selection: Selection,
    info: InstanceInfo,
) -> Result<String, OperationError> {
    let work = move || {
        let (json, time_ms) = match dynamic.speaks_of {
            SpeaksOf::Item => last_like(view.log(), &selection, &info),
            SpeaksOf::Event => last_like(view.log(), &Selection::Records(events()), &info),
            SpeaksOf::Frame => frame_keys(&view, &info),
        };
        dynamic.preview(&json, time_ms)
    };
    tokio::task::spawn_blocking(work).await.map_err(OperationError::failed)
}

fn events() -> BTreeMap<SchemaId, Version> {
    SchemaId::ALL.iter().filter(|id| id.is_event()).map(|id| (*id, Version::V2)).collect()
}

/// Of the last frame; of none that could be seen, as it would be now.
fn frame_keys(view: &View, info: &InstanceInfo) -> (Vec<u8>, i64) {
    let now = Timestamp(jiff::Timestamp::now().as_millisecond());
    let made_up = Instant { frame_id: 0, time: StreamTime::ZERO, timestamp: now, size: None };
    let at = view.glance().last_frame().unwrap_or(made_up);
    let context = Context { instance_id: info.id, instance_name: &info.name };
    let mut json = Vec::new();
    encode_frame_keys(&at, &context, &mut json);
    (json, at.timestamp.0)
}
