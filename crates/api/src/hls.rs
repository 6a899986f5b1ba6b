//! Live video for players: `/hls/<InstanceId>.m3u8`, and of every export `/hls/<InstanceId>/<name>.m3u8`.
//!
//! Other sites' pages may play it (CORS): pages that show cameras are seldom served from here. `*` never lets them use
//! a visitor's cookies, and only GET is routed.
//!
//! Of a stream with low latency a player may ask for what is not there yet, and is answered when it has come: the
//! next state of the playlist, or the part that it announces (draft-pantos-hls-rfc8216bis section 6.2.5.2).

use std::{future::poll_fn, sync::Arc};

use axum::{
    Router,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use schemars::JsonSchema;
use serde::Deserialize;
use watchpost_runtime::hls::{Awaited, Come, HlsStream, find};

use crate::{
    Problem,
    extract::{Asked, At},
};

/// RFC 8216 section 4.
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MEDIA: &str = "video/mp4";
/// A playlist changes with every piece; pieces never do, and are gone within minutes.
const NOT_CACHED: &str = "no-cache";
const CACHED: &str = "max-age=60";

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/hls/{playlist}", get(first))
        .route("/hls/{instance}/{playlist}", get(by_name))
        .route("/hls/{instance}/{name}/{file}", get(file))
}

/// What a player wants the playlist to have (section 6.2.5.2). Other keys are not ours.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
struct Reload {
    #[serde(rename = "_HLS_msn")]
    piece: Option<u64>,
    #[serde(rename = "_HLS_part")]
    part: Option<usize>,
}

/// What stands behind the `?` and is none of it is 400 (section 6.2.5.2), not 422 as elsewhere.
type Wanted = Result<Asked<Reload>, Problem>;

async fn first(At(playlist): At<String>, wanted: Wanted) -> Response {
    let instance = playlist.strip_suffix(".m3u8");
    let Some((instance, stream)) = instance.and_then(|id| Some((id, find(id, None)?))) else {
        return answer(None, PLAYLIST, NOT_CACHED);
    };
    let base = format!("{instance}/{}/", coded(&stream));
    reloaded(&stream, wanted, &base).await
}

async fn by_name(At((instance, playlist)): At<(String, String)>, wanted: Wanted) -> Response {
    let found = playlist.strip_suffix(".m3u8").and_then(|name| find(&instance, Some(name)));
    let Some(stream) = found else { return answer(None, PLAYLIST, NOT_CACHED) };
    let base = format!("{}/", coded(&stream));
    reloaded(&stream, wanted, &base).await
}

async fn reloaded(stream: &Arc<HlsStream>, wanted: Wanted, base: &str) -> Response {
    let Ok(Asked(reload)) = wanted else {
        return refused(StatusCode::BAD_REQUEST, "_HLS_msn and _HLS_part are numbers");
    };
    let awaited = match reload {
        Reload { piece: Some(piece), part } => Some(Awaited { piece, part }),
        Reload { piece: None, part: Some(_) } => {
            return refused(
                StatusCode::BAD_REQUEST,
                "_HLS_part stands for a part of the piece _HLS_msn, which is missing",
            );
        }
        Reload { piece: None, part: None } => None,
    };
    if let Some(awaited) = awaited.filter(|_| stream.is_low_latency())
        && let Err(refused) = come(stream, awaited).await
    {
        return refused;
    }
    answer(stream.playlist(base).map(String::into_bytes), PLAYLIST, NOT_CACHED)
}

/// Waits for what a player awaits.
async fn come(stream: &Arc<HlsStream>, awaited: Awaited) -> Result<(), Response> {
    let came = poll_fn(|context| stream.poll_come(awaited, context));
    match tokio::time::timeout(stream.patience(), came).await {
        // What is gone is not found either.
        Ok(Come::Here | Come::Gone) => Ok(()),
        Ok(Come::TooFar) => {
            Err(refused(StatusCode::BAD_REQUEST, "_HLS_msn is more than two pieces ahead of the newest"))
        }
        Err(_) => {
            Err(refused(StatusCode::SERVICE_UNAVAILABLE, "nothing comes from the source: ask again later"))
        }
    }
}

async fn file(At((instance, name, file)): At<(String, String, String)>) -> Response {
    let Some(stream) = find(&instance, Some(&name)) else { return answer(None, MEDIA, CACHED) };
    // Only parts are asked for before they are there.
    if let Some(awaited) = Awaited::of_file(&file).filter(|awaited| awaited.part.is_some())
        && stream.is_low_latency()
        && let Err(refused) = come(&stream, awaited).await
    {
        return refused;
    }
    // Pieces of a finished playlist are read from the disk.
    let bytes = tokio::task::spawn_blocking(move || stream.file(&file)).await.ok().flatten();
    answer(bytes, MEDIA, CACHED)
}

fn refused(status: StatusCode, detail: &str) -> Response {
    ([(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*")], Problem::new(status, detail)).into_response()
}

fn answer(bytes: Option<Vec<u8>>, kind: &'static str, cache: &'static str) -> Response {
    let cors = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    // The same for players that ask without CORS: `<video src>` of Safari.
    let anywhere = (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    match bytes {
        Some(bytes) => {
            let kept = (header::CACHE_CONTROL, cache);
            ([(header::CONTENT_TYPE, kind), kept, cors, anywhere], bytes).into_response()
        }
        None => {
            let detail = "no such stream or piece: it may not have begun, be over, or not be exported by HLS";
            ([cors], Problem::new(StatusCode::NOT_FOUND, detail)).into_response()
        }
    }
}

/// The export's name as a part of a path (RFC 3986 section 3.3).
fn coded(stream: &HlsStream) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let code = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    stream.name().bytes().map(code).collect()
}
