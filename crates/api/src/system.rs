//! The server as a whole: how it is doing, what it logs, who changed what.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::{Diagnosis, ServerHealth};

use crate::{App, AuditEntry, LogLine, Problem, extract::Asked};

/// The server as a whole.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{
    "version": "1.0.0", "uptime_s": 3600, "started": "2026-01-01T00:00:00Z", "data": "/var/lib/watchpost",
    "journal": {"state": "writing", "bytes": 52011}, "disk": {"free_bytes": 1, "total_bytes": 2},
    "memory_bytes": 31000000, "instances": {"running": 3}, "unusable": 0, "addresses": ["127.0.0.1:3546"], "tls": false,
}]))]
pub(crate) struct System {
    /// Of this program.
    version: &'static str,
    /// Since it was started.
    uptime_s: u64,
    /// Where HTTP is answered.
    addresses: Vec<String>,
    /// Whether by TLS.
    tls: bool,
    #[serde(flatten)]
    health: ServerHealth,
}

/// Which lines.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(default)]
pub(crate) struct WhichLines {
    /// The number of the last line seen.
    after: Option<u64>,
    /// How many at most, the newest.
    #[schemars(range(min = 1, max = 2000))]
    limit: Option<u32>,
    /// Only this bad or worse.
    level: Option<Level>,
    /// Only of this instance, by its name.
    instance: Option<String>,
}

/// How bad it is.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Error,
    Warn,
    Info,
}

/// Lines of the log.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"lines": [{"number": 1, "time": "2026-01-01T00:00:00Z", "level": "info", "message": "listening"}], "next": 1}]))]
pub(crate) struct Lines {
    /// Oldest first.
    lines: Vec<LogLine>,
    /// `after` for what comes.
    next: u64,
}

/// How many.
#[derive(Deserialize, Default, JsonSchema)]
#[serde(default)]
pub(crate) struct HowMany {
    /// At most.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
}

/// Who changed what.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "AuditEntries", extend("examples" = [{"entries": [{
    "time": "2026-01-01T00:00:00Z", "user": "ann", "role": "admin", "action": "deleteInstance",
    "path": "/api/v1/instances/gate", "status": 200, "address": "127.0.0.1",
}]}]))]
pub(crate) struct Entries {
    /// Newest first.
    entries: Vec<AuditEntry>,
}

pub(crate) async fn show(State(app): State<App>) -> Json<System> {
    let health = app.server.health();
    let addresses = app.addresses.iter().map(ToString::to_string).collect();
    let uptime_s = app.started.elapsed().as_secs();
    Json(System { version: env!("CARGO_PKG_VERSION"), uptime_s, addresses, tls: app.tls, health })
}

pub(crate) async fn doctor(State(app): State<App>) -> Result<Json<Diagnosis>, Problem> {
    Ok(Json(app.server.diagnose().await?))
}

pub(crate) async fn log(State(app): State<App>, Asked(which): Asked<WhichLines>) -> Json<Lines> {
    let levels: &[&str] = match which.level {
        Some(Level::Error) => &["error"],
        Some(Level::Warn) => &["error", "warn"],
        Some(Level::Info) => &["error", "warn", "info"],
        None => &["error", "warn", "info", "debug", "trace"],
    };
    let after = which.after.unwrap_or(0);
    let wanted = |line: &LogLine| {
        let instance = which.instance.as_ref();
        levels.contains(&line.level.as_str())
            && instance.is_none_or(|name| line.instance.as_ref() == Some(name))
    };
    let lines = app.logs.read(after, which.limit.unwrap_or(200) as usize, wanted);
    let next = lines.last().map_or(after, |line| line.number);
    Json(Lines { lines, next })
}

pub(crate) async fn audit(State(app): State<App>, Asked(how_many): Asked<HowMany>) -> Json<Entries> {
    Json(Entries { entries: app.audit.last(how_many.limit.unwrap_or(100) as usize) })
}
