//! For whoever watches over the process (PRODUCT section 15).

use std::sync::Arc;

use axum::{Router, routing::get};
use watchpost_runtime::Server;

/// `/healthz`: the process answers. `/readyz`: its instances are loaded, which they are before it listens.
pub(crate) fn routes() -> Router<Arc<Server>> {
    Router::new().route("/healthz", get(|| async { "ok\n" })).route("/readyz", get(|| async { "ok\n" }))
}
