//! Who asks, and whether they may (PRODUCT section 14).
//!
//! Three ways in: a session (a cookie, after a login with name and password), a bearer token, and, as long as
//! nobody has set up a user or token, being on this machine.

mod credentials;
mod limit;
mod sessions;

use std::{net::IpAddr, path::Path};

use axum::http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::credentials::Store;
pub use self::credentials::{CredentialError, has_credentials, set_password};
pub(crate) use self::{limit::HASHING, sessions::IDLE};
use self::{limit::Limit, sessions::Sessions};
use crate::{Problem, guard::is_local};

/// Name of the session's cookie.
pub(crate) const COOKIE: &str = "watchpost_session";

/// What somebody may do; each includes the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Nothing but what everybody may: page, schemas, health, login.
    #[serde(skip)]
    Public,
    /// Looks.
    Viewer,
    /// Runs things: instances, exports, areas; sets no commands, pipelines or paths outside the data folder.
    Operator,
    /// Everything.
    Admin,
}

impl Role {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// A user's name, or `token NAME`; `None`: whoever is on this machine.
    pub name: Option<String>,
    pub role: Role,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub IpAddr);

/// Knows who may do what.
pub(crate) struct Auth {
    pub store: Store,
    pub sessions: Sessions,
    pub limit: Limit,
}

impl Auth {
    pub fn open(data: &Path) -> Self {
        Self { store: Store::open(data), sessions: Sessions::default(), limit: Limit::default() }
    }

    /// Who asks; nobody in particular is a [`Role::Public`].
    ///
    /// # Errors
    /// The users cannot be read: then nobody gets in, rather than everybody.
    pub fn identify(&self, headers: &HeaderMap, peer: Option<Peer>) -> Result<Caller, Problem> {
        let nobody = Caller { name: None, role: Role::Public };
        let credentials = self.store.current().map_err(|error| {
            tracing::error!("{error}");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
        })?;
        if credentials.is_empty() {
            // Asked for at every request: users may be taken away while the server is open to a network.
            let is_here = peer.is_none_or(|Peer(address)| address.is_loopback()) && !is_forwarded(headers);
            return Ok(Caller { name: None, role: if is_here { Role::Admin } else { Role::Public } });
        }
        if let Some(token) = bearer(headers) {
            return Ok(credentials.by_token(token).unwrap_or(nobody));
        }
        let session = cookie(headers).and_then(|token| self.sessions.find(token));
        Ok(session.and_then(|session| credentials.by_session(&session)).unwrap_or(nobody))
    }
}

/// Whether a proxy on this machine has passed a request on, as far as that can be seen: it is asked under another name, or
/// the proxy says for whom.
fn is_forwarded(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let says = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];
    host.is_some_and(|host| !is_local(host)) || says.iter().any(|name| headers.contains_key(*name))
}

/// The token of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session's token.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    pairs
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}
