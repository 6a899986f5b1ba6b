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
use watchpost_runtime::{Look, Operation};

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
        super::config::set(&mut new, "/Input/media_type", name.into())?;
        super::config::set(&mut new, "/Input/uri", uri.into())?;
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// JSON pointer of the handler of a kind that is there, by its address or the beginning of it; in a map, or in the list
/// of 2023.
fn path_of(document: &Map<String, Value>, scheme: &str, uri: Option<&str>) -> Option<String> {
    let matches = |handler: &Value| {
        let there = handler["uri"].as_str().unwrap_or_default();
        uri.map_or(there.starts_with(scheme), |uri| there == uri)
    };
    let key = match document.get("Output")?.get("handlers")? {
        Value::Object(map) => {
            let (name, _) = map.iter().find(|(_, handler)| matches(handler))?;
            name.replace('~', "~0").replace('/', "~1")
        }
        Value::Array(list) => list.iter().position(matches)?.to_string(),
        _ => return None,
    };
    Some(format!("{HANDLERS}/{key}"))
}

const HANDLERS: &str = "/Output/handlers";

/// The document with such a handler switched; `new`: name and address of one that is made where there is none.
fn with_handler(
    old: &Map<String, Value>,
    scheme: &str,
    uri: Option<&str>,
    new: (&str, &str),
    enabled: bool,
) -> Result<Map<String, Value>, Problem> {
    let mut document = old.clone();
    if let Some(path) = path_of(old, scheme, uri) {
        super::config::set(&mut document, &format!("{path}/enabled"), enabled.into())?;
        return Ok(document);
    }
    if !enabled {
        return Ok(document);
    }
    let (name, default) = new;
    let mut handler =
        json!({"uri": uri.unwrap_or(default), "sink": "output-image", "enabled": true, "config": {}});
    match document.get_mut("Output").and_then(|output| output.get_mut("handlers")) {
        Some(Value::Array(list)) => {
            handler["name"] = name.into();
            list.push(handler);
        }
        _ => {
            let path = format!("{HANDLERS}/{}", name.replace('~', "~0").replace('/', "~1"));
            super::config::set(&mut document, &path, handler)?;
        }
    }
    Ok(document)
}

pub(crate) async fn hls(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    Body(Hls { enabled }): Body<Hls>,
) -> Result<Response, Problem> {
    edit(&app, &caller, &id, None, |old| with_handler(old, "hls://", None, ("HLS", "hls://"), enabled))
        .await?;
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
    // REFERENCE "Instance file": a name made of an address has `-` for `/`.
    let name = uri.as_deref().unwrap_or(&default).replace('/', "-");
    edit(&app, &caller, &id, None, |old| {
        with_handler(old, "rtsp://", uri.as_deref(), (&name, &default), enabled)
    })
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
        super::config::set(&mut new, "/Output/render_preset", preset_name.into())?;
        Ok(new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn frame(State(app): State<App>, At(id): At<String>) -> Result<Json<Frame>, Problem> {
    let shown = instance(app.server.perform(Operation::Show { instance: id.clone() }).await?)?;
    let seen = app.server.look(&id, Look { rendered: true, ..Look::default() }).await?;
    let frame = seen.map(|seen| STANDARD.encode(seen.jpeg)).unwrap_or_default();
    Ok(Json(Frame { frame, running: shown.state.runs() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switched(handlers: &Value, uri: Option<&str>, enabled: bool) -> Value {
        let document = json!({"Output": {"handlers": handlers}});
        let document = document.as_object().unwrap();
        let new = with_handler(document, "rtsp://", uri, ("rtsp:--new", "rtsp://new"), enabled).unwrap();
        new["Output"]["handlers"].clone()
    }

    #[test]
    fn handlers_are_switched_and_made_in_a_map_and_in_a_list() {
        let other = json!({"uri": "json:///a.json"});
        let made = json!({"uri": "rtsp://new", "sink": "output-image", "enabled": true, "config": {}});
        assert_eq!(switched(&json!({"a": other}), None, true), json!({"a": other, "rtsp:--new": made}));
        let mut named = made;
        named["name"] = "rtsp:--new".into();
        assert_eq!(switched(&json!([other]), None, true), json!([other, named]));
        assert_eq!(switched(&json!([other]), None, false), json!([other]));
        let there = json!({"uri": "rtsp://x/y"});
        let off = json!({"uri": "rtsp://x/y", "enabled": false});
        assert_eq!(switched(&json!([other, there]), Some("rtsp://x/y"), false), json!([other, off]));
        assert_eq!(switched(&json!({"b/c": there}), None, false), json!({"b/c": off}));
    }
}
