//! The latest events of all instances, for people who look.

use std::convert::Infallible;

use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use watchpost_runtime::{Followed, SeenEvent};

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
    let limit = which.limit.unwrap_or(PAGE) as usize;
    let filter =
        live::Wanted { types: which.types, classes: which.classes, zones: which.zones, ..Default::default() };
    let instance = which.instance.filter(|instance| !instance.is_empty());
    let mut events = app.server.events(instance.as_deref(), &filter.filter(), which.before, limit + 1)?;
    let more = events.len() > limit;
    events.truncate(limit);
    let next = events.last().filter(|_| more).map(|event| event.cursor);
    Ok(Json(Listed { events, next }))
}

/// Which events that come.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Coming {
    /// Only of this instance, by id or name.
    instance: Option<String>,
    /// Schema ids with commas between; `event-*` stands for all that begin so.
    types: Option<String>,
    /// Classes of objects, with commas between.
    classes: Option<String>,
    /// Parts of names of areas and lines, with commas between.
    zones: Option<String>,
}

pub(crate) async fn follow(
    State(app): State<App>,
    Asked(coming): Asked<Coming>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = live::viewer()?;
    let Coming { instance, types, classes, zones } = coming;
    let filter = live::Wanted { types, classes, zones, ..Default::default() }.filter();
    let instance = instance.filter(|instance| !instance.is_empty());
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let followed = app.server.follow_events(instance.as_deref(), filter, after)?;
    let events = stream::unfold((followed, place), |(mut followed, place)| async move {
        let event = match followed.next().await? {
            Followed::Event(seen) => {
                let data = serde_json::to_string(&seen).unwrap_or_default();
                Event::default().id(seen.cursor.to_string()).event("record").data(data)
            }
            Followed::Lost(lost) => Event::default().event("lost").data(format!("{{\"lost\":{lost}}}")),
        };
        Some((Ok::<_, Infallible>(event), (followed, place)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(live::KEEP_ALIVE)).into_response())
}
