//! Logging in and out.

use std::time::Duration;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    App, Problem,
    auth::{COOKIE, Caller, HASHING, IDLE, Peer, Role, cookie},
    authorize,
    extract::Body,
};

/// Who asks.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"user": "ann", "role": "admin", "login": true}]))]
pub(crate) struct Session {
    /// Absent: nobody in particular.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// `public` (must log in), `viewer`, `operator` or `admin`.
    role: &'static str,
    /// There are users or tokens: who has none must log in. Else whoever is on this machine is admin.
    login: bool,
}

/// Name and password.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"user": "ann", "password": "correct horse"}]))]
pub(crate) struct Login {
    #[schemars(length(max = 64))]
    user: String,
    #[schemars(length(max = 1024))]
    password: String,
}

pub(crate) async fn show(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Session>, Problem> {
    let credentials = app.auth.store.current().map_err(unreadable)?;
    let login = !credentials.is_empty();
    Ok(Json(Session { user: caller.name, role: caller.role.name(), login }))
}

pub(crate) async fn begin(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    Body(Login { user, password }): Body<Login>,
) -> Result<Response, Problem> {
    let peer = peer.map(|Extension(peer)| peer);
    let address = peer.map(|Peer(address)| address);
    let slowed = || app.auth.limit.wait(address, &user).map(too_many);
    if let Some(refusal) = slowed() {
        return Ok(refusal);
    }
    let credentials = app.auth.store.current().map_err(unreadable)?;
    let (name, kept) = (user.clone(), credentials.clone());
    // Held until it is known how it went: hundreds that come at the same moment are guesses, too.
    let _turn = HASHING.acquire().await.map_err(|_| Problem::invalid("the server is stopping"))?;
    if let Some(refusal) = slowed() {
        return Ok(refusal);
    }
    let right = tokio::task::spawn_blocking(move || kept.verify(&name, &password)).await.unwrap_or(false);
    let caller = |role| Caller { name: Some(user.clone()), role };
    let note = |role, status| {
        let path = "/api/v1/session".to_owned();
        app.audit.write(authorize::entry(&caller(role), "login", path, status, peer));
    };
    let Some(fingerprint) = credentials.fingerprint(&user).filter(|_| right) else {
        app.auth.limit.failed(address, &user);
        note(Role::Public, StatusCode::UNAUTHORIZED);
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "user or password is wrong"));
    };
    app.auth.limit.succeeded(address, &user);
    let token = app.auth.sessions.begin(&user, fingerprint).map_err(unreadable)?;
    let role = credentials.role_of(&user).unwrap_or(Role::Public);
    note(role, StatusCode::OK);
    let session = Session { user: Some(user.clone()), role: role.name(), login: true };
    let secure = if app.tls { "; Secure" } else { "" };
    let age = IDLE.as_secs();
    let set = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}");
    Ok(with_cookie(Json(session).into_response(), &set))
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let detail = format!("too many tries with a wrong password; wait {seconds} s");
    let mut response = Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

pub(crate) async fn end(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers) {
        app.auth.sessions.end(token);
    }
    let set = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0");
    with_cookie(StatusCode::NO_CONTENT.into_response(), &set)
}

fn with_cookie(mut response: Response, set: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(set) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

pub(crate) fn unreadable(error: crate::CredentialError) -> Problem {
    match error {
        crate::CredentialError::Refused(why) => Problem::invalid(why),
        error => Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
    }
}
