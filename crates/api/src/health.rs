//! For whoever watches over the process (PRODUCT section 15).

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use watchpost_runtime::JournalState;

use crate::{App, Problem};

/// The process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// Its instances are loaded, which they are before it listens, and what they deliver can be kept.
pub(crate) async fn readyz(State(app): State<App>) -> Response {
    match app.server.health().journal.state {
        JournalState::Writing => "ok\n".into_response(),
        JournalState::Blocked => {
            let detail = "the journal cannot be written; see /api/v1/system";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    }
}
