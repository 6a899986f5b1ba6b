//! Live video for players: `/hls/<InstanceId>.m3u8`, and of every export `/hls/<InstanceId>/<name>.m3u8`.
//!
//! Other sites' pages may play it (CORS): pages that show cameras are seldom served from here.

use axum::{
    Router,
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use watchpost_runtime::hls::{HlsStream, find};

use crate::Problem;

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

async fn first(Path(playlist): Path<String>) -> Response {
    let instance = playlist.strip_suffix(".m3u8");
    let found = instance.and_then(|instance| Some((find(instance, None)?, instance)));
    let text =
        found.and_then(|(stream, instance)| stream.playlist(&format!("{instance}/{}/", coded(&stream))));
    answer(text.map(String::into_bytes), PLAYLIST, NOT_CACHED)
}

async fn by_name(Path((instance, playlist)): Path<(String, String)>) -> Response {
    let found = playlist.strip_suffix(".m3u8").and_then(|name| find(&instance, Some(name)));
    let text = found.and_then(|stream| stream.playlist(&format!("{}/", coded(&stream))));
    answer(text.map(String::into_bytes), PLAYLIST, NOT_CACHED)
}

async fn file(Path((instance, name, file)): Path<(String, String, String)>) -> Response {
    // Pieces of a finished playlist are read from the disk.
    let read = move || find(&instance, Some(&name)).and_then(|stream| stream.file(&file));
    let bytes = tokio::task::spawn_blocking(read).await.ok().flatten();
    answer(bytes, MEDIA, CACHED)
}

fn answer(bytes: Option<Vec<u8>>, kind: &'static str, cache: &'static str) -> Response {
    let cors = (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    match bytes {
        Some(bytes) => {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, cache), cors], bytes).into_response()
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
