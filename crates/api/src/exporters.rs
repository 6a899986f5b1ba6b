//! Exporters: those installed, with their settings for all instances, and what has become of them in one.

use axum::{Json, extract::State};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_runtime::{ExporterSeen, Installed, Operation, SettingSeen};

use crate::{
    App, Problem,
    exports::Switch,
    extract::{At, Body},
};

/// Every installed exporter.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Exporters", extend("examples" = [{"exporters": []}]))]
pub(crate) struct All {
    exporters: Vec<Installed>,
}

/// Every exporter, as an instance sees it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExportersOfInstance", extend("examples" = [{"exporters": []}]))]
pub(crate) struct OfInstance {
    exporters: Vec<ExporterSeen>,
}

/// Values by setting. A secret that is absent or null stays as it is, an empty one is cleared.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Settings(Map<String, Value>);

impl JsonSchema for Settings {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ExporterSettings".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "object",
            "description": "Values by setting. A secret that is absent or null stays as it is, an empty one is cleared.",
            "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
            "examples": [{"folder": "json-export"}],
        })
    }
}

pub(crate) async fn list(State(app): State<App>) -> Json<All> {
    Json(All { exporters: app.server.installed() })
}

pub(crate) async fn show(State(app): State<App>, At(name): At<String>) -> Result<Json<Installed>, Problem> {
    find(&app, &name).map(Json)
}

fn find(app: &App, name: &str) -> Result<Installed, Problem> {
    let installed = app.server.installed();
    let names: Vec<_> = installed.iter().map(|exporter| exporter.name.clone()).collect();
    installed.into_iter().find(|exporter| exporter.name == name).ok_or_else(|| {
        Problem::not_found(format!("no exporter `{name}` is installed; there are: {}", names.join(", ")))
    })
}

pub(crate) async fn set(
    State(app): State<App>,
    At(name): At<String>,
    Body(Settings(mut settings)): Body<Settings>,
) -> Result<Json<Installed>, Problem> {
    let known = find(&app, &name)?.settings;
    let kept = app.server.runtime().exporter_values(&name);
    for secret in known.iter().filter(|setting: &&SettingSeen| setting.kind == "secret") {
        if settings.get(&secret.name).is_none_or(Value::is_null) {
            match kept.get(&secret.name) {
                Some(value) => settings.insert(secret.name.clone(), value.clone()),
                None => settings.shift_remove(&secret.name),
            };
        }
    }
    app.server.perform(Operation::SetExporter { exporter: name.clone(), settings }).await?;
    find(&app, &name).map(Json)
}

pub(crate) async fn of_instance(
    State(app): State<App>,
    At(id): At<String>,
) -> Result<Json<OfInstance>, Problem> {
    Ok(Json(OfInstance { exporters: app.server.exporters_of(&id).await? }))
}

pub(crate) async fn switch(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
    Body(Switch { to }): Body<Switch>,
) -> Result<Json<ExporterSeen>, Problem> {
    let find = async || {
        let all = app.server.exporters_of(&id).await?;
        let names: Vec<_> = all.iter().map(|exporter| exporter.name.clone()).collect();
        all.into_iter().find(|exporter| exporter.name == name).ok_or_else(|| {
            Problem::not_found(format!("no exporter `{name}`; there are: {}", names.join(", ")))
        })
    };
    find().await?;
    app.server.perform(Operation::SwitchExport { instance: id.clone(), name: name.clone(), to }).await?;
    find().await.map(Json)
}
