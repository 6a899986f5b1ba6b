//! Tests that really do something: a sample through an export, records through a preprocess command.

use axum::{Extension, Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::{Happened, Preprocessed, Tested};
use watchpost_schema::Version;

use crate::{
    App, Problem,
    auth::Caller,
    exports::{Draft, allowed},
    extract::{At, Body},
};

/// A preprocess command.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"command": "python3 filter.py", "version": 2}]))]
pub(crate) struct Command {
    /// As `Output.preprocess_cmd`.
    #[schemars(length(min = 1, max = 16384))]
    command: String,
    /// As `Output.preprocess_version`; absent: 2.
    #[serde(default)]
    #[schemars(range(min = 1, max = 2))]
    version: Option<u64>,
}

/// The last deliveries and failures of a receiver.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"deliveries": [{"at_ms": 1785161453812_i64, "outcome": "delivered", "count": 3}]}]))]
pub(crate) struct Deliveries {
    /// Newest first; deliveries close to each other are one entry.
    deliveries: Vec<Happened>,
}

pub(crate) async fn export(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<Tested>, Problem> {
    Ok(Json(app.server.send_test(&id, &name).await?))
}

pub(crate) async fn draft(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Draft { name, export }): Body<Draft>,
) -> Result<Json<Tested>, Problem> {
    let entry = allowed(&app, &caller, &id, &name, export.entry()).await?;
    Ok(Json(app.server.test_draft(&id, &name, entry).await?))
}

pub(crate) async fn preprocess(
    State(app): State<App>,
    At(id): At<String>,
    Body(Command { command, version }): Body<Command>,
) -> Result<Json<Preprocessed>, Problem> {
    let version =
        Version::try_from(version.unwrap_or(2)).map_err(|_| Problem::invalid("/version: expected 1 or 2"))?;
    Ok(Json(app.server.try_preprocess(&id, &command, version).await?))
}

pub(crate) async fn deliveries(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
) -> Result<Json<Deliveries>, Problem> {
    Ok(Json(Deliveries { deliveries: app.server.deliveries(&id, &name)? }))
}
