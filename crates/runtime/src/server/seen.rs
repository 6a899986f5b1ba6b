//! What can be read of an instance's exports and of exporters, with their settings.

use std::{collections::BTreeMap, path::PathBuf};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use watchpost_config::{Setting, SettingKind, SettingValue, Switch};
use watchpost_export::exporter;
use watchpost_model::Id;

use super::{
    OperationError, Server,
    edit::{document_pointer, no_export},
    operation::{Place, SwitchTo},
};
use crate::status::{Agreed, ReceiverSnapshot};

/// A custom export: what the instance file says of it, and how it is doing.
#[derive(Clone, Debug, Serialize)]
pub struct ExportSeen {
    /// Its name.
    pub name: String,
    /// Its entry in the instance's document, as it is: it may hold secrets.
    pub entry: Map<String, Value>,
    /// On, paused or off.
    pub switch: SwitchTo,
    /// How it is doing.
    pub status: Option<ReceiverSnapshot>,
}

/// An exporter and what has become of it in an instance.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"name": "json", "description": "Writes records as JSON files", "installed": true, "switch": "on", "agreed": {"event-intrusion": 2}, "not_agreed": []}]))]
pub struct ExporterSeen {
    /// The name that switches it on.
    pub name: String,
    /// For people.
    pub description: String,
    /// Its manifest is there and can be used.
    pub installed: bool,
    /// On, paused or off for this instance.
    pub switch: SwitchTo,
    /// How it is doing; absent where it was never switched on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ReceiverSnapshot>,
    /// While it runs: the schema ids that it is sent, with their versions.
    pub agreed: BTreeMap<String, u8>,
    /// While it runs: the ids that its manifest asks for in vain.
    pub not_agreed: Vec<String>,
}

/// An installed exporter with its settings.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"name": "json", "description": "Writes records as JSON files", "folder": "exporters/json", "problems": [], "events": {"track": [1]}, "command": "python3 jsonexport.py", "acknowledge": true, "settings": [], "instances": []}]))]
pub struct Installed {
    /// Its name; that of its folder where its manifest cannot be used.
    pub name: String,
    /// For people.
    pub description: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with its manifest, or doubtful.
    pub problems: Vec<Place>,
    /// Schema ids and the versions it takes.
    pub events: BTreeMap<String, Vec<u8>>,
    /// Its command, before settings are put in.
    pub command: String,
    /// It answers for every message.
    pub acknowledge: bool,
    /// Its settings, in the order of its manifest.
    pub settings: Vec<SettingSeen>,
    /// Instances that name it.
    pub instances: Vec<Use>,
}

/// A setting of an exporter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SettingSeen {
    /// Its name.
    pub name: String,
    /// For people.
    pub label: String,
    /// `text`, `checkbox`, `int_range`, `float_range`, `combobox` or `secret`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its value now; of a secret only whether there is one.
    pub value: Value,
    /// Its value until somebody sets one; of a secret always null.
    pub default: Value,
    /// A secret has a value.
    pub is_set: bool,
    /// Smallest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Largest number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// How far a slider moves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Of a combobox.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// An instance that names an exporter.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Use {
    /// The instance.
    #[schemars(with = "String", extend("format" = "uuid"))]
    pub id: Id,
    /// Its name.
    pub name: String,
    /// How the exporter is doing there.
    pub status: ReceiverSnapshot,
    /// While it runs there: the schema ids that it is sent, with their versions.
    pub agreed: BTreeMap<String, u8>,
    /// While it runs there: the ids that its manifest asks for in vain.
    pub not_agreed: Vec<String>,
}

