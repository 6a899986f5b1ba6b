//! Who may come in: users and tokens. Passwords and tokens are never given out again.

use axum::{Json, extract::State, http::StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    App, Problem,
    auth::{HASHING, Role},
    extract::{At, Body},
    session::unreadable,
};

/// Everybody who may log in.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"users": [{"name": "ann", "role": "admin"}]}]))]
pub(crate) struct Users {
    users: Vec<User>,
}

/// Somebody who may log in.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"name": "ann", "role": "admin"}]))]
pub(crate) struct User {
    name: String,
    role: Role,
}

/// What a user is to be.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"role": "operator", "password": "correct horse"}]))]
pub(crate) struct NewUser {
    /// Absent: as it is; admin for a new one.
    #[serde(default)]
    role: Option<Role>,
    /// Absent: as it is; a new user needs one.
    #[serde(default)]
    #[schemars(length(min = 8, max = 1024))]
    password: Option<String>,
}

/// Tokens for programs.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"tokens": [{"id": "0123456789ab", "name": "grafana", "role": "viewer", "created": "2026-01-01T00:00:00Z"}]}]))]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
}

/// A token, but for itself.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Token {
    id: String,
    name: String,
    role: Role,
    /// RFC 3339, UTC.
    created: String,
}

/// What a token is to be for.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"name": "grafana", "role": "viewer"}]))]
pub(crate) struct NewToken {
    /// For people.
    #[schemars(length(min = 1, max = 64))]
    name: String,
    role: Role,
}

/// A token, this once.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"id": "0123456789ab", "token": "wp_..."}]))]
pub(crate) struct MadeToken {
    id: String,
    /// Send it as `Authorization: Bearer TOKEN`. It cannot be read again.
    token: String,
}

pub(crate) async fn list(State(app): State<App>) -> Result<Json<Users>, Problem> {
    let credentials = app.auth.store.current().map_err(unreadable)?;
    let users = credentials.users.iter().map(|(name, user)| User { name: name.clone(), role: user.role });
    Ok(Json(Users { users: users.collect() }))
}

pub(crate) async fn put(
    State(app): State<App>,
    At(name): At<String>,
    Body(NewUser { role, password }): Body<NewUser>,
) -> Result<Json<User>, Problem> {
    let turn = HASHING.acquire().await.map_err(|_| Problem::invalid("the server is stopping"))?;
    let (store, user) = (app.auth.clone(), name.clone());
    let set = move || store.store.change(|all| all.set_user(&user, role, password.as_deref()));
    let set = tokio::task::spawn_blocking(set).await;
    drop(turn);
    set.map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "hashing the password"))?
        .map_err(unreadable)?;
    let role = app.auth.store.current().map_err(unreadable)?.role_of(&name).unwrap_or(Role::Viewer);
    Ok(Json(User { name, role }))
}

pub(crate) async fn delete(State(app): State<App>, At(name): At<String>) -> Result<StatusCode, Problem> {
    let removed = app.auth.store.change(|all| all.remove_user(&name)).map_err(unreadable)?;
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no user `{name}`")))
    }
}

pub(crate) async fn tokens(State(app): State<App>) -> Result<Json<Tokens>, Problem> {
    let credentials = app.auth.store.current().map_err(unreadable)?;
    let tokens = credentials.tokens.iter().map(|(id, token)| Token {
        id: id.clone(),
        name: token.name.clone(),
        role: token.role,
        created: token.created.clone(),
    });
    Ok(Json(Tokens { tokens: tokens.collect() }))
}

pub(crate) async fn make_token(
    State(app): State<App>,
    Body(NewToken { name, role }): Body<NewToken>,
) -> Result<(StatusCode, Json<MadeToken>), Problem> {
    let made = app.auth.store.change(|all| all.add_token(&name, role)).map_err(unreadable)?;
    Ok((StatusCode::CREATED, Json(MadeToken { id: made.id, token: made.token })))
}

pub(crate) async fn delete_token(State(app): State<App>, At(id): At<String>) -> Result<StatusCode, Problem> {
    let removed = app.auth.store.change(|all| all.remove_token(&id)).map_err(unreadable)?;
    if removed {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no token `{id}`")))
    }
}
