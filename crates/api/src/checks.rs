//! What is asked before something is saved: would it work, what would come of it?

use axum::{Extension, Json, extract::State};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_runtime::{Drafted, Findings, Rehearsed, Samples, Tried};

use crate::{
    App, Problem,
    auth::Caller,
    document::{Document, current},
    exports::{Draft, allowed},
    extract::{At, Body},
    privilege, secrets,
};

/// An instance's `Input`, and the instance whose passwords it may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Trial {
    #[serde(default)]
    instance: Option<String>,
    #[serde(flatten)]
    input: Map<String, Value>,
}

impl JsonSchema for Trial {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SourceTrial".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "object",
            "required": ["uri"],
            "properties": {
                "uri": {"type": "string", "description": "Where the video comes from; other keys of `Input` may stand beside it."},
                "instance": {"type": ["string", "null"], "description": "Where `***` in the address is a password of this instance."},
            },
            "examples": [{"uri": "rtsp://camera/stream1"}],
        })
    }
}

pub(crate) async fn validate(
    State(app): State<App>,
    Body(Document(document)): Body<Document>,
) -> Json<Findings> {
    Json(app.server.examine(document))
}

pub(crate) async fn source(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(Trial { instance, input }): Body<Trial>,
) -> Result<Json<Tried>, Problem> {
    let old = match instance {
        Some(instance) => current(&app, &instance).await?,
        None => Map::new(),
    };
    let mut new = Value::Object(Map::from_iter([("Input".to_owned(), Value::Object(input))]));
    secrets::restore(&mut new, &Value::Object(old.clone()))?;
    let new = new.as_object().cloned().unwrap_or_default();
    privilege::check(&caller, &old, &new)?;
    let input = new.get("Input").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok(Json(app.server.try_source(input).await?))
}

pub(crate) async fn export(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Draft { name, export }): Body<Draft>,
) -> Result<Json<Drafted>, Problem> {
    let entry = allowed(&app, &caller, &id, &name, export.entry()).await?;
    Ok(Json(app.server.draft_export(&id, &name, entry).await?))
}

/// Areas and lines that are not saved.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AnalyticsTrial", extend("examples" = [{
    "Zone": {"Zones": {"8a329a3f-d9fc-e038-3435-676656695b07": {
        "name": "Yard", "vertices": [{"x": 0.1, "y": 0.1}, {"x": 0.9, "y": 0.1}, {"x": 0.5, "y": 0.9}], "trigger_on_enter": true,
    }}},
    "seconds": 60,
}]))]
pub(crate) struct Drawn {
    /// As in the instance's document; absent: no areas.
    #[serde(rename = "Zone", default)]
    #[schemars(schema_with = "object_or_null")]
    zone: Option<Value>,
    /// As in the instance's document; absent: no lines.
    #[serde(rename = "Tripwire", default)]
    #[schemars(schema_with = "object_or_null")]
    tripwire: Option<Value>,
    /// Of the tracks that were seen lately, so much; absent: 60.
    #[serde(default)]
    #[schemars(range(min = 1, max = 60))]
    seconds: Option<f64>,
}

fn object_or_null(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"type": ["object", "null"]})
}

pub(crate) async fn analytics(
    State(app): State<App>,
    At(id): At<String>,
    Body(Drawn { zone, tripwire, seconds }): Body<Drawn>,
) -> Result<Json<Rehearsed>, Problem> {
    let seconds = seconds.unwrap_or(60.0);
    Ok(Json(app.server.rehearse(&id, zone, tripwire, seconds).await?))
}

pub(crate) async fn samples(State(app): State<App>, At(id): At<String>) -> Result<Json<Samples>, Problem> {
    Ok(Json(app.server.samples(&id).await?))
}
