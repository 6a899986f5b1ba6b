//! What receivers, exports and exporters alike, have refused for good, and what they can be sent again.

use axum::{Json, extract::State};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use watchpost_runtime::{LetterBox, Operation, Reply};

use crate::{
    App, Problem,
    extract::{Asked, At, Body},
    instances::odd,
    secrets,
};

/// Letters of a page where nobody says how many.
const PAGE: usize = 50;

/// Which letters.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Which {
    /// From which number on.
    after: Option<u64>,
    /// How many at most.
    #[schemars(range(min = 1, max = 500))]
    limit: Option<u32>,
}

/// Dead letters, oldest first.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"letters": [{"letter": 3, "reason": "refused by the broker", "time_ms": 1785161453812_i64, "items": []}]}]))]
pub(crate) struct Letters {
    /// Each `{letter, reason, time_ms, items: [{kind, json}]}`.
    #[schemars(schema_with = "objects")]
    letters: Vec<Value>,
    /// `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

fn objects(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    json_schema!({"type": "array", "items": {"type": "object"}})
}

/// Numbers of letters.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"letters": [3]}]))]
pub(crate) struct Chosen {
    /// Empty or absent: all.
    #[serde(default)]
    letters: Vec<u64>,
}

/// How many it concerns.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"count": 1}]))]
pub(crate) struct Count {
    /// Letters or records.
    count: u64,
}

/// Where to begin again.
#[derive(Deserialize, JsonSchema)]
#[schemars(extend("examples" = [{"receiver": "events", "from": 1200}]))]
pub(crate) struct Replay {
    /// Which export or exporter.
    receiver: String,
    /// `sequence` of the first record; absent: the oldest that is kept.
    #[serde(default)]
    from: Option<u64>,
}

/// Who has dead letters.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"receivers": [{"instance": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867", "receiver": "events", "letters": 1, "bytes": 412, "deleted": false}]}]))]
pub(crate) struct Boxes {
    /// Those that have none are left out.
    receivers: Vec<LetterBox>,
}

pub(crate) async fn boxes(State(app): State<App>) -> Result<Json<Boxes>, Problem> {
    match app.server.perform(Operation::DeadList { instance: None }).await? {
        Reply::LetterBoxes(receivers) => Ok(Json(Boxes { receivers })),
        _ => Err(odd()),
    }
}

pub(crate) async fn dead(
    State(app): State<App>,
    At((id, name)): At<(String, String)>,
    Asked(which): Asked<Which>,
) -> Result<Json<Letters>, Problem> {
    let limit = which.limit.map_or(PAGE, |limit| limit as usize);
    let id = app.server.id_of(&id)?;
    let Reply::LetterBoxes(boxes) =
        app.server.perform(Operation::DeadList { instance: Some(id.to_string()) }).await?
    else {
        return Err(odd());
    };
    // One that has none is empty, and not unknown.
    if !boxes.iter().any(|letters| letters.receiver == name) {
        return Ok(Json(Letters { letters: Vec::new(), next: None }));
    }
    let from = which.after.unwrap_or(0);
    let show = Operation::DeadShow { instance: id.to_string(), receiver: name, from, limit: limit + 1 };
    let Reply::Letters(mut letters) = app.server.perform(show).await? else { return Err(odd()) };
    let next = letters.get(limit).and_then(|letter| letter["letter"].as_u64());
    letters.truncate(limit);
    letters.iter_mut().for_each(secrets::hide);
    Ok(Json(Letters { letters, next }))
}

pub(crate) async fn resend(
    State(app): State<App>,
    At((instance, receiver)): At<(String, String)>,
    Body(Chosen { letters }): Body<Chosen>,
) -> Result<Json<Count>, Problem> {
    count(app.server.perform(Operation::DeadResend { instance, receiver, letters }).await?)
}

pub(crate) async fn throw_away(
    State(app): State<App>,
    At((instance, receiver)): At<(String, String)>,
    Body(Chosen { letters }): Body<Chosen>,
) -> Result<Json<Count>, Problem> {
    count(app.server.perform(Operation::DeadDrop { instance, receiver, letters }).await?)
}

pub(crate) async fn replay(
    State(app): State<App>,
    At(instance): At<String>,
    Body(Replay { receiver, from }): Body<Replay>,
) -> Result<Json<Count>, Problem> {
    count(app.server.perform(Operation::Replay { instance, from, receiver }).await?)
}

fn count(reply: Reply) -> Result<Json<Count>, Problem> {
    match reply {
        Reply::Count { count } => Ok(Json(Count { count })),
        _ => Err(odd()),
    }
}
