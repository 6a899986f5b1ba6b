//! Who may use a route, and the note in the audit log of who changed something by it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use futures_util::StreamExt;

use crate::{
    App, Problem,
    audit::{Entry, now},
    auth::{Caller, Peer, Role},
    patience,
    route::Route,
};

/// Between two looks at whether somebody may still see what they are being sent: soon after they were locked out, and
/// no work to speak of with hundreds of viewers.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What a route needs to be asked.
#[derive(Clone)]
struct Guarded {
    app: App,
    role: Role,
    id: &'static str,
    /// It changes something: the audit log tells of it.
    changes: bool,
    /// Largest body.
    body_bytes: usize,
}

/// A handler that only those may reach who may use its route.
pub(crate) fn guarded(handler: MethodRouter<App>, route: Route, app: &App) -> MethodRouter<App> {
    let state = Guarded {
        app: app.clone(),
        role: route.role,
        id: route.id,
        changes: route.changes(),
        body_bytes: route.body_bytes,
    };
    handler
        .layer(DefaultBodyLimit::max(route.body_bytes))
        .route_layer(from_fn_with_state(Arc::new(state), check))
}

/// Routes that a part of the API puts together by itself: for who may look.
pub(crate) fn viewers_only(routes: Router<App>, app: &App) -> Router<App> {
    let state =
        Guarded { app: app.clone(), role: Role::Viewer, id: "", changes: false, body_bytes: usize::MAX };
    routes.route_layer(from_fn_with_state(Arc::new(state), check))
}

async fn check(State(guarded): State<Arc<Guarded>>, mut request: Request, next: Next) -> Response {
    let Guarded { app, role, body_bytes, .. } = &*guarded;
    let peer = request.extensions().get::<Peer>().copied();
    let caller = match app.auth.identify(request.headers(), peer) {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let path = request.uri().path().to_owned();
    let refused = match caller.role {
        has if has >= *role => {
            announced(&request).filter(|length| length > body_bytes).map(|_| too_long(*body_bytes))
        }
        Role::Public => Some(not_known()),
        has => Some(Problem::new(
            StatusCode::FORBIDDEN,
            format!("this is for the role `{}`; you are `{}`: ask an admin", role.name(), has.name()),
        )),
    };
    request.extensions_mut().insert(caller.clone());
    if !request.body().is_end_stream() {
        request = request.map(|body| patience::timed(body, *body_bytes));
    }
    if let Some(problem) = refused {
        let mut response = problem.into_response();
        if response.status() == StatusCode::UNAUTHORIZED {
            // RFC 9110 section 15.5.2. No browser asks for a bearer token by itself.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        guarded.note(&caller, path, response.status(), peer);
        return response;
    }
    if !guarded.changes {
        let headers = request.headers().clone();
        let response = next.run(request).await;
        return if is_endless(&response) {
            while_allowed(response, guarded, headers, peer)
        } else {
            response
        };
    }
    // Whoever hangs up in the middle does not leave half a change behind: it goes on to its end, and is noted.
    let change = tokio::spawn(async move {
        let response = next.run(request).await;
        guarded.note(&caller, path, response.status(), peer);
        response
    });
    change.await.unwrap_or_else(|error| {
        tracing::error!("a change ended badly: {error}");
        let detail = "a fault in Watchpost; what was asked may be done in part: look before you try again";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
    })
}

fn is_endless(response: &Response) -> bool {
    response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream")
}

/// An answer without an end ends with the session or token that it was asked for with: another password, a log-out, a
/// user who is taken out hold for who looks already, too.
fn while_allowed(
    response: Response,
    guarded: Arc<Guarded>,
    headers: HeaderMap,
    peer: Option<Peer>,
) -> Response {
    let locked_out = async move {
        let may = || {
            let caller = guarded.app.auth.identify(&headers, peer);
            caller.is_ok_and(|caller| caller.role >= guarded.role)
        };
        while may() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    response.map(|body| Body::from_stream(body.into_data_stream().take_until(Box::pin(locked_out))))
}

impl Guarded {
    /// Writes a change, or a try, into the audit log. Who is nobody changes nothing: what strangers knock at would
    /// only bury what counts.
    fn note(&self, caller: &Caller, path: String, status: StatusCode, peer: Option<Peer>) {
        if self.changes && caller.role != Role::Public {
            self.app.audit.write(entry(caller, self.id, path, status, peer));
        }
    }
}

/// What a request says of its length: who announces too much is not listened to.
fn announced(request: &Request) -> Option<usize> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn too_long(most: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("a body has at most {most} bytes here; send less at once"),
    )
}

/// That nobody knows who asks.
fn not_known() -> Problem {
    let detail = "log in first: POST /api/v1/session with user and password, or send a bearer token";
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}

pub(crate) fn entry(
    caller: &Caller,
    id: &str,
    path: String,
    status: StatusCode,
    peer: Option<Peer>,
) -> Entry {
    Entry {
        time: now(),
        user: caller.name.clone(),
        role: caller.role.name().to_owned(),
        action: id.to_owned(),
        path,
        status: status.as_u16(),
        address: peer.map(|Peer(address)| address.to_string()),
    }
}
