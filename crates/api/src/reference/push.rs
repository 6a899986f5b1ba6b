//! Video that is pushed: a picture or an access unit a request. REFERENCE "REST" names the paths and says nothing of
//! bodies: here a body is the bytes themselves.

use axum::{
    body::Bytes,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_runtime::{FeedKind, PostError};

use crate::{
    App, Problem,
    extract::{Asked, At, bytes},
};

/// Largest picture or access unit, in bytes: an 8K picture as a good JPEG.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// When it was taken.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Taken {
    /// The wall clock it was taken at, Unix ms; absent: now.
    #[schemars(range(min = 978_307_200_001_i64, max = 253_402_300_799_999_i64))]
    timestamp_ms: Option<i64>,
}

pub(crate) async fn compressed(
    State(app): State<App>,
    At(id): At<String>,
    Asked(taken): Asked<Taken>,
    request: Request,
) -> Result<Response, Problem> {
    let data = bytes(request, &app).await?;
    let kind = FeedKind::of_picture(&data).ok_or_else(|| {
        let detail = "the body is neither a JPEG nor a PNG file: send the file's bytes as they are";
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    })?;
    push(&app, &id, kind, data, taken).await
}

pub(crate) async fn encoded(
    State(app): State<App>,
    At((id, codec)): At<(String, String)>,
    Asked(taken): Asked<Taken>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = match codec.to_ascii_lowercase().as_str() {
        "h264" | "avc" => FeedKind::H264,
        "h265" | "hevc" => FeedKind::H265,
        "mjpeg" | "jpeg" => FeedKind::Jpeg,
        "png" => FeedKind::Png,
        _ => {
            let detail = format!("no codec `{codec}`; there are h264, h265, jpeg, png");
            return Err(Problem::not_found(detail));
        }
    };
    let data = bytes(request, &app).await?;
    if !kind.fits(&data) {
        let detail = match kind {
            FeedKind::H264 | FeedKind::H265 => {
                "the body does not begin with a start code (00 00 01): send one access unit as a byte stream \
                 (annex B), key frames with their parameter sets"
            }
            FeedKind::Jpeg | FeedKind::Png => "the body is no such picture",
        };
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    push(&app, &id, kind, data, taken).await
}

async fn push(app: &App, id: &str, kind: FeedKind, data: Bytes, taken: Taken) -> Result<Response, Problem> {
    match app.server.push_video(id, kind, data, taken.timestamp_ms).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(PostError::Unknown(error)) => Err(error.into()),
        Err(PostError::NotTaking(name)) => {
            let detail = format!(
                "instance `{name}` takes no pushed video now: its Input.uri must be \"push://\", and it must be started"
            );
            Err(Problem::new(StatusCode::CONFLICT, detail))
        }
        Err(PostError::Full) => Ok(behind()),
    }
}

/// Nothing was taken: come again.
pub(crate) fn behind() -> Response {
    let detail = "the analysis is behind: nothing was taken; push the same again, or leave this frame out";
    let mut response = Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}
