//! The document of an instance, which is its file: read, written, patched. Its ETag changes with it, so that nobody
//! overwrites what somebody else has changed meanwhile (RFC 9110 section 13.1.1).

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use watchpost_runtime::{Operation, OperationError, Reply};

use crate::{
    App, Problem,
    auth::Caller,
    bounds,
    extract::{At, Body},
    instances::odd,
    privilege, secrets,
};

/// Largest document, in bytes: thousands of areas.
pub(crate) const MAX_BYTES: usize = 16 << 20;

/// An instance file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Document(pub Map<String, Value>);

impl JsonSchema for Document {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Document".into()
    }

    /// What everybody needs; every other key is kept as it is and checked where it is known. `null` stands for a key
    /// that is not there, and is kept, too.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = || json!({"type": ["string", "null"]});
        let object = || json!({"type": ["object", "null"]});
        json_schema!({
            "type": "object",
            "description": "The reference system's instance file; unknown keys are kept; null is as if a key were not there.",
            (bounds::ELSEWHERE): "by the rules of instance files, which name every place",
            "properties": {
                "InstanceId": {"type": ["string", "null"], "format": "uuid"},
                "DisplayName": text(),
                "Solution": text(),
                "AutoStart": {"type": ["boolean", "null"]},
                "Input": {"type": ["object", "null"], "properties": {"uri": text()}},
                "Output": object(),
                "SolutionManager": object(),
                "Zone": object(),
                "Tripwire": object(),
            },
            "examples": [{
                "DisplayName": "Main gate", "Solution": "securt", "AutoStart": false,
                "Input": {"uri": "rtsp://camera/stream1"},
                "Output": {"handlers": {"events": {
                    "uri": "json:///events.jsonl", "sink": "", "enabled": true,
                    "config": {"schema_events": ["event-area-enter:2"], "append_only": true, "minify": true},
                }}},
            }],
        })
    }
}

pub(crate) async fn show(State(app): State<App>, At(id): At<String>) -> Result<Response, Problem> {
    let document = current(&app, &id).await?;
    Ok(answer(&document))
}

pub(crate) async fn put(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    headers: HeaderMap,
    Body(Document(new)): Body<Document>,
) -> Result<Response, Problem> {
    let Some(wanted) = headers.get(header::IF_MATCH).cloned() else {
        let detail = "send If-Match with the ETag that was read, or `*` to replace whatever is there";
        return Err(Problem::new(StatusCode::PRECONDITION_REQUIRED, detail));
    };
    // Its name may be what is changed.
    let id = app.server.id_of(&id)?.to_string();
    edit(&app, &caller, &id, Some(wanted), |_| Ok(new)).await?;
    Ok(answer(&current(&app, &id).await?))
}

/// RFC 7396.
pub(crate) async fn patch(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    At(id): At<String>,
    headers: HeaderMap,
    Body(Document(patch)): Body<Document>,
) -> Result<Response, Problem> {
    let wanted = headers.get(header::IF_MATCH).cloned();
    let id = app.server.id_of(&id)?.to_string();
    edit(&app, &caller, &id, wanted, |old| {
        let mut new = Value::Object(old.clone());
        merge(&mut new, patch.into());
        Ok(new.as_object().cloned().unwrap_or_default())
    })
    .await?;
    Ok(answer(&current(&app, &id).await?))
}

/// Changes a document: `change` sees the whole of it, secrets hidden; what it does not touch stays as it is.
pub(crate) async fn edit(
    app: &App,
    caller: &Caller,
    id: &str,
    wanted: Option<HeaderValue>,
    change: impl FnOnce(&Map<String, Value>) -> Result<Map<String, Value>, Problem>,
) -> Result<Reply, Problem> {
    let mut refusal = None;
    let edited = app.server.edit_document(id, |old| {
        let new = (|| {
            if let Some(wanted) = &wanted {
                still_is(wanted, old)?;
            }
            let mut new = Value::Object(change(&secrets::hidden(old))?);
            secrets::restore(&mut new, &Value::Object(old.clone()))?;
            let new = new.as_object().cloned().unwrap_or_default();
            privilege::check(caller, old, &new)?;
            Ok(new)
        })();
        new.map_err(|problem| {
            refusal = Some(problem);
            OperationError::invalid("refused")
        })
    });
    let edited = edited.await;
    match refusal {
        Some(problem) => Err(problem),
        None => Ok(edited?),
    }
}

/// The document as it is saved, secrets and all.
pub(crate) async fn current(app: &App, id: &str) -> Result<Map<String, Value>, Problem> {
    match app.server.perform(Operation::Document { instance: id.to_owned() }).await? {
        Reply::Document(document) => Ok(document),
        _ => Err(odd()),
    }
}

fn answer(document: &Map<String, Value>) -> Response {
    let tag = etag(document);
    ([(header::ETAG, tag)], Json(secrets::hidden(document))).into_response()
}

/// What changes with the document.
pub(crate) fn etag(document: &Map<String, Value>) -> String {
    let digest = Sha256::digest(serde_json::to_vec(document).unwrap_or_default());
    let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

/// Whether the document is still what somebody has read.
pub(crate) fn still_is(wanted: &HeaderValue, document: &Map<String, Value>) -> Result<(), Problem> {
    let tag = etag(document);
    let wanted = wanted.to_str().unwrap_or_default();
    if wanted.split(',').any(|one| one.trim() == "*" || one.trim() == tag) {
        return Ok(());
    }
    let detail = "somebody has changed it since it was read: read it again, and make your change once more";
    Err(Problem::new(StatusCode::PRECONDITION_FAILED, detail))
}

fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            if value.is_null() {
                target.shift_remove(&key);
            } else {
                merge(target.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 7396, appendix A.
    #[test]
    fn patches_merge_as_the_rfc_says() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, result) in cases {
            merge(&mut target, patch.clone());
            assert_eq!(target, result, "{patch}");
        }
    }
}