impl Server {
    /// The custom exports of an instance, in the order of its file.
    ///
    /// # Errors
    /// No such instance.
    pub async fn exports(&self, instance: &str) -> Result<Vec<ExportSeen>, OperationError> {
        let slot = self.find(instance)?;
        let mut loaded = slot.inner.lock().await.loaded.clone();
        let statuses = slot.view().receivers();
        let output = &loaded.instance.output;
        let known = output
            .handlers
            .iter()
            .map(|handler| (handler.name.clone(), handler.path.clone(), handler.switch));
        let broken =
            loaded.broken.iter().map(|broken| (broken.name.clone(), broken.path.clone(), Switch::On));
        let all: Vec<_> = known.chain(broken).collect();
        let seen = all.into_iter().map(|(name, path, switch)| {
            let entry =
                document_pointer(&mut loaded.document, &path).and_then(|entry| entry.as_object().cloned());
            let status = statuses.iter().find(|status| status.name == name).cloned();
            ExportSeen { name, entry: entry.unwrap_or_default(), switch: switched(switch), status }
        });
        Ok(seen.collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// No such instance or export.
    pub async fn export(&self, instance: &str, name: &str) -> Result<ExportSeen, OperationError> {
        let found = self.exports(instance).await?.into_iter().find(|export| export.name == name);
        match found {
            Some(found) => Ok(found),
            None => Err(no_export(&self.find(instance)?.inner.lock().await.loaded, name)),
        }
    }

    /// Every exporter, as an instance sees it.
    ///
    /// # Errors
    /// No such instance.
    pub async fn exporters_of(&self, instance: &str) -> Result<Vec<ExporterSeen>, OperationError> {
        let slot = self.find(instance)?;
        let named = slot.inner.lock().await.loaded.instance.output.exporters.clone();
        let (view, end) = (slot.view(), slot.view().log().end());
        let statuses = view.statuses();
        let seen = |name: &str, description: &str, installed, switch| {
            let status = statuses.iter().find(|s| s.name == name && s.format == exporter::NAME);
            let Agreed { agreed, not_agreed } = status.map(|status| status.agreed()).unwrap_or_default();
            ExporterSeen {
                name: name.to_owned(),
                description: description.to_owned(),
                installed,
                switch: switched(switch),
                status: status.map(|status| status.snapshot(end)),
                agreed,
                not_agreed,
            }
        };
        let mut all = Vec::new();
        for found in self.runtime.exporters().iter() {
            let Ok((manifest, _)) = &found.manifest else { continue };
            let switch =
                named.iter().find(|(name, _)| *name == manifest.name).map_or(Switch::Off, |(_, s)| *s);
            all.push(seen(&manifest.name, &manifest.description, true, switch));
        }
        for (name, switch) in named {
            if !all.iter().any(|exporter| exporter.name == name) {
                all.push(seen(&name, "", false, switch));
            }
        }
        Ok(all)
    }

    /// Every installed exporter with its settings.
    pub fn installed(&self) -> Vec<Installed> {
        let slots: Vec<_> = self.slots.read().values().cloned().collect();
        let used: Vec<_> = slots.iter().map(|slot| (slot.id, slot.name(), slot.view())).collect();
        let exporters = self.runtime.exporters();
        let installed = exporters.iter().map(|found| {
            let folder_name = found.dir.file_name().map(|name| name.to_string_lossy().into_owned());
            let (manifest, problems) = match &found.manifest {
                Ok((manifest, warnings)) => (Some(manifest), warnings),
                Err(problems) => (None, problems),
            };
            let name =
                manifest.map_or_else(|| folder_name.unwrap_or_default(), |manifest| manifest.name.clone());
            let uses = used.iter().filter_map(|(id, instance, view)| {
                let statuses = view.statuses();
                let status = statuses.iter().find(|s| s.format == exporter::NAME && s.name == name)?;
                let Agreed { agreed, not_agreed } = status.agreed();
                let status = status.snapshot(view.log().end());
                Some(Use { id: *id, name: instance.clone(), status, agreed, not_agreed })
            });
            Installed {
                instances: uses.collect(),
                folder: found.dir.clone(),
                problems: problems.iter().map(Place::from).collect(),
                description: manifest.map(|m| m.description.clone()).unwrap_or_default(),
                events: manifest.map(|m| m.events.clone()).unwrap_or_default(),
                command: manifest.map(|m| m.command.clone()).unwrap_or_default(),
                acknowledge: manifest.is_some_and(|m| m.acknowledge),
                settings: manifest.map(|m| self.settings_of(m)).unwrap_or_default(),
                name,
            }
        });
        installed.collect()
    }

    fn settings_of(&self, manifest: &watchpost_config::Manifest) -> Vec<SettingSeen> {
        let values = self.runtime.settings(manifest);
        manifest.settings.iter().map(|setting| seen(setting, values.get(&setting.name))).collect()
    }
}

fn seen(setting: &Setting, value: Option<&SettingValue>) -> SettingSeen {
    let json = |value: &SettingValue| match value {
        SettingValue::Text(text) => Value::from(text.clone()),
        SettingValue::Bool(on) => (*on).into(),
        SettingValue::Int(number) => (*number).into(),
        SettingValue::Float(number) => (*number).into(),
        SettingValue::Secret(_) => Value::Null,
    };
    let (kind, min, max, step, options) = match &setting.kind {
        SettingKind::Text => ("text", None, None, None, Vec::new()),
        SettingKind::Checkbox => ("checkbox", None, None, None, Vec::new()),
        SettingKind::IntRange { min, max } => {
            ("int_range", Some(*min as f64), Some(*max as f64), Some(1.0), Vec::new())
        }
        SettingKind::FloatRange { min, max, step } => {
            ("float_range", Some(*min), Some(*max), *step, Vec::new())
        }
        SettingKind::Combobox(options) => ("combobox", None, None, None, options.clone()),
        SettingKind::Secret => ("secret", None, None, None, Vec::new()),
    };
    SettingSeen {
        name: setting.name.clone(),
        label: setting.label.clone(),
        kind: kind.to_owned(),
        value: json(value.unwrap_or(&setting.default)),
        default: json(&setting.default),
        is_set: matches!(value, Some(SettingValue::Secret(secret)) if !secret.is_empty()),
        min,
        max,
        step,
        options,
    }
}

const fn switched(switch: Switch) -> SwitchTo {
    match switch {
        Switch::On => SwitchTo::On,
        Switch::Paused => SwitchTo::Paused,
        Switch::Off => SwitchTo::Off,
    }
}
