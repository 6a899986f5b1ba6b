//! The latest events of all instances, for people who look.

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::SeenEvent;

use crate::{App, Problem, extract::Asked, live};

/// Events of a page where nobody says how many.
const PAGE: u32 = 50;

/// Which events.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Which {
    /// Only of this instance, by id or name.
    instance: Option<String>,
    /// Schema ids with commas between; `event-*` stands for all that begin so.
    types: Option<String>,
    /// Classes of objects, with commas between.
    classes: Option<String>,
    /// Parts of names of areas and lines, with commas between.
    zones: Option<String>,
    /// The `next` of the page before.
    before: Option<u64>,
    /// How many at most.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<u32>,
}

/// Events, newest first.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Events", extend("examples" = [{"events": []}]))]
pub(crate) struct Listed {
    /// Some dozens of each instance are kept in memory, whether an export takes them or not.
    events: Vec<SeenEvent>,
    /// `before` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

pub(crate) async fn list(
    State(app): State<App>,
    Asked(which): Asked<Which>,
) -> Result<Json<Listed>, Problem> {
    let limit = which.limit.unwrap_or(PAGE).clamp(1, 200) as usize;
    let filter =
        live::Wanted { types: which.types, classes: which.classes, zones: which.zones, ..Default::default() };
    let instance = which.instance.filter(|instance| !instance.is_empty());
    let mut events = app.server.events(instance.as_deref(), &filter.filter(), which.before, limit + 1)?;
    let more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().filter(|_| more).map(|event| event.cursor);
    Ok(Json(Listed { events, next }))
}
