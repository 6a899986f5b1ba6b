//! The server as a whole, by the reference system's bodies.

use std::{collections::BTreeMap, time::Duration};

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use watchpost_runtime::SettingSeen;

use crate::{App, Problem, exporters, extract::Body};

/// One setting of the system.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SystemConfigEntity", extend("examples" = [{
    "fieldId": "data", "displayName": "Data folder", "type": "text", "value": "/var/lib/watchpost", "group": "Storage",
    "availableValues": [],
}]))]
pub(crate) struct Field {
    field_id: String,
    display_name: String,
    #[serde(rename = "type")]
    kind: String,
    value: Value,
    group: String,
    available_values: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SystemConfig", extend("examples" = [{"systemConfig": []}]))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    system_config: Vec<Field>,
}

/// Settings that are to be others.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "SystemConfigChange", extend("examples" = [{
    "systemConfig": [{"fieldId": "exporters/JSONExport/folder", "value": "json-export"}],
}]))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    #[schemars(length(max = 1000))]
    system_config: Vec<ChangedField>,
}

/// A setting and its new value; what else an entity says of itself is not looked at.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SystemConfigValue")]
struct ChangedField {
    field_id: String,
    #[schemars(schema_with = "any_value")]
    value: Value,
}

fn any_value(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["string", "number", "boolean", "null"]})
}

/// Those that are given on the command line.
const FIXED: [(&str, &str); 3] = [("data", "--data"), ("listen", "--listen"), ("tls", "--tls-certificate")];

/// What the command line has said, and the settings of exporters, which can be changed.
pub(crate) async fn config(State(app): State<App>) -> Json<Config> {
    let addresses: Vec<_> = app.addresses.iter().map(ToString::to_string).collect();
    let field = |field_id: &str, display_name: &str, group: &str, value: Value| {
        let kind = if value.is_boolean() { "checkbox" } else { "text" };
        Field {
            field_id: field_id.to_owned(),
            display_name: display_name.to_owned(),
            kind: kind.to_owned(),
            value,
            group: group.to_owned(),
            available_values: Vec::new(),
        }
    };
    let data = app.server.runtime().data().display().to_string();
    let mut system_config = vec![
        field("data", "Data folder", "Storage", data.into()),
        field("listen", "Address", "Network", addresses.join(", ").into()),
        field("tls", "TLS", "Network", app.tls.into()),
    ];
    for exporter in app.server.installed() {
        let of = |setting| of_exporter(&exporter.name, setting);
        system_config.extend(exporter.settings.iter().map(of));
    }
    Json(Config { system_config })
}

fn of_exporter(exporter: &str, setting: &SettingSeen) -> Field {
    Field {
        field_id: format!("{EXPORTERS}{exporter}/{}", setting.name),
        display_name: setting.label.clone(),
        kind: setting.kind.clone(),
        value: setting.value.clone(),
        group: exporter.to_owned(),
        available_values: setting.options.iter().cloned().map(Value::from).collect(),
    }
}

/// What the ids of exporters' settings begin with.
const EXPORTERS: &str = "exporters/";

/// All of an exporter's settings are set at once, so that no two of them are ever seen half changed.
pub(crate) async fn change(
    State(app): State<App>,
    Body(Change { system_config }): Body<Change>,
) -> Result<StatusCode, Problem> {
    let installed = app.server.installed();
    let mut changes: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for (index, field) in system_config.iter().enumerate() {
        let place = format!("/systemConfig/{index}/fieldId");
        if let Some((id, option)) = FIXED.iter().find(|(id, _)| *id == field.field_id) {
            let detail = format!("{place}: `{id}` is given on the command line: start with {option}");
            return Err(Problem::invalid(detail));
        }
        let named = field.field_id.strip_prefix(EXPORTERS).and_then(|rest| rest.rsplit_once('/'));
        let known = named.filter(|(exporter, setting)| {
            let of = installed.iter().find(|one| one.name == *exporter);
            of.is_some_and(|one| one.settings.iter().any(|known| known.name == *setting))
        });
        let Some((exporter, setting)) = known else {
            let detail = format!("{place}: there is no `{}`; GET has all that there are", field.field_id);
            return Err(Problem::invalid(detail));
        };
        let values = || app.server.runtime().exporter_values(exporter);
        changes.entry(exporter).or_insert_with(values).insert(setting.to_owned(), field.value.clone());
    }
    for (exporter, settings) in changes {
        exporters::give(&app, exporter, settings).await?;
    }
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn info(State(app): State<App>) -> Json<Value> {
    let health = app.server.health();
    Json(json!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptimeSeconds": app.started.elapsed().as_secs(),
        "memoryBytes": health.memory_bytes,
        "diskFreeBytes": health.disk.free_bytes,
        "instances": health.instances,
    }))
}

pub(crate) async fn version() -> Json<Value> {
    Json(json!({"version": env!("CARGO_PKG_VERSION"), "name": "Watchpost"}))
}

pub(crate) async fn solutions() -> Json<Value> {
    Json(super::instances::solutions())
}

/// The answer is on its way before the server begins to stop: its connection ends with it.
const ANSWER_FIRST: Duration = Duration::from_millis(200);

/// As `TERM` does it: everything that is under way is finished, within 10 s.
pub(crate) async fn shutdown(State(app): State<App>) -> StatusCode {
    tracing::info!("told to stop through the API");
    tokio::spawn(async move {
        tokio::time::sleep(ANSWER_FIRST).await;
        app.stop.notify_one();
    });
    StatusCode::NO_CONTENT
}
