//! The last picture of an instance.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::{Look, Looked, SeenBox};

use crate::{
    App, Problem,
    extract::{Asked, At},
};

/// How it shall look.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Wanted {
    /// With boxes, areas and lines by the render preset, and not clean. Where the instance masks parts of its
    /// picture, all pictures are masked.
    rendered: bool,
    /// Pixels in a row, at most.
    #[schemars(range(min = 16, max = 8192))]
    width: Option<u32>,
    /// The frame seen last: wait, at most 5 s, for another.
    after: Option<u64>,
}

/// A picture with what is in it.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{
    "frame_id": 7, "frame_time": 280.0, "system_timestamp": 1785161453812_i64, "width": 1920, "height": 1080,
    "picture": "data:image/jpeg;base64,", "boxes": [],
}]))]
pub(crate) struct View {
    /// Which frame.
    frame_id: u64,
    /// Stream clock, ms.
    frame_time: f64,
    /// Wall clock it was taken at, Unix ms.
    system_timestamp: i64,
    /// The source's pixels in a row.
    width: u32,
    /// The source's rows.
    height: u32,
    /// A `data:` URL of a JPEG file.
    picture: String,
    /// What is in it, exactly in this frame.
    boxes: Vec<SeenBox>,
}

async fn look(app: &App, id: &str, wanted: &Wanted) -> Result<Option<Looked>, Problem> {
    let look = Look { rendered: wanted.rendered, max_width: wanted.width, after: wanted.after };
    Ok(app.server.look(id, look).await?)
}

pub(crate) async fn frame(
    State(app): State<App>,
    At(id): At<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let Some(seen) = look(&app, &id, &wanted).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let mut response = ([(header::CONTENT_TYPE, "image/jpeg")], seen.jpeg.clone()).into_response();
    let told = [
        ("watchpost-frame-id", seen.frame_id.to_string()),
        ("watchpost-frame-time", format!("{:.3}", seen.frame_time_ms)),
        ("watchpost-system-timestamp", seen.timestamp_ms.to_string()),
        ("watchpost-frame-size", format!("{}x{}", seen.size.width, seen.size.height)),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

pub(crate) async fn view(
    State(app): State<App>,
    At(id): At<String>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let Some(seen) = look(&app, &id, &wanted).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let view = View {
        frame_id: seen.frame_id,
        frame_time: seen.frame_time_ms,
        system_timestamp: seen.timestamp_ms,
        width: seen.size.width,
        height: seen.size.height,
        picture: format!("data:image/jpeg;base64,{}", STANDARD.encode(&seen.jpeg)),
        boxes: seen.boxes,
    };
    Ok(Json(view).into_response())
}
