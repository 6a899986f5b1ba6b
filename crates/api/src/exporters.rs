//! Exporters: those installed, with their settings for all instances, and what has become of them in one.

use axum::{Json, extract::State};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_runtime::{Conformance, ExporterSeen, Installed, Operation, OutputLine, SettingSeen};

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

/// What a program has said.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ExporterOutput", extend("examples" = [{"lines": [{"at_ms": 1785161453812_i64, "from": "stderr", "text": "connected"}]}]))]
pub(crate) struct Output {
    /// The last 100, oldest first, over restarts of the program.
    lines: Vec<OutputLine>,
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
    Body(Settings(settings)): Body<Settings>,
) -> Result<Json<Installed>, Problem> {
    give(&app, &name, settings).await?;
    find(&app, &name).map(Json)
}

/// Gives an exporter its settings; secrets that are absent or null stay.
pub(crate) async fn give(app: &App, name: &str, mut settings: Map<String, Value>) -> Result<(), Problem> {
    let known = find(app, name)?.settings;
    let kept = app.server.runtime().exporter_values(name);
    for secret in known.iter().filter(|setting: &&SettingSeen| setting.kind == "secret") {
        if settings.get(&secret.name).is_none_or(Value::is_null) {
            match kept.get(&secret.name) {
                Some(value) => settings.insert(secret.name.clone(), value.clone()),
                None => settings.shift_remove(&secret.name),
            };
        }
    }
    app.server.perform(Operation::SetExporter { exporter: name.to_owned(), settings }).await?;
    Ok(())
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
    find_of(&app, &id, &name).await?;
    app.server.perform(Operation::SwitchExport { instance: id.clone(), name: name.clone(), to }).await?;
    find_of(&app, &id, &name).await.map(Json)
}

/// An exporter as an instance sees it.
async fn find_of(app: &App, id: &str, name: &str) -> Result<ExporterSeen, Problem> {
    let all = app.server.exporters_of(id).await?;
    let names: Vec<_> = all.iter().map(|exporter| exporter.name.clone()).collect();
    all.into_iter()
        .find(|exporter| exporter.name == name)
        .ok_or_else(|| Problem::not_found(format!("no exporter `{name}`; there are: {}", names.join(", "))))
}

pub(crate) async fn restart(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<ExporterSeen>, Problem> {
    let restart = Operation::RestartExporter { instance: id.clone(), exporter: name.clone() };
    app.server.perform(restart).await?;
    find_of(&app, &id, &name).await.map(Json)
}

pub(crate) async fn output(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<Output>, Problem> {
    let mut lines = app.server.exporter_output(&id, &name)?;
    // What is secret among its settings is hidden already; an address may have come from elsewhere.
    lines.iter_mut().for_each(|line| line.text = watchpost_config::redact(&line.text));
    Ok(Json(Output { lines }))
}

pub(crate) async fn test(State(app): State<App>, At(name): At<String>) -> Result<Json<Conformance>, Problem> {
    Ok(Json(app.server.test_exporter(&name).await?))
}
