//! Records and stream objects as they come, as server-sent events (WHATWG HTML, "Server-sent events"). Each has an
//! id; a client that comes back with it as `Last-Event-ID` goes on behind it, as far as that is kept.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
};
use futures_util::{Stream, stream};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use watchpost_runtime::{Filter, Tap, TapPlace, Tapped};

use crate::{
    App, Problem,
    extract::{Asked, At},
};

/// Between two signs of life: less than proxies wait (60 s, mostly).
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Viewers at the same time, over all instances.
const MAX_VIEWERS: usize = 256;

/// What is looked at.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct Wanted {
    /// A stream's objects in place of records, by the name that exports use for `sink`.
    pub stream: Option<String>,
    /// Schema ids with commas between; `event-*` stands for all that begin so.
    pub types: Option<String>,
    /// Classes of objects, with commas between.
    pub classes: Option<String>,
    /// Names of areas and lines, with commas between.
    pub zones: Option<String>,
    /// Least confidence.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub min_confidence: Option<f64>,
}

impl Wanted {
    /// As the runtime has it.
    pub fn filter(self) -> Filter {
        let list = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        Filter {
            stream: self.stream.filter(|stream| !stream.is_empty()),
            types: list(self.types),
            classes: list(self.classes),
            zones: list(self.zones),
            min_confidence: self.min_confidence,
            version_1: false,
        }
    }
}

/// A place for one more viewer.
pub(crate) fn viewer() -> Result<OwnedSemaphorePermit, Problem> {
    static VIEWERS: std::sync::LazyLock<std::sync::Arc<Semaphore>> =
        std::sync::LazyLock::new(|| std::sync::Arc::new(Semaphore::new(MAX_VIEWERS)));
    VIEWERS.clone().try_acquire_owned().map_err(|_| {
        let detail = format!("{MAX_VIEWERS} viewers look at live data already; close some");
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    })
}

pub(crate) async fn live(
    State(app): State<App>,
    At(id): At<String>,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = viewer()?;
    let name =
        wanted.stream.clone().filter(|stream| !stream.is_empty()).unwrap_or_else(|| "record".to_owned());
    let tap = app.server.tap_after(&id, wanted.filter(), last_seen(&headers))?;
    Ok(Sse::new(events(tap, name, place)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// What a client that comes back has seen last.
pub(crate) fn last_seen(headers: &HeaderMap) -> Option<TapPlace> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

/// A tap as events. It is read only as fast as the client takes them: who is too slow loses, and is told.
pub(crate) fn events(
    tap: Tap,
    name: String,
    place: OwnedSemaphorePermit,
) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((tap, name, place), |(mut tap, name, place)| async move {
        let (at, tapped) = tap.next_placed().await?;
        let event = match tapped {
            Tapped::Json(json) => {
                Event::default().id(at.to_string()).event(&name).data(String::from_utf8_lossy(&json))
            }
            Tapped::Lost(lost) => Event::default().event("lost").data(format!("{{\"lost\":{lost}}}")),
        };
        Some((Ok(event), (tap, name, place)))
    })
}
