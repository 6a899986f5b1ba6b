//! The server as a whole, by the reference system's bodies.

use std::time::Duration;

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::App;

/// One setting of the system.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SystemConfigEntity", extend("examples" = [{
    "fieldId": "data", "displayName": "Data folder", "type": "text", "value": "/var/lib/watchpost", "group": "Storage",
    "availableValues": [],
}]))]
pub(crate) struct Field {
    field_id: &'static str,
    display_name: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    value: Value,
    group: &'static str,
    available_values: Vec<Value>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "SystemConfig", extend("examples" = [{"systemConfig": []}]))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    system_config: Vec<Field>,
}

/// They are given on the command line: read here, not written.
pub(crate) async fn config(State(app): State<App>) -> Json<Config> {
    let health = app.server.health();
    let addresses: Vec<_> = app.addresses.iter().map(ToString::to_string).collect();
    let field = |field_id, display_name, group, value: Value| {
        let kind = if value.is_boolean() { "checkbox" } else { "text" };
        Field { field_id, display_name, kind, value, group, available_values: Vec::new() }
    };
    let system_config = vec![
        field("data", "Data folder", "Storage", health.data.display().to_string().into()),
        field("listen", "Address", "Network", addresses.join(", ").into()),
        field("tls", "TLS", "Network", app.tls.into()),
    ];
    Json(Config { system_config })
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
