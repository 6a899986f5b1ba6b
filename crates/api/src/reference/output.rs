//! Switches for the source and for HLS and RTSP outputs, the render preset, and the last picture.

use axum::{
    Extension, Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use watchpost_runtime::{InstanceState, Look, Operation};

use crate::{
    App, Problem,
    auth::Caller,
    document::edit,
    extract::{At, Body},
    instances::instance,
};

/// What the source is.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum Kind {
    #[serde(rename = "RTSP")]
    Rtsp,
    Manual,
}

/// A source.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ReferenceInput", extend("examples" = [{"type": "RTSP", "uri": "rtsp://camera/stream1"}]))]
pub(crate) struct Input {
    #[serde(rename = "type")]
    kind: Kind,
    uri: String,
}

/// On or off.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ReferenceHls", extend("examples" = [{"enabled": true}]))]
pub(crate) struct Hls {
    enabled: bool,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReferenceHlsUri", extend("examples" = [{"uri": "/hls/3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867.m3u8"}]))]
pub(crate) struct HlsUri {
    uri: String,
}

/// On or off, and where.
#[derive(Deserialize, JsonSchema)]
#[schemars(rename = "ReferenceRtsp", extend("examples" = [{"enabled": true, "uri": "rtsp://127.0.0.1:8554/gate"}]))]
pub(crate) struct Rtsp {
    enabled: bool,
    #[serde(default)]
    uri: Option<String>,
}

/// What is drawn into exported pictures.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferencePreset", extend("examples" = [{"presetName": "Default"}]))]
pub(crate) struct Preset {
    /// `Default`, or empty or `NONE` for clean pictures.
    preset_name: String,
}

/// The last picture.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ReferenceFrame", extend("examples" = [{"frame": "", "running": false}]))]
pub(crate) struct Frame {
    /// Base64 of a JPEG file; empty while there is none.
    frame: String,
    running: bool,
}

pub(crate) async fn input(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Input { kind, uri }): Body<Input>,
) -> Result<StatusCode, Problem> {
    let name = match kind {
        Kind::Rtsp => "IP Camera",
        Kind::Manual => "Manual",
    };
    edit(&app, &caller, &id, None, |old| {
        let mut new = old.clone();
        super::config::set(&mut new, "/Input/media_type", name.into());
        super::config::set(&mut new, "/Input/uri", uri.into());
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The handler of a kind that is there, by the beginning of its address; else `name`.
fn handler_of(document: &Map<String, Value>, scheme: &str, uri: Option<&str>, name: &str) -> String {
    let handlers =
        document.get("Output").and_then(|output| output.get("handlers")).and_then(Value::as_object);
    let mut matching = handlers.into_iter().flatten().filter(|(_, handler)| {
        let there = handler["uri"].as_str().unwrap_or_default();
        uri.map_or(there.starts_with(scheme), |uri| there == uri)
    });
    matching.next().map_or_else(|| name.to_owned(), |(name, _)| name.clone())
}

fn with_handler(
    old: &Map<String, Value>,
    scheme: &str,
    uri: Option<&str>,
    default: &str,
    enabled: bool,
) -> Map<String, Value> {
    let mut new = old.clone();
    // REFERENCE "Instance file": a name made of an address has `-` for `/`.
    let name = handler_of(old, scheme, uri, &uri.unwrap_or(default).replace('/', "-"));
    let path = format!("/Output/handlers/{}", name.replace('~', "~0").replace('/', "~1"));
    if Value::Object(new.clone()).pointer(&path).is_none() {
        if !enabled {
            return new;
        }
        let handler = json!({"uri": uri.unwrap_or(default), "sink": "output-image", "config": {}});
        super::config::set(&mut new, &path, handler);
    }
    super::config::set(&mut new, &format!("{path}/enabled"), enabled.into());
    new
}

pub(crate) async fn hls(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Hls { enabled }): Body<Hls>,
) -> Result<Response, Problem> {
    edit(&app, &caller, &id, None, |old| Ok(with_handler(old, "hls://", None, "hls://", enabled))).await?;
    if !enabled {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let uri = format!("/hls/{}.m3u8", app.server.id_of(&id)?);
    Ok(Json(HlsUri { uri }).into_response())
}

pub(crate) async fn rtsp(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Rtsp { enabled, uri }): Body<Rtsp>,
) -> Result<StatusCode, Problem> {
    let default = format!("rtsp://127.0.0.1:8554/{}", app.server.id_of(&id)?);
    edit(&app, &caller, &id, None, |old| Ok(with_handler(old, "rtsp://", uri.as_deref(), &default, enabled)))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn preset(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Preset { preset_name }): Body<Preset>,
) -> Result<StatusCode, Problem> {
    edit(&app, &caller, &id, None, |old| {
        let mut new = old.clone();
        super::config::set(&mut new, "/Output/render_preset", preset_name.into());
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn frame(State(app): State<App>, At(id): At<String>) -> Result<Json<Frame>, Problem> {
    let shown = instance(app.server.perform(Operation::Show { instance: id.clone() }).await?)?;
    let seen = app.server.look(&id, Look { rendered: true, ..Look::default() }).await?;
    let frame = seen.map(|seen| STANDARD.encode(seen.jpeg)).unwrap_or_default();
    Ok(Json(Frame { frame, running: shown.state == InstanceState::Running }))
}
