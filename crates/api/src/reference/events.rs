//! `consume_events`: a receiver that is polled (PRODUCT section 12): at most the newest 500 wait for a poll, and it
//! lapses after 15 minutes without one. Records are of version 1.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::stream;
use parking_lot::Mutex;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use watchpost_model::Id;
use watchpost_runtime::{Filter, Tap, Tapped};

use crate::{
    App, Problem,
    extract::At,
    live::{KEEP_ALIVE, last_seen, viewer},
};

/// What its place in the log is kept under, for the next life of the process.
const NAME: &str = "consume_events";
/// Records that wait for a poll.
const MAX_WAITING: usize = 500;
/// Without a poll for so long nobody polls any more.
const LAPSES_AFTER: Duration = Duration::from_secs(15 * 60);
/// Nothing more is ready when nothing came for so long.
const READY: Duration = Duration::from_millis(20);
/// A poll is over after so long, whatever comes: in a busy instance there is always one more.
const LONGEST_POLL: Duration = Duration::from_secs(1);

/// Who polls, by instance.
#[derive(Default)]
pub(crate) struct Consumers(Mutex<BTreeMap<Id, Arc<Consumer>>>);

struct Consumer {
    tap: tokio::sync::Mutex<Tap>,
    polled: Mutex<Instant>,
}

/// A record.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ReferenceEvent", extend("examples" = [{"dataType": "event-area-enter", "jsonObject": "{}"}]))]
pub(crate) struct Consumed {
    /// Its schema's id.
    data_type: String,
    /// The record as JSON text.
    json_object: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "ReferenceEvents", extend("examples" = [[{"dataType": "event-area-enter", "jsonObject": "{}"}]]))]
pub(crate) struct AllConsumed(Vec<Consumed>);

fn filter() -> Filter {
    Filter { version_1: true, ..Filter::default() }
}

impl Consumers {
    fn of(&self, app: &App, id: Id) -> Result<Arc<Consumer>, Problem> {
        let mut all = self.0.lock();
        all.retain(|_, consumer| consumer.polled.lock().elapsed() < LAPSES_AFTER);
        if let Some(known) = all.get(&id) {
            *known.polled.lock() = Instant::now();
            return Ok(known.clone());
        }
        let tap = app.server.tap_again(&id.to_string(), filter(), NAME, LAPSES_AFTER)?;
        let tap = tokio::sync::Mutex::new(tap);
        let consumer = Arc::new(Consumer { tap, polled: Mutex::new(Instant::now()) });
        all.insert(id, consumer.clone());
        Ok(consumer)
    }
}

pub(crate) async fn consume(State(app): State<App>, At(id): At<String>) -> Result<Response, Problem> {
    let id = app.server.id_of(&id)?;
    let consumer = app.consumers.of(&app, id)?;
    let mut tap = consumer.tap.lock().await;
    let mut waiting = VecDeque::new();
    let began = Instant::now();
    while began.elapsed() < LONGEST_POLL
        && let Ok(Some(tapped)) = tokio::time::timeout(READY, tap.next()).await
    {
        if let Tapped::Json(json) = tapped {
            waiting.push_back(json);
            if waiting.len() > MAX_WAITING {
                waiting.pop_front();
            }
        }
    }
    tap.keep(NAME);
    if waiting.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let one = |json: bytes::Bytes| Consumed {
        data_type: type_of(&json),
        json_object: String::from_utf8_lossy(&json).into_owned(),
    };
    Ok(Json(AllConsumed(waiting.into_iter().map(one).collect())).into_response())
}

fn type_of(json: &[u8]) -> String {
    let record: Value = serde_json::from_slice(json).unwrap_or_default();
    record["$id"].as_str().unwrap_or_default().to_owned()
}

pub(crate) async fn follow(
    State(app): State<App>,
    At(id): At<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = viewer()?;
    let tap = app.server.tap_after(&id, filter(), last_seen(&headers))?;
    let events = stream::unfold((tap, place), |(mut tap, place)| async move {
        let (at, tapped) = tap.next_placed().await?;
        let event = match tapped {
            Tapped::Json(json) => {
                let data = String::from_utf8_lossy(&json).into_owned();
                Event::default().id(at.to_string()).event(type_of(&json)).data(data)
            }
            Tapped::Lost(lost) => Event::default().event("lost").data(format!("{{\"lost\":{lost}}}")),
        };
        Some((Ok::<_, std::convert::Infallible>(event), (tap, place)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}
