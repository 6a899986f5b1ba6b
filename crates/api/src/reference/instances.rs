//! Instances by the reference system's bodies. What of them has no meaning here (a detector's mode, sensitivities)
//! is kept in the instance's file and read back.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use watchpost_runtime::{InstanceSnapshot, Operation, Reply};

use crate::{
    App, Problem,
    auth::Caller,
    bounds,
    document::{current, edit},
    extract::{At, Body},
    instances::{instance, odd},
    privilege,
};

/// What an instance is to be; what is absent stays as it is.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(rename = "ReferenceInstanceBody", extend("examples" = [{"name": "Main gate", "solution": "securt", "autoStart": true}]))]
pub(crate) struct Wanted {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    solution: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    persistent: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    frame_rate_limit: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnostics_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug_mode: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detector_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detection_sensitivity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    movement_sensitivity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sensor_modality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_start: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_restart: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 3))]
    input_orientation: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_073_676_289))]
    input_pixel_limit: Option<u64>,
}

/// An instance as it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceInstance", extend("examples" = [{
    "instanceId": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867", "displayName": "Main gate", "solutionId": "securt",
    "solutionName": "SecuRT", "loaded": true, "running": true, "fps": 12.4, "version": "1.0.0", "readOnly": false,
    "systemInstance": false, "name": "Main gate", "autoStart": true,
}]))]
pub(crate) struct Shown {
    #[schemars(with = "String", extend("format" = "uuid"))]
    instance_id: watchpost_model::Id,
    display_name: String,
    solution_id: String,
    solution_name: &'static str,
    loaded: bool,
    running: bool,
    fps: f64,
    version: &'static str,
    read_only: bool,
    system_instance: bool,
    #[serde(flatten)]
    wanted: Wanted,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReferenceInstances", extend("examples" = [{"instances": []}]))]
pub(crate) struct All {
    instances: Vec<Shown>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceInstanceId", extend("examples" = [{"instanceId": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867"}]))]
pub(crate) struct Made {
    #[schemars(with = "String", extend("format" = "uuid"))]
    instance_id: watchpost_model::Id,
}

/// Where the parts of a body stand in the instance's file, by JSON pointer. The last ones mean nothing here.
const PLACES: [(&str, &str); 17] = [
    ("name", "/DisplayName"),
    ("solution", "/Solution"),
    ("autoStart", "/AutoStart"),
    ("frameRateLimit", "/SolutionManager/frame_rate_limit"),
    ("inputPixelLimit", "/SolutionManager/input_pixel_limit"),
    ("metadataMode", "/SolutionManager/send_metadata"),
    ("statisticsMode", "/SolutionManager/run_statistics"),
    ("diagnosticsMode", "/SolutionManager/send_diagnostics"),
    ("debugMode", "/SolutionManager/enable_debug"),
    ("group", "/Global/group"),
    ("persistent", "/Global/persistent"),
    ("detectorMode", "/Global/detector_mode"),
    ("detectionSensitivity", "/Global/detection_sensitivity"),
    ("movementSensitivity", "/Global/movement_sensitivity"),
    ("sensorModality", "/Global/sensor_modality"),
    ("autoRestart", "/Global/auto_restart"),
    ("inputOrientation", "/Global/input_orientation"),
];

impl Wanted {
    fn put_into(&self, document: &mut Map<String, Value>) -> Result<(), Problem> {
        let body = serde_json::to_value(self).unwrap_or_default();
        for (key, path) in PLACES {
            if let Some(value) = body.get(key) {
                super::config::set(document, path, value.clone())?;
            }
        }
        Ok(())
    }

    fn of(document: &Map<String, Value>) -> Self {
        let document = Value::Object(document.clone());
        let found = PLACES
            .iter()
            .filter_map(|(key, path)| Some(((*key).to_owned(), document.pointer(path)?.clone())));
        // What means nothing here may be anything in the file: told is what can be told in this form.
        let fits = |(key, value): &(String, Value)| {
            let alone = json!({key: value});
            bounds::check_body::<Self>(&alone).is_ok() && serde_json::from_value::<Self>(alone).is_ok()
        };
        serde_json::from_value(Value::Object(found.filter(fits).collect())).unwrap_or_default()
    }
}

async fn shown(app: &App, one: InstanceSnapshot) -> Result<Shown, Problem> {
    let wanted = Wanted::of(&current(app, &one.id.to_string()).await?);
    Ok(Shown {
        instance_id: one.id,
        display_name: one.name,
        solution_id: wanted.solution.clone().unwrap_or_else(|| "securt".to_owned()),
        solution_name: "SecuRT",
        loaded: true,
        running: one.state.runs(),
        fps: one.fps,
        version: env!("CARGO_PKG_VERSION"),
        read_only: false,
        system_instance: false,
        wanted,
    })
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<All>, Problem> {
    let Reply::Instances { instances, .. } = app.server.perform(Operation::List).await? else {
        return Err(odd());
    };
    let mut all = Vec::new();
    for one in instances {
        // One that was deleted this moment is left out.
        all.extend(shown(&app, one).await.ok());
    }
    Ok(Json(All { instances: all }))
}

pub(crate) async fn add(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(wanted): Body<Wanted>,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let mut document = Map::new();
    wanted.put_into(&mut document)?;
    privilege::check(&caller, &Map::new(), &document)?;
    let added = instance(app.server.perform(Operation::Add { document }).await?)?;
    Ok((StatusCode::CREATED, Json(Made { instance_id: added.id })))
}

pub(crate) async fn show(State(app): State<App>, At(id): At<String>) -> Result<Json<Shown>, Problem> {
    let one = instance(app.server.perform(Operation::Show { instance: id }).await?)?;
    shown(&app, one).await.map(Json)
}

pub(crate) async fn change(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(wanted): Body<Wanted>,
) -> Result<StatusCode, Problem> {
    edit(&app, &caller, &id, None, |old| {
        let mut new = old.clone();
        wanted.put_into(&mut new)?;
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn delete(app: State<App>, id: At<String>) -> Result<StatusCode, Problem> {
    let _what_went_along = crate::instances::delete(app, id, HeaderMap::new()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An instance is loaded as long as its file is there.
pub(crate) async fn load(State(app): State<App>, At(id): At<String>) -> Result<StatusCode, Problem> {
    app.server.id_of(&id)?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn start(State(app): State<App>, At(instance): At<String>) -> Result<StatusCode, Problem> {
    app.server.perform(Operation::Start { instance }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn stop(State(app): State<App>, At(instance): At<String>) -> Result<StatusCode, Problem> {
    app.server.perform(Operation::Stop { instance }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn restart(State(app): State<App>, At(instance): At<String>) -> Result<StatusCode, Problem> {
    app.server.perform(Operation::Restart { instance }).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) fn solutions() -> Value {
    json!({"solutions": [{"solutionId": "securt", "solutionName": "SecuRT"}]})
}
