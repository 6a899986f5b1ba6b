//! What Watchpost offers over HTTP: routes, who may ask, and how it is served.
//!
//! A handler here translates: a request into an `Operation` of the runtime, its reply into JSON, an error into
//! problem details (RFC 9457). What is decided, is decided below. Each part of the API is a file with a
//! function `routes`; [`router`] puts them together.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod detections;
mod guard;
mod health;
mod hls;
mod listen;
mod problem;

use std::sync::Arc;

use axum::Router;
use watchpost_runtime::Server;

pub use listen::{ListenError, Listener};
pub use problem::Problem;

/// Everything a server offers.
pub fn router(server: Arc<Server>) -> Router {
    let routes = Router::new().merge(health::routes()).merge(detections::routes()).merge(hls::routes());
    finish(routes.with_state(server))
}

/// What `watchpost run` offers: the video of its one instance.
pub fn video_router() -> Router {
    finish(hls::routes())
}

/// What every router of Watchpost's has around it.
fn finish(routes: Router) -> Router {
    routes.fallback(problem::no_such_path).layer(axum::middleware::from_fn(guard::check))
}
