//! The page's files: those in the program, or of a folder for whoever works on them.

use std::{borrow::Cow, io::Write, path::PathBuf, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use parking_lot::Mutex;
use rust_embed::RustEmbed;
use sha2::{Digest, Sha256};

use crate::{App, Problem, problem};

/// What the page's build leaves; nothing where it has not been built.
#[derive(RustEmbed)]
#[folder = "../../page/dist"]
#[allow_missing = true]
struct Built;

/// Where there is no page.
const NO_PAGE: &str = "<!doctype html><meta charset=utf-8><title>Watchpost</title><h1>Watchpost</h1>\
    <p>This program was built without its page: run <code>make page</code> before building it. The API is at \
    <a href=/openapi.json>/openapi.json</a>.";
/// Files worth compressing are text; smaller ones fit into a packet as they are.
const MIN_GZIP_BYTES: usize = 1024;
/// Of the folder, in place of what is in the program.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// See the module.
pub(crate) struct Page {
    folder: Option<PathBuf>,
    /// Compressed files by their ETag: each is compressed once.
    compressed: Mutex<Vec<(String, Bytes)>>,
}

/// One file as it is sent.
struct File {
    bytes: Cow<'static, [u8]>,
    kind: &'static str,
    etag: String,
    /// Its name changes with it.
    immutable: bool,
}

impl Page {
    pub fn new(folder: Option<PathBuf>) -> Self {
        Self { folder, compressed: Mutex::default() }
    }

    fn find(&self, path: &str) -> Option<File> {
        let is_plain = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
        if !is_plain || path.contains(['\\', '\0']) {
            return None;
        }
        let bytes = match &self.folder {
            Some(folder) => {
                let file = folder.join(path);
                let is_small = file.metadata().is_ok_and(|is| is.is_file() && is.len() <= MAX_FILE_BYTES);
                Cow::Owned(is_small.then(|| std::fs::read(file).ok()).flatten()?)
            }
            None => Built::get(path)?.data,
        };
        let digest = Sha256::digest(&bytes);
        let etag = format!("\"{}\"", digest.iter().take(12).map(|b| format!("{b:02x}")).collect::<String>());
        Some(File { kind: kind(path), etag, immutable: is_hashed(path), bytes })
    }

    fn gzip(&self, file: &File) -> Bytes {
        if let Some((_, bytes)) = self.compressed.lock().iter().find(|(etag, _)| *etag == file.etag) {
            return bytes.clone();
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let _in_memory = encoder.write_all(&file.bytes);
        let bytes = Bytes::from(encoder.finish().unwrap_or_default());
        let mut compressed = self.compressed.lock();
        // A page has some dozens of files; those of a folder change, and old ones are of no use.
        if compressed.len() >= 64 {
            compressed.remove(0);
        }
        compressed.push((file.etag.clone(), bytes.clone()));
        bytes
    }
}

/// Everything that is no route of the API: a file, or the page itself, which knows its own paths.
pub(crate) async fn page(State(app): State<App>, request: Request) -> Response {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let headers = request.headers().clone();
    let is_api = ["api/", "v1/", "hls/", "schema/"].iter().any(|part| path.starts_with(part));
    if !reads || is_api {
        return problem::no_such_path(request).await.into_response();
    }
    let page: Arc<Page> = app.page.clone();
    let accepts = |what: &str| {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains(what))
    };
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let wants_page = path.is_empty() || !is_file && accepts("text/html");
    let looked = tokio::task::spawn_blocking(move || {
        let file = page.find(&path).or_else(|| wants_page.then(|| page.find("index.html")).flatten());
        (file.map(|file| answer(&page, &file, &headers)), wants_page)
    });
    match looked.await {
        Ok((Some(response), _)) => response,
        Ok((None, true)) => ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], NO_PAGE).into_response(),
        Ok((None, false)) => problem::no_such_path(request).await.into_response(),
        Err(_) => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "reading the page").into_response(),
    }
}

fn answer(page: &Page, file: &File, headers: &HeaderMap) -> Response {
    let text =
        |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let cache = if file.immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim() == file.etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else if text(header::ACCEPT_ENCODING).contains("gzip") && compresses(file) {
        ([(header::CONTENT_ENCODING, "gzip")], page.gzip(file)).into_response()
    } else {
        Bytes::copy_from_slice(&file.bytes).into_response()
    };
    let told = [
        (header::CONTENT_TYPE, file.kind),
        (header::CACHE_CONTROL, cache),
        (header::ETAG, file.etag.as_str()),
        (header::VARY, "accept-encoding"),
    ];
    for (name, value) in told {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn compresses(file: &File) -> bool {
    let is_text = file.kind.starts_with("text/") || file.kind.contains("json") || file.kind.contains("svg");
    is_text && file.bytes.len() >= MIN_GZIP_BYTES
}

/// By the end of its name; nothing is guessed from its content.
fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `name-4F2A77QX.js`: a digest of at least 8 letters and digits stands before the end of the name.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let Some((stem, _)) = name.rsplit_once('.') else { return false };
    let digest = stem.rsplit(['-', '.']).next().unwrap_or_default();
    let is_digest = digest.len() >= 8 && digest.chars().all(|c| c.is_ascii_alphanumeric());
    is_digest && digest.len() < stem.len() && digest.chars().any(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_digest_stay_in_caches() {
        assert!(is_hashed("main-4F2A77QX.js") && is_hashed("assets/x.0a1b2c3d.css"));
        for name in ["index.html", "main.js", "favicon.ico", "something-else.js", "12345678.js"] {
            assert!(!is_hashed(name), "{name}");
        }
    }

    #[test]
    fn nothing_outside_the_folder_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("dist")).unwrap();
        std::fs::write(folder.path().join("secret.txt"), "x").unwrap();
        std::fs::write(folder.path().join("dist/.hidden"), "x").unwrap();
        std::fs::write(folder.path().join("dist/a.txt"), "x").unwrap();
        let page = Page::new(Some(folder.path().join("dist")));
        assert!(page.find("a.txt").is_some());
        for path in ["../secret.txt", ".hidden", "", "/etc/passwd", "..", "a.txt/", "dist/..//a.txt"] {
            assert!(page.find(path).is_none(), "{path}");
        }
    }
}
