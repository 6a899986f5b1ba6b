//! Instances: looked at, made, started, stopped, deleted. What they are made of is in `document.rs`.

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use watchpost_model::Id;
use watchpost_runtime::{InstanceSnapshot, Operation, Reply, Unusable};

use crate::{
    App, Problem,
    auth::Caller,
    document::{Document, etag},
    extract::{Asked, At, Body},
    privilege,
};

/// Which part of a list.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Page {
    /// How many at most.
    #[schemars(range(min = 1, max = 1000))]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
    /// Only what has this in its name or source.
    pub q: Option<String>,
}

/// Entries of a page where nobody says how many.
const PAGE: u32 = 200;

/// A page of instances.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Instances", extend("examples" = [{"instances": [], "unusable": []}]))]
pub(crate) struct Listed {
    /// By id.
    instances: Vec<InstanceSnapshot>,
    /// Files that could not be loaded; on the first page only.
    unusable: Vec<Unusable>,
    /// `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What a deletion took along.
#[derive(Serialize, JsonSchema)]
#[schemars(extend("examples" = [{"id": "3f0e8d2c-6b1a-4957-8e0d-1c2b3a495867", "removed": [{"name": "events", "waiting": 0}]}]))]
pub(crate) struct Deleted {
    /// The instance's id.
    #[schemars(with = "String", extend("format" = "uuid"))]
    id: Id,
    /// Its exports, and what waited for them.
    removed: Vec<watchpost_runtime::Removed>,
}

pub(crate) async fn list(State(app): State<App>, Asked(page): Asked<Page>) -> Result<Json<Listed>, Problem> {
    let limit = page.limit.unwrap_or(PAGE) as usize;
    let Reply::Instances { instances, unusable } = app.server.perform(Operation::List).await? else {
        return Err(odd());
    };
    let is_first = page.after.is_none();
    let wanted = page.q.map(|q| q.to_lowercase()).unwrap_or_default();
    let matches = |one: &InstanceSnapshot| {
        one.name.to_lowercase().contains(&wanted) || one.source.to_lowercase().contains(&wanted)
    };
    let after = |one: &InstanceSnapshot| page.after.as_ref().is_none_or(|after| one.id.to_string() > *after);
    let mut instances: Vec<_> = instances.into_iter().filter(|one| matches(one) && after(one)).collect();
    let more = instances.len() > limit;
    instances.truncate(limit);
    let next = instances.last().filter(|_| more).map(|last| last.id.to_string());
    Ok(Json(Listed { instances, unusable: if is_first { unusable } else { Vec::new() }, next }))
}

pub(crate) async fn add(
    State(app): State<App>,
    Extension(caller): Extension<Caller>,
    Body(Document(document)): Body<Document>,
) -> Result<Response, Problem> {
    privilege::check(&caller, &Map::new(), &document)?;
    // A password that stands for another is nowhere to be found yet.
    crate::secrets::restore(&mut Value::Object(document.clone()), &Value::Null)?;
    let added = instance(app.server.perform(Operation::Add { document }).await?)?;
    let location = format!("/api/v1/instances/{}", added.id);
    let tag = etag(&crate::document::current(&app, &added.id.to_string()).await?);
    let mut response = (StatusCode::CREATED, Json(added)).into_response();
    for (name, value) in [(header::LOCATION, location), (header::ETAG, tag)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
    Ok(response)
}

pub(crate) async fn show(
    State(app): State<App>,
    At(id): At<String>,
) -> Result<Json<InstanceSnapshot>, Problem> {
    instance(app.server.perform(Operation::Show { instance: id }).await?).map(Json)
}

pub(crate) async fn delete(
    State(app): State<App>,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<Json<Deleted>, Problem> {
    if let Some(wanted) = headers.get(header::IF_MATCH) {
        crate::document::still_is(wanted, &crate::document::current(&app, &id).await?)?;
    }
    match app.server.perform(Operation::Delete { instance: id }).await? {
        Reply::Deleted { id, removed } => Ok(Json(Deleted { id, removed })),
        _ => Err(odd()),
    }
}

pub(crate) async fn start(
    State(app): State<App>,
    At(id): At<String>,
) -> Result<Json<InstanceSnapshot>, Problem> {
    instance(app.server.perform(Operation::Start { instance: id }).await?).map(Json)
}

pub(crate) async fn stop(
    State(app): State<App>,
    At(id): At<String>,
) -> Result<Json<InstanceSnapshot>, Problem> {
    instance(app.server.perform(Operation::Stop { instance: id }).await?).map(Json)
}

pub(crate) async fn restart(
    State(app): State<App>,
    At(id): At<String>,
) -> Result<Json<InstanceSnapshot>, Problem> {
    instance(app.server.perform(Operation::Restart { instance: id }).await?).map(Json)
}

/// The instance in a reply.
pub(crate) fn instance(reply: Reply) -> Result<InstanceSnapshot, Problem> {
    match reply {
        Reply::Instance(instance) | Reply::Removed { instance, .. } => Ok(*instance),
        _ => Err(odd()),
    }
}

/// The runtime has answered something else than was asked: a mistake of ours.
pub(crate) fn odd() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "the server answered something else; this is a bug in Watchpost",
    )
}
