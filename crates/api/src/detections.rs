//! `POST /v1/core/instance/{id}/detections`: the user's own detections (PRODUCT section 4).
//!
//! The body is one JSON object a line, or one object with `Content-Type: application/json`. The answer says how
//! many lines were taken and which were not, and why; a line that is refused keeps no other from being taken.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, json_schema};
use serde::Serialize;
use serde_json::json;
use watchpost_runtime::{Body, PostError, Posted, Server};

use crate::{Problem, extract::At};

/// Largest body, in bytes: two of the longest lines.
pub(crate) const MAX_BODY_BYTES: usize = 32 << 20;

/// What became of a post.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "PostedDetections", extend("examples" = [{"accepted": 2, "refused": 0, "problems": [], "left_bytes": 0}]))]
pub(crate) struct Answer {
    /// Lines taken.
    accepted: u64,
    /// Lines refused.
    refused: u64,
    /// The first of these, and single detections refused in lines that were taken.
    problems: Vec<LineProblem>,
    /// Bytes at the end of the body that were not looked at; post them again.
    left_bytes: usize,
}

/// The same as problem details (RFC 9457, section 3.2: members of our own).
#[derive(Serialize)]
pub(crate) struct Refused {
    status: u16,
    title: &'static str,
    detail: String,
    #[serde(flatten)]
    answer: Answer,
}

impl JsonSchema for Refused {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PostRefused".into()
    }

    /// Without the counts it is a problem as any other: of the request, and not of its lines.
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = |says: &str| json!({"type": "integer", "minimum": 0, "description": says});
        json_schema!({
            "type": "object",
            "description": "A problem (RFC 9457), with what became of the lines",
            "required": ["status", "title", "detail"],
            "properties": {
                "status": {"type": "integer", "minimum": 400, "maximum": 599},
                "title": {"type": "string"},
                "detail": {"type": "string"},
                "accepted": number("Lines taken"),
                "refused": number("Lines refused"),
                "left_bytes": number("Bytes at the end of the body that were not looked at; post them again"),
                "problems": {"type": "array", "items": {"type": "object", "required": ["message"], "properties": {
                    "line": {"type": "integer", "minimum": 1}, "message": {"type": "string"},
                }}},
            },
            "examples": [{
                "status": 503, "title": "Service Unavailable", "detail": "the analysis is behind: post the last 210 bytes of the body again",
                "accepted": 1000, "refused": 0, "problems": [], "left_bytes": 210,
            }],
        })
    }
}

#[derive(Serialize, JsonSchema)]
struct LineProblem {
    /// From 1.
    line: u64,
    message: String,
}

pub(crate) async fn detections(
    State(server): State<Arc<Server>>,
    At(id): At<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => {
            if let Some(problem) = crate::patience::too_slow(&rejection) {
                return problem.into_response();
            }
            let detail =
                format!("{}; a body has at most {} MiB", rejection.body_text(), MAX_BODY_BYTES >> 20);
            return Problem::new(rejection.status(), detail).into_response();
        }
    };
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let json = content_type.is_some_and(|value| {
        value.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
    });
    // Lines sent by curl under that type are lines all the same.
    let one = json && serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok();
    match server.post_detections(&id, body, if one { Body::Object } else { Body::Lines }).await {
        Ok(posted) => answer(posted),
        Err(PostError::Unknown(error)) => Problem::from(error).into_response(),
        Err(PostError::NotTaking(name)) => {
            let detail = format!(
                "instance `{name}` takes no posted detections now: its Input.uri must be \"ndjson+post://\", and it \
                 must be started"
            );
            Problem::new(StatusCode::CONFLICT, detail).into_response()
        }
        Err(PostError::Full) => crate::reference::push::behind(),
    }
}

fn answer(posted: Posted) -> Response {
    let problems = posted.told.into_iter().map(|(line, message)| LineProblem { line, message }).collect();
    let Posted { accepted, refused, left_bytes, .. } = posted;
    let answer = Answer { accepted, refused, problems, left_bytes };
    let (status, detail) = match (accepted, refused) {
        _ if left_bytes > 0 => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the analysis is behind: post the last {left_bytes} bytes of the body again"),
        ),
        (0, 1..) => (StatusCode::UNPROCESSABLE_ENTITY, "no line was taken; `problems` says why".to_owned()),
        _ => return Json(answer).into_response(),
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let problem = Json(Refused { status: status.as_u16(), title, detail, answer });
    let mut response =
        (status, [(header::CONTENT_TYPE, "application/problem+json")], problem).into_response();
    if left_bytes > 0 {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("1"));
    }
    response
}
