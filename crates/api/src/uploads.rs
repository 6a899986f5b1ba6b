//! Files that somebody brings along, to be a source: kept in `uploads/` of the data folder.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use futures_util::StreamExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;

use crate::{App, Problem, extract::Asked};

/// Largest file, in bytes: an hour of a camera at 4 Mbit/s.
pub(crate) const MAX_BYTES: u64 = 2 << 30;
/// What stays free on the disk: as much as the journal leaves (PRODUCT section 12).
const LEFT_FREE_BYTES: u64 = 1 << 30;
/// The folder in the data folder.
const FOLDER: &str = "uploads";

/// What it is called.
#[derive(Deserialize, JsonSchema)]
pub(crate) struct Named {
    /// The file's name; what cannot stand in one is replaced.
    name: String,
}

/// Where it is.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"uri": "uploads/clip.mp4", "bytes": 1048576}]))]
pub(crate) struct Uploaded {
    /// For `Input.uri`: relative to the data folder.
    uri: String,
    /// Its size.
    bytes: u64,
}

pub(crate) async fn upload(
    State(app): State<App>,
    Asked(Named { name }): Asked<Named>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Uploaded>), Problem> {
    let too_large = || {
        let gib = MAX_BYTES >> 30;
        Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a file may have {gib} GiB, and the disk must have room"),
        )
    };
    let length =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    let room = app.server.health().disk.free_bytes.saturating_sub(LEFT_FREE_BYTES).min(MAX_BYTES);
    if length.is_some_and(|length| length > room) {
        return Err(too_large());
    }
    let failed = |error: std::io::Error| {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{FOLDER}/ of the data folder: {error}"))
    };
    let folder = app.server.runtime().data().join(FOLDER);
    tokio::fs::create_dir_all(&folder).await.map_err(failed)?;
    let name = plain(&name);
    let kept = free_name(&folder, &name);
    // Under another name until it is whole.
    let part = folder.join(format!(".{}{PART}", watchpost_model::Id::new_v4()));
    let written = async {
        let mut file = tokio::fs::File::create(&part).await.map_err(failed)?;
        let mut chunks = body.into_data_stream();
        let mut bytes = 0;
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| {
                let unread = || Problem::new(StatusCode::BAD_REQUEST, error.to_string());
                crate::patience::too_slow(&error).unwrap_or_else(unread)
            })?;
            bytes += chunk.len() as u64;
            if bytes > room {
                return Err(too_large());
            }
            file.write_all(&chunk).await.map_err(failed)?;
        }
        if bytes == 0 {
            return Err(Problem::invalid("the file is empty"));
        }
        file.sync_all().await.map_err(failed)?;
        tokio::fs::rename(&part, folder.join(&kept)).await.map_err(failed)?;
        Ok(bytes)
    };
    match written.await {
        Ok(bytes) => Ok((StatusCode::CREATED, Json(Uploaded { uri: format!("{FOLDER}/{kept}"), bytes }))),
        Err(problem) => {
            let _there_or_not = tokio::fs::remove_file(&part).await;
            Err(problem)
        }
    }
}

/// What is not whole yet has this behind its name.
const PART: &str = ".part";

/// Removes what uploads have left that were under way when the process was killed: up to 2 GiB each.
pub(crate) fn tidy(data: &std::path::Path) {
    let Ok(entries) = std::fs::read_dir(data.join(FOLDER)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_part = name.to_str().is_some_and(|name| name.starts_with('.') && name.ends_with(PART));
        if is_part && let Err(error) = std::fs::remove_file(entry.path()) {
            tracing::warn!("{} is left of an upload and cannot be removed: {error}", entry.path().display());
        }
    }
}

/// A name that leads nowhere else.
fn plain(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let letter = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let plain: String = last.chars().map(letter).take(60).collect();
    let plain = plain.trim_start_matches('.').to_owned();
    if plain.is_empty() { "file".to_owned() } else { plain }
}

/// Nothing is replaced: `clip.mp4`, `clip-1.mp4`, ...
fn free_name(folder: &std::path::Path, name: &str) -> String {
    let (stem, end) =
        name.rsplit_once('.').map_or((name, String::new()), |(stem, end)| (stem, format!(".{end}")));
    let numbered = (1..10_000).map(|number| format!("{stem}-{number}{end}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names
        .find(|name| !folder.join(name).exists())
        .unwrap_or_else(|| format!("{}{end}", watchpost_model::Id::new_v4()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_kill_has_left_goes_and_what_is_whole_stays() {
        let data = tempfile::tempdir().unwrap();
        tidy(data.path());
        let folder = data.path().join(FOLDER);
        std::fs::create_dir(&folder).unwrap();
        for name in [".1.part", "a.part", "b.mp4"] {
            std::fs::write(folder.join(name), "x").unwrap();
        }
        tidy(data.path());
        let mut left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.part", "b.mp4"]);
    }

    #[test]
    fn names_lead_nowhere_else() {
        for (given, kept) in [
            ("clip.mp4", "clip.mp4"),
            ("../../etc/passwd", "passwd"),
            ("..", "file"),
            ("", "file"),
            ("a b\0.mp4", "a_b_.mp4"),
            ("C:\\x\\y.avi", "y.avi"),
            (".hidden", "hidden"),
        ] {
            assert_eq!(plain(given), kept, "{given:?}");
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.mp4"), "x").unwrap();
        assert_eq!(free_name(folder.path(), "a.mp4"), "a-1.mp4");
    }
}
