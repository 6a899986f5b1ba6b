//! What Watchpost offers over HTTP: routes, who may ask, and how it is served.
//!
//! A handler here translates: a request into an operation of the runtime, its reply into JSON, an error into
//! problem details (RFC 9457). What is decided, is decided below. Every route stands in one table
//! ([`mod@table`]), from which come the router, who may use it, OpenAPI and the tests that try every route as
//! everybody; each resource is a file of handlers.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod app;
mod audit;
mod auth;
mod authorize;
mod bounds;
mod certificate;
mod checks;
mod detections;
mod document;
mod events;
mod exporters;
mod exports;
mod extract;
mod frame;
mod guard;
mod headers;
mod health;
mod hls;
mod instances;
mod listen;
mod live;
mod logs;
mod metrics;
mod openapi;
mod page;
mod patience;
mod privilege;
mod problem;
mod receivers;
mod reference;
mod route;
mod schemas;
mod secrets;
mod session;
mod system;
mod table;
mod tables;
mod trials;
mod untaken;
mod uploads;
mod users;

use axum::Router;

pub use app::{App, Options};
pub use audit::Entry as AuditEntry;
pub use auth::{CredentialError, Role, has_credentials, set_password};
pub use certificate::TlsFiles;
pub use listen::{ListenError, Listener};
pub use logs::{LogLine, Logs};
pub use openapi::openapi;
pub use problem::Problem;

/// Everything a server offers.
pub fn router(app: App) -> Router {
    let mut router = Router::new();
    for route in table::routes() {
        let Some(handler) = route.handler else { continue };
        let path = route.path;
        router = router.route(path, authorize::guarded(handler(), route, &app));
    }
    let hls = authorize::viewers_only(hls::routes(), &app);
    let router = router.merge(hls).fallback(page::page).method_not_allowed_fallback(problem::no_such_method);
    let router = router.layer(axum::middleware::from_fn_with_state(app.clone(), guard::check));
    router.layer(axum::middleware::from_fn(headers::secure)).with_state(app)
}

/// What `watchpost run` offers: the video of its one instance.
pub fn video_router() -> Router {
    let router = hls::routes().fallback(problem::no_such_path);
    router
        .layer(axum::middleware::from_fn(guard::check_local))
        .layer(axum::middleware::from_fn(headers::secure))
}
