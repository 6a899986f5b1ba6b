//! Errors as problem details (RFC 9457).

use axum::{
    Json,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::Serialize;
pub(crate) use watchpost_runtime::Place;
use watchpost_runtime::{ErrorKind, OperationError};

/// An error as a client gets it: `application/problem+json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(example = Problem::new(StatusCode::NOT_FOUND, "no instance `gate`; there are Main gate, Yard"))]
pub struct Problem {
    /// The HTTP status.
    #[serde(serialize_with = "number")]
    #[schemars(with = "u16", range(min = 400, max = 599))]
    status: StatusCode,
    /// The status in words.
    title: &'static str,
    /// What is wrong, at which JSON path, and the fix.
    detail: String,
    /// The same place by place, where there are places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Place>,
}

impl Problem {
    /// An error with its status; `detail` is for people and holds no secret.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        let title = status.canonical_reason().unwrap_or("Error");
        Self { status, title, detail: detail.into(), problems: Vec::new() }
    }

    /// With the places it is about.
    #[must_use]
    pub fn with(self, problems: Vec<Place>) -> Self {
        Self { problems, ..self }
    }

    /// Nothing there.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// What was sent cannot be done.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, [(header::CONTENT_TYPE, "application/problem+json")], Json(self)).into_response()
    }
}

impl From<OperationError> for Problem {
    fn from(error: OperationError) -> Self {
        Self::new(status(error.kind), error.message).with(error.problems)
    }
}

/// What an operation's error is in HTTP.
pub(crate) const fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::Unknown => StatusCode::NOT_FOUND,
        ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        ErrorKind::Busy => StatusCode::CONFLICT,
    }
}

/// The answer where there is nothing.
pub(crate) async fn no_such_path(request: Request) -> Problem {
    Problem::not_found(format!("there is nothing at {}", request.uri().path()))
}

/// The answer where something else may be asked.
pub(crate) async fn no_such_method(request: Request) -> Problem {
    let detail =
        format!("{} is nothing that {} knows; see /openapi.json", request.method(), request.uri().path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
}

fn number<S: serde::Serializer>(status: &StatusCode, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u16(status.as_u16())
}
